"""Where learning starts: where `crf` does, at the scale of the posterior."""

from collections.abc import Mapping

import numpy as np

from guides.start import Start
from zoo.models.crf.start import around


def start(
    data: Mapping[str, np.ndarray], rng: np.random.Generator, *, K: int = 10, D: int = 16, scale: float = 1.0
) -> dict[str, Start]:
    """Start where `crf` does; the log posterior is concave, so that it leads to the same place from anywhere.

    Args:
        data: {"x": features (n, T, D), "y": labels (n, T)}.
        rng: source of the jitter.
        K, D, scale: the model's options.

    Returns:
        A Start for "weights", "bias" and "transition".

    Raises:
        UserError: a label is K or more.
    """
    return around(data, rng, K, D, scale**-2)
