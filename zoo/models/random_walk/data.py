"""Decades of the Nile, and simulated walks."""

import numpy as np

from zoo.datasets import read
from zoo.errors import unknown
from zoo.models.units import ModelOptions, Units

NAMES = ("nile", "walks")
DECADE = 10
FLOW_UNIT = 100.0  # the file's 10⁸ m³ in a unit of x, 10¹⁰ m³, so that a year varies by about one
WALKS = {"seed": 0, "size": 400, "T": 20}


def load(name: str = "nile") -> dict[str, np.ndarray]:
    """Load a named data set.

    Args:
        name: "nile" (10 decades of 10 years, 10¹⁰ m³ less the mean of all 100) or "walks" (400 simulated
            series of 20 steps at the default options).

    Returns:
        {"x": shape (series, steps)}.

    Raises:
        UserError: the name is unknown.

    >>> load()["x"].shape, load("walks")["x"].shape
    ((10, 10), (400, 20))
    """
    if name not in NAMES:
        raise unknown("data set", name, NAMES, "model 'random_walk'")
    if name == "walks":
        return simulate(**WALKS)
    flow = read("nile")[:, 1]
    return {"x": ((flow - flow.mean()) / FLOW_UNIT).reshape(-1, DECADE)}


def truth(seed: int, **options: float) -> dict[str, np.ndarray]:
    """Return nothing: the model has neither parameters nor global latents."""
    return {}


def simulate(
    seed: int, size: int, *, T: int = 10, step_sd: float = 1.0, noise_sd: float = 1.0
) -> dict[str, np.ndarray]:
    """Draw walks, then noise around them.

    Args:
        seed: of NumPy's default generator.
        size: number of series.
        T, step_sd, noise_sd: the model's options.

    Returns:
        {"x": shape (size, T)}.
    """
    rng = np.random.default_rng(seed)
    z = step_sd * rng.standard_normal((size, T)).cumsum(1)
    return {"x": rng.normal(z, noise_sd)}


def in_other_units(options: ModelOptions, shift: np.ndarray, scale: np.ndarray) -> Units:
    """Return what the model is in other units of x; walks begin at 0 in any unit."""
    moved = {name: options[name] * float(scale[0]) for name in ("step_sd", "noise_sd")}
    return Units(options | moved, np.zeros_like(shift), np.full_like(scale, scale[0]))
