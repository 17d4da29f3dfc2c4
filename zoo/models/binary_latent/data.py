"""Digits in black and white, and rows of known causes."""

import numpy as np

from zoo.datasets import digits
from zoo.errors import unknown

NAMES = ("digits_binary",)
# Of the true weights: strong enough that a row says much of its causes.
STRENGTH = 4.0
WEIGHT_SEED = 0


def load(name: str = "digits_binary") -> dict[str, np.ndarray]:
    """Load a named data set.

    Args:
        name: "digits_binary".

    Returns:
        {"x": images by row, 0 or 1, shape (1797, 64)}.

    Raises:
        UserError: the name is unknown.

    >>> load()["x"].shape
    (1797, 64)
    """
    if name not in NAMES:
        raise unknown("data set", name, NAMES, "model 'binary_latent'")
    return {"x": digits.binary()}


def labels(name: str = "digits_binary") -> np.ndarray:
    """Return the digit that each row of a data set shows, integers (1797,).

    Raises:
        UserError: the name is unknown.
    """
    if name not in NAMES:
        raise unknown("data set", name, NAMES, "model 'binary_latent'")
    return digits.classes()


def true_values(latent: int = 100, D: int = 64) -> dict[str, np.ndarray]:
    """Return the parameters that simulated rows come from, the same for every seed.

    Returns:
        "weight" (D, latent), about Normal(0, 16 / latent), and "bias" (D,), such that the log-odds are 0 where
        each cause is half on.
    """
    weight = STRENGTH / latent**0.5 * np.random.default_rng(WEIGHT_SEED).standard_normal((D, latent))
    return {"weight": weight, "bias": -weight.sum(1) / 2}


def truth(seed: int, **options: int) -> dict[str, np.ndarray]:
    """Return the parameters that `simulate` draws with, those of `true_values` for every seed."""
    return true_values(**options)


def simulate(seed: int, size: int, *, latent: int = 100, D: int = 64) -> dict[str, np.ndarray]:
    """Draw codes, then rows, with the parameters of `true_values`.

    Args:
        seed: of NumPy's default generator.
        size: number of rows.
        latent, D: the model's options.

    Returns:
        {"x": shape (size, D), 0 or 1}.
    """
    rng, true = np.random.default_rng(seed), true_values(latent, D)
    z = rng.integers(2, size=(size, latent))
    log_odds = z @ true["weight"].T + true["bias"]
    return {"x": (rng.uniform(size=(size, D)) < 1 / (1 + np.exp(-log_odds))).astype(float)}
