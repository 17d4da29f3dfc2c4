"""Batch means of a dyestuff's yield."""

import numpy as np

from zoo.datasets import read
from zoo.errors import unknown
from zoo.models.units import ModelOptions, Units

NAMES = ("dyestuff",)
NOMINAL = 1500.0  # grams; taken off, so that a prior around 0 is sensible


def load(name: str = "dyestuff") -> dict[str, np.ndarray]:
    """Load a named data set.

    Args:
        name: "dyestuff".

    Returns:
        {"x": mean yield of each batch less 1500, grams, shape (6,)}.

    Raises:
        UserError: the name is unknown.

    >>> load()["x"].tolist()
    [5.0, 28.0, 64.0, -2.0, 100.0, -30.0]
    """
    if name not in NAMES:
        raise unknown("data set", name, NAMES, "model 'hierarchical_normal'")
    batch, grams = read("dyestuff").T
    return {"x": np.array([grams[batch == b].mean() for b in np.unique(batch)]) - NOMINAL}


def truth(seed: int, *, prior_sd: float = 100.0, **options: object) -> dict[str, np.ndarray]:
    """Return the theta that `simulate` draws from its prior with this seed.

    Args:
        seed: of NumPy's default generator.
        prior_sd: the model's option; the others play no part.
    """
    return _theta(np.random.default_rng(seed), prior_sd)


def _theta(rng: np.random.Generator, prior_sd: float) -> dict[str, np.ndarray]:
    return {"theta": np.asarray(rng.normal(0, prior_sd))}


def simulate(
    seed: int, size: int, *, prior: str = "normal", prior_sd: float = 100.0, tau: float = 42.0, sigma: float = 22.1
) -> dict[str, np.ndarray]:
    """Draw theta from the normal prior, then departures and measurements.

    Args:
        seed: of NumPy's default generator.
        size: number of rows.
        prior, prior_sd, tau, sigma: the model's options; the flat prior cannot be drawn from, and theta then
            comes from the normal one.

    Returns:
        {"x": shape (size,)}.
    """
    rng = np.random.default_rng(seed)
    theta = _theta(rng, prior_sd)["theta"]
    z = rng.normal(0, tau, size)
    return {"x": rng.normal(theta + z, sigma)}


def in_other_units(options: ModelOptions, shift: np.ndarray, scale: np.ndarray) -> Units:
    """Return what the model is in other units of x; its prior is around 0 in any unit."""
    moved = {name: options[name] * float(scale[0]) for name in ("prior_sd", "tau", "sigma")}
    return Units(options | moved, np.zeros_like(shift), scale)
