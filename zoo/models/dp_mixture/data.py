"""Velocities of galaxies, eruptions of Old Faithful, and mixtures drawn from the process itself."""

from collections.abc import Sequence

import numpy as np

from zoo.datasets import read
from zoo.errors import unknown
from zoo.models.gmm_bayes import data as mixture

NAMES = ("galaxies", *mixture.STEPS)
KM_S = 1000.0  # a unit of x, in the file's km/s


def load(name: str = "galaxies") -> dict[str, np.ndarray]:
    """Load a named data set.

    Args:
        name: "galaxies" (82 rows of one column, 1000 km/s), "old_faithful" (272 rows of two columns, minutes) or
            "old_faithful_8" (every 34th of them).

    Returns:
        {"x": shape (n, D)}.

    Raises:
        UserError: the name is unknown.

    >>> load()["x"].shape, load("old_faithful_8")["x"].shape
    ((82, 1), (8, 2))
    """
    if name not in NAMES:
        raise unknown("data set", name, NAMES, "model 'dp_mixture'")
    return {"x": read(name) / KM_S} if name == "galaxies" else mixture.load(name)


def truth(
    seed: int,
    *,
    K: int = 10,
    D: int = 1,
    alpha: float = 1.0,
    center: float | Sequence[float] = 0.0,
    spread: float | Sequence[float] = 1.0,
    kappa0: float = 0.1,
    a0: float = 2.0,
    b0: float = 0.2,
) -> dict[str, np.ndarray]:
    """Return the global latents that `simulate` draws from their prior with this seed.

    Args:
        seed: of NumPy's default generator.
        K, D, alpha, center, spread, kappa0, a0, b0: the model's options.

    Returns:
        "sticks" (K - 1,), "variance" (K, D) and "loc" (K, D).
    """
    return _drawn(np.random.default_rng(seed), K, D, alpha, center, spread, kappa0, a0, b0)


def _drawn(
    rng: np.random.Generator,
    K: int,
    D: int,
    alpha: float,
    center: float | Sequence[float],
    spread: float | Sequence[float],
    kappa0: float,
    a0: float,
    b0: float,
) -> dict[str, np.ndarray]:
    sticks = rng.beta(1.0, alpha, K - 1)
    variance = b0 * np.asarray(spread) ** 2 / rng.gamma(a0, size=(K, D))
    loc = np.asarray(center) + np.sqrt(variance / kappa0) * rng.standard_normal((K, D))
    return {"sticks": sticks, "variance": variance, "loc": loc}


def simulate(
    seed: int,
    size: int,
    *,
    K: int = 10,
    D: int = 1,
    alpha: float = 1.0,
    center: float | Sequence[float] = 0.0,
    spread: float | Sequence[float] = 1.0,
    kappa0: float = 0.1,
    a0: float = 2.0,
    b0: float = 0.2,
) -> dict[str, np.ndarray]:
    """Draw sticks, components and rows from the model.

    Args:
        seed: of NumPy's default generator.
        size: number of rows.
        K, D, alpha, center, spread, kappa0, a0, b0: the model's options.

    Returns:
        {"x": shape (size, D)}.
    """
    rng = np.random.default_rng(seed)
    true = _drawn(rng, K, D, alpha, center, spread, kappa0, a0, b0)
    sticks = np.append(true["sticks"], 1.0)
    z = rng.choice(K, size, p=sticks * np.cumprod(np.append(1.0, 1 - sticks[:-1])))
    return {"x": rng.normal(true["loc"][z], np.sqrt(true["variance"][z]))}
