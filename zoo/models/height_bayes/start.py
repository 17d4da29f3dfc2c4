"""Where learning starts: near the posterior, from the median and a robust scale, at the posterior's scale."""

from collections.abc import Mapping

import numpy as np

from guides.start import Start
from zoo.models.height.start import robust_scale


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
    """Start where prior and data, summarised robustly, meet; jitter by half a posterior sd.

    Args:
        data: {"x": heights, shape (n,)}.
        rng: source of the jitter, so that seeds differ.
        m0, kappa0, a0, b0, known_sd, s0: the model's options.

    Returns:
        A Start for "loc", and for "variance" unless known_sd is given.
    """
    x = data["x"]
    n = len(x)
    jitter = 0.5 * rng.standard_normal(2)
    if known_sd is not None:
        precision = 1 / s0**2 + n / known_sd**2
        middle = (m0 / s0**2 + n * np.median(x) / known_sd**2) / precision
        return {"loc": Start(middle + jitter[0] * precision**-0.5, precision**-0.5)}
    middle = (kappa0 * m0 + n * np.median(x)) / (kappa0 + n)
    off = kappa0 * n * (np.median(x) - m0) ** 2 / (kappa0 + n)
    shape = a0 + n / 2
    variance = (b0 + 0.5 * (n * robust_scale(x) ** 2 + off)) / shape
    loc_sd = np.sqrt(variance / (kappa0 + n))
    return {
        "variance": Start(variance * np.exp(jitter[1] * shape**-0.5), shape**-0.5),
        "loc": Start(middle + jitter[0] * loc_sd, loc_sd),
    }
