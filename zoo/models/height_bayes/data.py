"""Heights in metres: the same data sets as `height`."""

import numpy as np

from zoo.models.height.data import load as load_heights
from zoo.models.units import ModelOptions, Units

__all__ = ["load", "simulate", "truth"]


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


def truth(
    seed: int,
    *,
    m0: float = 1.7,
    kappa0: float = 1.0,
    a0: float = 2.0,
    b0: float = 0.005,
    known_sd: float | None = None,
    s0: float = 0.1,
) -> dict[str, np.ndarray]:
    """Return the global latents that `simulate` draws from their prior with this seed.

    Args:
        seed: of NumPy's default generator.
        m0, kappa0, a0, b0, known_sd, s0: the model's options.

    Returns:
        "loc" (), metres; and "variance" (), square metres, unless the sd is known.
    """
    return _drawn(np.random.default_rng(seed), m0, kappa0, a0, b0, known_sd, s0)


def _drawn(
    rng: np.random.Generator, m0: float, kappa0: float, a0: float, b0: float, known_sd: float | None, s0: float
) -> dict[str, np.ndarray]:
    if known_sd is not None:
        return {"loc": np.asarray(rng.normal(m0, s0))}
    variance = b0 / rng.gamma(a0)
    return {"variance": np.asarray(variance), "loc": np.asarray(rng.normal(m0, np.sqrt(variance / kappa0)))}


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
    true = _drawn(rng, m0, kappa0, a0, b0, known_sd, s0)
    sd = np.sqrt(true["variance"]) if known_sd is None else known_sd
    return {"x": rng.normal(true["loc"], sd, size)}


def in_other_units(options: ModelOptions, shift: np.ndarray, scale: np.ndarray) -> Units:
    """Return what the model is in other units of x: all its numbers with a unit follow."""
    factor = float(scale[0])
    moved = {name: options[name] and options[name] * factor for name in ("known_sd", "s0")}
    moved |= {"m0": float(shift[0]) + options["m0"] * factor, "b0": options["b0"] * factor**2}
    return Units(options | moved, shift, scale)
