"""Fisher's irises, and rows of a plane in space."""

from typing import Any

import numpy as np

from zoo.errors import unknown
from zoo.models.units import ModelOptions, Units

NAMES = ("iris",)
SPECIES = ("setosa", "versicolor", "virginica")
TRUE_SCALE = 0.5


def load(name: str = "iris") -> dict[str, np.ndarray]:
    """Load a named data set, in its unit and not standardised.

    Args:
        name: "iris".

    Returns:
        {"x": (150, 4), centimetres: sepal length and width, petal length and width}.

    Raises:
        UserError: the name is unknown.

    >>> load()["x"].shape
    (150, 4)
    """
    _check(name)
    return {"x": _iris().data}


def labels(name: str = "iris") -> np.ndarray:
    """Return the class of each row, which the model does not see: for colouring.

    Args:
        name: as in `load`.

    Returns:
        Places in `SPECIES`, shape (150,).

    Raises:
        UserError: the name is unknown.

    >>> [SPECIES[label] for label in labels()[[0, 50, 100]]]
    ['setosa', 'versicolor', 'virginica']
    """
    _check(name)
    return _iris().target


def true_values(latent: int = 2, D: int = 4) -> dict[str, np.ndarray]:
    """Return the parameters that `simulate` draws from.

    Returns:
        "weight" (D, latent), cos(j (d + ½)) · 2 / (j + 1) for d, j from 0, whose columns are not orthogonal;
        "loc" (D,), 0 … D - 1; "scale" (), 0.5.
    """
    feature, axis = np.arange(D)[:, None], np.arange(latent)
    weight = np.cos(axis * (feature + 0.5)) * 2 / (axis + 1)
    return {"weight": weight, "loc": np.arange(float(D)), "scale": np.asarray(TRUE_SCALE)}


def truth(seed: int, **options: int) -> dict[str, np.ndarray]:
    """Return the parameters that `simulate` draws with, those of `true_values` for every seed."""
    return true_values(**options)


def simulate(seed: int, size: int, *, latent: int = 2, D: int = 4) -> dict[str, np.ndarray]:
    """Draw codes, then rows, at `true_values`.

    Args:
        seed: of NumPy's default generator.
        size: number of rows.
        latent, D: the model's options.

    Returns:
        {"x": shape (size, D)}.
    """
    rng = np.random.default_rng(seed)
    true = true_values(latent, D)
    mean = rng.standard_normal((size, latent)) @ true["weight"].T + true["loc"]
    return {"x": rng.normal(mean, true["scale"])}


def _iris() -> Any:
    from sklearn.datasets import load_iris  # it takes seconds, which whoever asks for no iris should not wait

    return load_iris()


def _check(name: str) -> None:
    if name not in NAMES:
        raise unknown("data set", name, NAMES, "model 'ppca'")


def in_other_units(options: ModelOptions, shift: np.ndarray, scale: np.ndarray) -> Units:
    """Return what the model is in other units of x: the noise is one for all columns, and so is their scale."""
    return Units(options, shift, np.full_like(scale, scale[0]))
