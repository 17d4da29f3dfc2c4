"""The hierarchical normal's true posterior of the departures given theta, in Pyro."""

import math
from collections.abc import Mapping

from torch import Tensor as Array


def noise_size(*, prior: str = "normal", prior_sd: float = 100.0, tau: float = 42.0, sigma: float = 22.1) -> int:
    """Return how many standard normals one row takes."""
    return 1


def draw(
    values: Mapping[str, Array],
    data: Mapping[str, Array],
    noise: Array,
    *,
    prior: str = "normal",
    prior_sd: float = 100.0,
    tau: float = 42.0,
    sigma: float = 22.1,
) -> tuple[dict[str, Array], Array]:
    """Draw each row's departure from its posterior, Normal(s (x - theta), √s sigma) with s = tau²/(tau² + sigma²).

    Args:
        values: {"theta": ()}.
        data: {"x": the batch's measurements, shape (B,)}.
        noise: standard normals, shape (B, 1).
        prior, prior_sd, tau, sigma: the model's options.

    Returns:
        {"z": departures, shape (B,)}, and their log density under the posterior, shape (B,).
    """
    shrink = tau**2 / (tau**2 + sigma**2)
    sd = math.sqrt(shrink) * sigma
    unit = noise[..., 0]
    log_q = -0.5 * unit**2 - math.log(sd) - 0.5 * math.log(2 * math.pi)
    return {"z": shrink * (data["x"] - values["theta"]) + sd * unit}, log_q
