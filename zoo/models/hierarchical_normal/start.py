"""Where learning starts: beside the middle of theta's posterior, and at the prior of every z."""

from collections.abc import Mapping

import numpy as np

from guides.start import Start
from zoo.models.height.start import aside
from zoo.models.hierarchical_normal.exact import posterior


def start(
    data: Mapping[str, np.ndarray],
    rng: np.random.Generator,
    *,
    prior: str = "normal",
    prior_sd: float = 100.0,
    tau: float = 42.0,
    sigma: float = 22.1,
) -> dict[str, Start]:
    """Start half a posterior sd to a posterior sd beside the posterior's middle.

    Args:
        data: {"x": measurements, shape (n,)}.
        rng: draws the side and the distance, so that seeds differ.
        prior, prior_sd, tau, sigma: the model's options.

    Returns:
        A Start for "theta", and for one row's "z".
    """
    found = posterior(data, prior=prior, prior_sd=prior_sd, tau=tau, sigma=sigma)["theta"]
    sd = float(found["sd"])
    return {"theta": Start(found["mean"] + aside(rng, sd), sd), "z": Start(0.0, tau)}
