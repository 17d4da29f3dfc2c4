"""Eruptions of the geyser Old Faithful."""

import numpy as np

from zoo.datasets import read
from zoo.errors import unknown
from zoo.models.units import ModelOptions, Units

NAMES = ("old_faithful",)


def load(name: str = "old_faithful") -> dict[str, np.ndarray]:
    """Load a named data set.

    Args:
        name: "old_faithful".

    Returns:
        {"x": (272, 2), minutes that an eruption lasts and minutes to wait for the next one}.

    Raises:
        UserError: the name is unknown.

    >>> load()["x"].shape
    (272, 2)
    """
    if name not in NAMES:
        raise unknown("data set", name, NAMES, "model 'gmm'")
    return {"x": read("old_faithful")}


def truth(seed: int, *, K: int = 2, D: int = 2, floor: float = 1e-6) -> dict[str, np.ndarray]:
    """Return the parameters that `simulate` draws with, the same for every seed.

    Returns:
        "weights" (K,), "loc" (K, D) and "scale_tril" (K, D, D), whose product the model adds the floor to.
    """
    weights = np.arange(1.0, K + 1)
    loc, covariance = np.zeros((K, D)), np.tile(np.eye(D), (K, 1, 1))
    loc[:, 0] = 4.0 * np.arange(K)
    if D > 1:
        covariance[:, 0, 1] = covariance[:, 1, 0] = np.where(np.arange(K) % 2 == 0, 0.5, -0.5)
    return {"weights": weights / weights.sum(), "loc": loc, "scale_tril": np.linalg.cholesky(covariance)}


def simulate(seed: int, size: int, *, K: int = 2, D: int = 2, floor: float = 1e-6) -> dict[str, np.ndarray]:
    """Draw from K components 4 apart along the first axis, component k of weight ∝ k.

    Within a component every column has variance 1 + floor; the first two are correlated ±0.5 in turn.

    Args:
        seed: of NumPy's default generator.
        size: number of rows.
        K, D, floor: the model's options.

    Returns:
        {"x": shape (size, D)}.
    """
    rng = np.random.default_rng(seed)
    weights = np.arange(1.0, K + 1)
    z = rng.choice(K, size, p=weights / weights.sum())
    noise = rng.standard_normal((size, D))
    if D > 1:
        sign = np.where(z % 2 == 0, 1.0, -1.0)
        noise[:, 1] = 0.5 * sign * noise[:, 0] + np.sqrt(0.75) * noise[:, 1]
    x = noise + np.sqrt(floor) * rng.standard_normal((size, D))
    x[:, 0] += 4.0 * z
    return {"x": x}


def in_other_units(options: ModelOptions, shift: np.ndarray, scale: np.ndarray) -> Units:
    """Return what the model is in other units of x: the floor is one for all columns, and so is their scale."""
    return Units(options | {"floor": options["floor"] * float(scale[0]) ** 2}, shift, np.full_like(scale, scale[0]))
