"""Eruptions of the geyser Old Faithful, all of them and eight of them."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from zoo.datasets import read
from zoo.errors import unknown

# Every 34th of the 272 rows makes 8, few enough to sum over all allocations.
STEPS = {"old_faithful": 1, "old_faithful_8": 34}


def load(name: str = "old_faithful") -> dict[str, np.ndarray]:
    """Load a named data set.

    Args:
        name: "old_faithful" (272 rows) or "old_faithful_8" (every 34th of them).

    Returns:
        {"x": (n, 2), minutes that an eruption lasts and minutes to wait for the next one}.

    Raises:
        UserError: the name is unknown.

    >>> load("old_faithful_8")["x"].shape
    (8, 2)
    """
    if name not in STEPS:
        raise unknown("data set", name, STEPS, "model 'gmm_bayes'")
    return {"x": read("old_faithful")[:: STEPS[name]]}


def truth(
    seed: int,
    *,
    K: int = 2,
    D: int = 2,
    covariance: str = "diagonal",
    center: float | Sequence[float] = 0.0,
    spread: float | Sequence[float] = 1.0,
    **options: Any,
) -> dict[str, np.ndarray]:
    """Return the global latents that `simulate` draws with, the same for every seed.

    Args:
        seed: plays no part.
        K, D, covariance, center, spread: the model's options; the others play no part.

    Returns:
        "weights" (K,), "loc" (K, D), and "variance" (K, D) or "scale" (K, D) and "corr" (K, D, D).
    """
    weights, sd = np.arange(1.0, K + 1), 0.5 * np.asarray(spread) * np.ones((K, D))
    place = 3.0 * (np.arange(K) - (K - 1) / 2)[:, None]
    found = {"weights": weights / weights.sum(), "loc": np.asarray(center) + np.asarray(spread) * place * np.ones(D)}
    if covariance == "diagonal":
        return found | {"variance": sd**2}
    rho = 0.5 ** np.abs(np.arange(D)[:, None] - np.arange(D))
    return found | {"scale": sd, "corr": np.tile(np.linalg.cholesky(rho), (K, 1, 1))}


def simulate(
    seed: int,
    size: int,
    *,
    K: int = 2,
    D: int = 2,
    covariance: str = "diagonal",
    alpha: float = 1.0,
    center: float | Sequence[float] = 0.0,
    spread: float | Sequence[float] = 1.0,
    kappa0: float = 0.1,
    a0: float = 2.0,
    b0: float = 0.2,
    location_sd: float | Sequence[float] = 1.0,
    eta: float = 1.0,
) -> dict[str, np.ndarray]:
    """Draw from K components whose centres are 3 spreads apart along the diagonal, around `center`.

    The true parameters are fixed, not drawn from the prior, so that components are apart: weights ∝ 1 … K,
    the sd by column 0.5 spread; with full covariances neighbouring columns are correlated 0.5.

    Args:
        seed: of NumPy's default generator.
        size: number of rows.
        K, D, covariance, center, spread: the model's options; the other priors' numbers play no part.

    Returns:
        {"x": shape (size, D)}.
    """
    rng = np.random.default_rng(seed)
    weights = np.arange(1.0, K + 1)
    z = rng.choice(K, size, p=weights / weights.sum())
    noise = rng.standard_normal((size, D))
    if covariance == "full":
        rho = 0.5 ** np.abs(np.arange(D)[:, None] - np.arange(D))
        noise = noise @ np.linalg.cholesky(rho).T
    place = 3.0 * (z - (K - 1) / 2)[:, None]
    return {"x": np.asarray(center) + np.asarray(spread) * (place + 0.5 * noise)}
