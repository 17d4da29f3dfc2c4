"""Strings of handwritten digits: the same data sets as `crf`."""

import numpy as np

from zoo.models.crf import exact
from zoo.models.crf.data import features
from zoo.models.crf.data import load as load_strings
from zoo.models.units import ModelOptions, Units

__all__ = ["load", "simulate", "truth"]


def load(name: str = "strings") -> dict[str, np.ndarray]:
    """Load 300 strings of 4 to 12 digits; the two sets are made of different images.

    Args:
        name: "strings" or "strings_test".

    Returns:
        {"x": features, shape (300, 12, 16), "y": the digits, shape (300, 12)}; see `crf`.

    Raises:
        UserError: the name is unknown.
    """
    return load_strings(name)


def truth(seed: int, *, K: int = 10, D: int = 16, scale: float = 1.0) -> dict[str, np.ndarray]:
    """Return the global latents that `simulate` draws from their prior with this seed.

    Args:
        seed: of NumPy's default generator.
        K, D, scale: the model's options.

    Returns:
        "weights" (D, K), "bias" (K,) and "transition" (K, K).
    """
    return _drawn(np.random.default_rng(seed), K, D, scale)


def _drawn(rng: np.random.Generator, K: int, D: int, scale: float) -> dict[str, np.ndarray]:
    shapes = {"weights": (D, K), "bias": (K,), "transition": (K, K)}
    return {name: scale * rng.standard_normal(shape) for name, shape in shapes.items()}


def simulate(seed: int, size: int, *, K: int = 10, D: int = 16, scale: float = 1.0) -> dict[str, np.ndarray]:
    """Draw the parameters from the prior, then the labels of strings with standard normal features.

    Args:
        seed: of NumPy's default generator.
        size: number of strings, of 1 to 6 steps.
        K, D, scale: the model's options.

    Returns:
        {"x": features, shape (size, 6, D), NaN past the end, "y": labels, shape (size, 6), 0 past the end}.
    """
    rng = np.random.default_rng(seed)
    values, x = _drawn(rng, K, D, scale), features(rng, size, D)
    return {"x": x, "y": exact.draw(x, values, rng).astype(float)}


def in_other_units(options: ModelOptions, shift: np.ndarray, scale: np.ndarray) -> Units:
    """Return what the model is in other units of x: another one, since all weights have one prior; x stays."""
    return Units(options, np.zeros_like(shift), np.ones_like(scale))
