"""Where learning starts: beside the posterior's middle, at the posterior's scale."""

from collections.abc import Mapping

import numpy as np

from guides.start import Start
from zoo.models.height.start import aside
from zoo.models.height_bayes.exact import Options


def start(
    data: Mapping[str, np.ndarray],
    rng: np.random.Generator,
    *,
    m0: float = 1.7,
    kappa0: float = 1.0,
    a0: float = 2.0,
    b0: float = 0.005,
    known_sd: float | None = None,
    s0: float = 0.1,
) -> dict[str, Start]:
    """Start half a posterior sd to a posterior sd beside the posterior's middle.

    Args:
        data: {"x": heights, shape (n,)}.
        rng: draws the sides and the distances, so that seeds differ.
        m0, kappa0, a0, b0, known_sd, s0: the model's options.

    Returns:
        A Start for "loc", and for "variance" unless known_sd is given.
    """
    now = Options(m0, kappa0, a0, b0, known_sd, s0).updated(data["x"])
    if known_sd is not None:
        return {"loc": Start(now.m0 + aside(rng, now.s0), now.s0)}
    variance, factor = now.b0 / now.a0, now.a0**-0.5
    sd = np.sqrt(variance / now.kappa0)
    return {
        "variance": Start(variance * np.exp(aside(rng, factor)), factor),
        "loc": Start(now.m0 + aside(rng, sd), sd),
    }
