"""The mixture of Gaussians in NumPyro."""

import jax.numpy as jnp
import numpyro
import numpyro.distributions as dist
from jax import Array
from numpyro.distributions import constraints


def model(x: Array | None = None, *, size: int | None = None, K: int = 2, D: int = 2, floor: float = 1e-6) -> None:
    """Draw a component, then a point from its Gaussian.

    The parameters' initial values suit data of mean 0 and sd 1: components side by side on the diagonal.

    Args:
        x: observed points, shape (n, D); None draws them.
        size: number of rows of the whole data set, of which x may be a batch.
        K: number of components.
        D: number of columns of x.
        floor: added to the diagonal of every covariance, in squared units of x.
    """
    n = size if x is None else len(x)
    eye = jnp.eye(D)
    weights = numpyro.param("weights", jnp.ones(K) / K, constraint=constraints.simplex)
    loc = numpyro.param("loc", jnp.linspace(-1.0, 1.0, K)[:, None] * jnp.ones(D))
    scale_tril = numpyro.param("scale_tril", jnp.ones((K, 1, 1)) * eye, constraint=constraints.lower_cholesky)
    floored_tril = jnp.linalg.cholesky(scale_tril @ scale_tril.mT + floor * eye)
    with numpyro.plate("data", size or n, subsample_size=n):
        z = numpyro.sample("z", dist.Categorical(logits=jnp.log(weights)), infer={"enumerate": "parallel"})
        numpyro.sample("x", dist.MultivariateNormal(loc[z], scale_tril=floored_tril[z]), obs=x)
