"""The Gaussian with priors in NumPyro."""

import numpyro
import numpyro.distributions as dist
from jax import Array


def model(
    x: Array | None = None,
    *,
    size: int | None = None,
    m0: float = 1.7,
    kappa0: float = 1.0,
    a0: float = 2.0,
    b0: float = 0.005,
    known_sd: float | None = None,
    s0: float = 0.1,
) -> None:
    """Draw the variance and the mean, then heights.

    Args:
        x: observed heights in metres, shape (n,); None draws them.
        size: number of rows of the whole data set, of which x may be a batch.
        m0: prior mean of loc, metres.
        kappa0: how many observations the prior of loc is worth.
        a0: shape of the variance's prior.
        b0: scale of the variance's prior, square metres.
        known_sd: the standard deviation in metres where it is known; None makes it a latent.
        s0: prior standard deviation of loc in metres, used with known_sd.
    """
    n = size if x is None else len(x)
    if known_sd is None:
        variance = numpyro.sample("variance", dist.InverseGamma(a0, b0))
        loc = numpyro.sample("loc", dist.Normal(m0, (variance / kappa0) ** 0.5))
        sd = variance**0.5
    else:
        loc = numpyro.sample("loc", dist.Normal(m0, s0))
        sd = known_sd
    with numpyro.plate("data", size or n, subsample_size=n):
        numpyro.sample("x", dist.Normal(loc, sd), obs=x)
