"""Where learning starts: off the answer, and at the data's scale whatever their unit."""

from collections.abc import Mapping

import numpy as np

from guides.start import Start
from zoo.errors import UserError


def start(data: Mapping[str, np.ndarray], rng: np.random.Generator) -> dict[str, Start]:
    """Start half a sd to a sd beside the mean, and at about twice the sd.

    The sd of all rows is the unit, since an outlier moves the answer as it moves the sd.

    Args:
        data: {"x": heights, shape (n,)}.
        rng: draws the side and the distance, so that seeds differ.

    Returns:
        A Start for "loc" and "scale".

    Raises:
        UserError: all rows are equal, so that the likelihood has no maximum.
    """
    x = data["x"]
    if np.ptp(x) == 0:
        raise UserError(
            "height: the rows of x are all equal, and the likelihood grows without bound as scale goes to 0;"
            " give rows that vary, or fit 'height_bayes'"
        )
    scale = x.std()
    return {
        "loc": Start(x.mean() + aside(rng, scale), scale),
        "scale": Start(2 * scale * np.exp(0.1 * rng.standard_normal())),
    }


def aside(rng: np.random.Generator, unit: float) -> float:
    """Return half a unit to a unit, to either side."""
    return float(rng.choice([-1, 1]) * rng.uniform(0.5, 1) * unit)
