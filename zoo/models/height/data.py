"""Heights in metres."""

import numpy as np

from zoo.datasets import read
from zoo.errors import unknown

FILES = {"lecture": "heights_lecture", "galton": "heights_galton"}
TRUE_LOC, TRUE_SCALE = 1.7, 0.07


def load(name: str = "lecture") -> dict[str, np.ndarray]:
    """Load a named data set.

    Args:
        name: "lecture" (10 rows) or "galton" (481 rows).

    Returns:
        {"x": heights in metres, shape (n,)}.

    Raises:
        UserError: the name is unknown.

    >>> round(float(load()["x"].mean()), 4)
    1.683
    """
    if name not in FILES:
        raise unknown("data set", name, FILES, "model 'height'")
    return {"x": read(FILES[name])[:, 0]}


def truth(seed: int) -> dict[str, np.ndarray]:
    """Return the parameters that `simulate` draws with, the same for every seed: "loc" and "scale", metres."""
    return {"loc": np.asarray(TRUE_LOC), "scale": np.asarray(TRUE_SCALE)}


def simulate(seed: int, size: int) -> dict[str, np.ndarray]:
    """Draw heights from the model with loc 1.7 m and scale 0.07 m.

    Args:
        seed: of NumPy's default generator.
        size: number of rows.

    Returns:
        {"x": heights in metres, shape (size,)}.
    """
    return {"x": np.random.default_rng(seed).normal(TRUE_LOC, TRUE_SCALE, size)}
