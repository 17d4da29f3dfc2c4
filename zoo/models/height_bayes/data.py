"""Heights in metres: the same data sets as `height`."""

from typing import Any

import numpy as np

from zoo.models.height.data import load as load_heights

__all__ = ["load", "simulate"]


def load(name: str = "lecture") -> dict[str, np.ndarray]:
    """Load a named data set.

    Args:
        name: "lecture" (10 rows) or "galton" (481 rows).

    Returns:
        {"x": heights in metres, shape (n,)}.

    Raises:
        UserError: the name is unknown.
    """
    return load_heights(name)


def simulate(
    seed: int,
    size: int,
    *,
    m0: float = 1.7,
    kappa0: float = 1.0,
    a0: float = 2.0,
    b0: float = 0.005,
    known_sd: float | None = None,
    s0: float = 0.1,
) -> dict[str, np.ndarray]:
    """Draw the parameters from the prior, then heights given them.

    Args:
        seed: of NumPy's default generator.
        size: number of rows.
        m0, kappa0, a0, b0, known_sd, s0: the model's options.

    Returns:
        {"x": heights in metres, shape (size,)}.
    """
    rng = np.random.default_rng(seed)
    if known_sd is None:
        sd = float(np.sqrt(b0 / rng.gamma(a0)))
        loc = rng.normal(m0, sd / np.sqrt(kappa0))
    else:
        sd = known_sd
        loc = rng.normal(m0, s0)
    return {"x": rng.normal(loc, sd, size)}


def in_other_units(
    options: dict[str, Any], shift: np.ndarray, scale: np.ndarray
) -> tuple[dict[str, Any], np.ndarray, np.ndarray]:
    """Return what the model is in other units of x: all its numbers with a unit follow.

    Args:
        options: the model's.
        shift: added to each column (D,), after
        scale: each column is multiplied by it (D,).

    Returns:
        The options in the new units, and the shift and the scale that the model takes.
    """
    factor = float(scale[0])
    moved = {name: options[name] and options[name] * factor for name in ("known_sd", "s0")}
    moved |= {"m0": float(shift[0]) + options["m0"] * factor, "b0": options["b0"] * factor**2}
    return options | moved, shift, scale
