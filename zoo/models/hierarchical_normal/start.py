"""Where learning starts: near theta's posterior, from the median, and at the prior of every z."""

from collections.abc import Mapping

import numpy as np

from guides.start import Start


def start(
    data: Mapping[str, np.ndarray],
    rng: np.random.Generator,
    *,
    prior: str = "normal",
    prior_sd: float = 100.0,
    tau: float = 42.0,
    sigma: float = 22.1,
) -> dict[str, Start]:
    """Start where prior and median meet, jittered by half a posterior sd.

    Args:
        data: {"x": measurements, shape (n,)}.
        rng: source of the jitter, so that seeds differ.
        prior, prior_sd, tau, sigma: the model's options.

    Returns:
        A Start for "theta", and for one row's "z".
    """
    x = data["x"]
    rows = len(x) / (tau**2 + sigma**2)
    precision = rows + (1 / prior_sd**2 if prior == "normal" else 0.0)
    sd = precision**-0.5
    theta = rows * np.median(x) / precision + 0.5 * sd * rng.standard_normal()
    return {"theta": Start(theta, sd), "z": Start(0.0, tau)}
