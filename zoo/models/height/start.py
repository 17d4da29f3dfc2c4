"""Where learning starts: off the answer, and at the data's scale whatever their unit."""

from collections.abc import Mapping

import numpy as np

from guides.start import Start
from zoo.errors import UserError

# The median absolute deviation of a Gaussian is its standard deviation divided by this.
MAD_TO_SD = 1.4826


def robust_scale(x: np.ndarray) -> float:
    """Return a scale of x that an outlier cannot move: from the median absolute deviation, else the sd."""
    return float(MAD_TO_SD * np.median(np.abs(x - np.median(x))) or x.std())


def start(data: Mapping[str, np.ndarray], rng: np.random.Generator) -> dict[str, Start]:
    """Start half a scale to a scale beside the median, and at about twice a robust scale.

    Args:
        data: {"x": heights, shape (n,)}.
        rng: draws the side and the distance, so that seeds differ.

    Returns:
        A Start for "loc" and "scale".

    Raises:
        UserError: all rows are equal, so that the likelihood has no maximum.
    """
    x = data["x"]
    scale = robust_scale(x)
    if np.ptp(x) == 0:
        raise UserError(
            "height: the rows of x are all equal, and the likelihood grows without bound as scale goes to 0;"
            " give rows that vary, or fit 'height_bayes'"
        )
    aside = rng.choice([-1, 1]) * rng.uniform(0.5, 1) * scale
    return {
        "loc": Start(np.median(x) + aside, scale),
        "scale": Start(2 * scale * np.exp(0.1 * rng.standard_normal())),
    }
