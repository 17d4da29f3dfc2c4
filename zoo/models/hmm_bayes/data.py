"""The data sets of `hmm`, and series simulated from the priors' world: its true parameters are those of `hmm`."""

from typing import Any

import numpy as np

from zoo.models.hmm import data as hmm
from zoo.models.hmm_bayes.exact import Options

NAMES = hmm.NAMES


def load(name: str = "earthquakes") -> dict[str, np.ndarray]:
    """Load a data set of `hmm` by its name.

    Returns:
        {"x": shape (series, steps, columns)}, NaN past a series' end.

    Raises:
        UserError: the name is unknown.
    """
    return hmm.load(name)


def truth(seed: int, **options: Any) -> dict[str, np.ndarray]:
    """Return the global latents that `simulate` draws with, the parameters of `hmm` for every seed."""
    o = Options(**options)
    return hmm.parameters(emission=o.emission, K=o.K, T=o.T, D=o.D, V=o.V)


def simulate(seed: int, size: int, **options: Any) -> dict[str, np.ndarray]:
    """Draw series of half of T to T steps, as `hmm` does.

    Args:
        seed: of NumPy's default generator.
        size: number of series.
        options: the model's.

    Returns:
        {"x": shape (size, T, D)}, NaN past a series' end.
    """
    o = Options(**options)
    return hmm.simulate(seed, size, emission=o.emission, K=o.K, T=o.T, D=o.D, V=o.V)
