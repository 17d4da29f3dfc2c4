"""The hierarchical normal in Pyro."""

import pyro
import pyro.distributions as dist
from torch import Tensor as Array


def model(
    x: Array | None = None,
    *,
    size: int | None = None,
    prior: str = "normal",
    prior_sd: float = 100.0,
    tau: float = 42.0,
    sigma: float = 22.1,
) -> None:
    """Draw the common mean, then each group's departure and its measurement.

    Args:
        x: measurements, shape (n,); None draws them.
        size: number of rows of the whole data set, of which x may be a batch.
        prior: of theta; "flat" masks the normal density out, which leaves a density of one.
        prior_sd: prior standard deviation of theta, in x's unit.
        tau: standard deviation between groups, in x's unit.
        sigma: standard deviation of a measurement, in x's unit.
    """
    n = size if x is None else len(x)
    normal = dist.Normal(0.0, prior_sd)
    theta = pyro.sample("theta", normal if prior == "normal" else normal.mask(False))
    with pyro.plate("data", size or n, subsample_size=n):
        z = pyro.sample("z", dist.Normal(0.0, tau))
        pyro.sample("x", dist.Normal(theta + z, sigma), obs=x)
