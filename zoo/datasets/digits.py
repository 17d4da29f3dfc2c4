"""Handwritten digits that scikit-learn carries: 1,797 images of 8 × 8 pixels."""

from typing import Any

import numpy as np

# Each pixel counts the dark points of a 4 × 4 block of a scan of 32 × 32.
FULL = 16
DARK = 8


def counts() -> np.ndarray:
    """Return the images by row, counts 0 … 16, shape (1797, 64).

    >>> counts().shape
    (1797, 64)
    """
    return np.asarray(_loaded().data, dtype=np.float64)


def binary() -> np.ndarray:
    """Return the images as 0 and 1, shape (1797, 64): 1 where at least 8 of the 16 points are dark."""
    return (counts() >= DARK).astype(np.float64)


def classes() -> np.ndarray:
    """Return the digit that each image shows, shape (1797,), integers."""
    return np.asarray(_loaded().target, dtype=int)


def _loaded() -> Any:
    from sklearn.datasets import load_digits  # it takes seconds, which whoever asks for no digit should not wait

    return load_digits()
