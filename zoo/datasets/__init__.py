"""The zoo's embedded data sets: CSV files of numbers, each with its source and licence in README.md."""

from importlib import resources

import numpy as np


def read(name: str) -> np.ndarray:
    """Read one embedded CSV file.

    Args:
        name: file name without ".csv".

    Returns:
        The figures, shape (rows, columns), float64.

    >>> read("heights_lecture").shape
    (10, 1)
    """
    text = resources.files(__name__).joinpath(f"{name}.csv").read_text(encoding="utf-8")
    return np.loadtxt(text.splitlines(), delimiter=",", skiprows=1, ndmin=2)
