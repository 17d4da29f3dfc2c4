"""The Gaussian in NumPyro."""

import jax.numpy as jnp
import numpyro
import numpyro.distributions as dist
from jax import Array
from numpyro.distributions import constraints


def model(x: Array | None = None, *, size: int | None = None) -> None:
    """Draw heights.

    Args:
        x: observed heights in metres, shape (n,); None draws them.
        size: number of rows of the whole data set, of which x may be a batch.
    """
    n = size if x is None else len(x)
    loc = numpyro.param("loc", jnp.asarray(1.7))
    scale = numpyro.param("scale", jnp.asarray(0.1), constraint=constraints.positive)
    with numpyro.plate("data", size or n, subsample_size=n):
        numpyro.sample("x", dist.Normal(loc, scale), obs=x)
