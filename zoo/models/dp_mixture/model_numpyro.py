"""The Dirichlet process mixture of Gaussians in NumPyro."""

from collections.abc import Sequence

import jax.numpy as jnp
import numpyro
import numpyro.distributions as dist
from jax import Array


def model(
    x: Array | None = None,
    *,
    size: int | None = None,
    K: int = 10,
    D: int = 1,
    alpha: float = 1.0,
    center: float | Sequence[float] = 0.0,
    spread: float | Sequence[float] = 1.0,
    kappa0: float = 0.1,
    a0: float = 2.0,
    b0: float = 0.2,
) -> None:
    """Break the stick and draw the components, then for each row a component and a point from its Gaussian.

    Args:
        x: observed points, shape (n, D); None draws them.
        size: number of rows of the whole data set, of which x may be a batch.
        K: number of pieces at which the process is cut off.
        D: number of columns of x.
        alpha: concentration of the process.
        center: prior mean of the locations, a number or one by column.
        spread: the columns' scale, by which variances (squared) are measured.
        kappa0: how many observations the prior of a location is worth.
        a0: shape of the variances' prior.
        b0: scale of the variances' prior, in units of spread squared.
    """
    n = size if x is None else len(x)
    middle, unit = (jnp.asarray(o) * jnp.ones(D) for o in (center, spread))
    with numpyro.plate("breaks", K - 1):
        sticks = numpyro.sample("sticks", dist.Beta(1.0, alpha))
    with numpyro.plate("components", K):
        variance = numpyro.sample("variance", dist.InverseGamma(a0, b0 * unit**2).to_event(1))
        loc = numpyro.sample("loc", dist.Normal(middle, (variance / kappa0) ** 0.5).to_event(1))
    left = jnp.concatenate([jnp.zeros(1), jnp.cumsum(jnp.log1p(-sticks), 0)])
    taken = jnp.concatenate([jnp.log(sticks), jnp.zeros(1)])
    with numpyro.plate("data", size or n, subsample_size=n):
        z = numpyro.sample("z", dist.Categorical(logits=taken + left), infer={"enumerate": "parallel"})
        numpyro.sample("x", dist.Normal(loc[z], variance[z] ** 0.5).to_event(1), obs=x)
