"""The linear infinite mixture in NumPyro."""

import jax.numpy as jnp
import numpyro
import numpyro.distributions as dist
from jax import Array
from numpyro.distributions import constraints


def model(x: Array | None = None, *, size: int | None = None, latent: int = 2, D: int = 4) -> None:
    """Draw a code, then a point around its linear image.

    The parameters' initial values suit data of mean 0 and sd 1: column d of x follows code d, d + latent, ….

    Args:
        x: observed points, shape (n, D); None draws them.
        size: number of rows of the whole data set, of which x may be a batch.
        latent: number of entries of a code.
        D: number of columns of x.
    """
    n = size if x is None else len(x)
    weight = numpyro.param("weight", jnp.eye(latent)[jnp.arange(D) % latent])
    loc = numpyro.param("loc", jnp.zeros(D))
    scale = numpyro.param("scale", jnp.ones(()), constraint=constraints.positive)
    with numpyro.plate("data", size or n, subsample_size=n):
        z = numpyro.sample("z", dist.Normal(jnp.zeros(latent), 1.0).to_event(1))
        numpyro.sample("x", dist.Normal(z @ weight.mT + loc, scale).to_event(1), obs=x)
