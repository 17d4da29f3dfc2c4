"""The Bayesian mixture of Gaussians in NumPyro."""

from collections.abc import Sequence

import jax.numpy as jnp
import numpyro
import numpyro.distributions as dist
from jax import Array


def model(
    x: Array | None = None,
    *,
    size: int | None = None,
    K: int = 2,
    D: int = 2,
    covariance: str = "diagonal",
    alpha: float = 1.0,
    center: float | Sequence[float] = 0.0,
    spread: float | Sequence[float] = 1.0,
    kappa0: float = 0.1,
    a0: float = 2.0,
    b0: float = 0.2,
    location_sd: float | Sequence[float] = 1.0,
    eta: float = 1.0,
) -> None:
    """Draw weights and components, then for each row a component and a point from its Gaussian.

    Args:
        x: observed points, shape (n, D); None draws them.
        size: number of rows of the whole data set, of which x may be a batch.
        K: number of components.
        D: number of columns of x.
        covariance: "diagonal" or "full".
        alpha: concentration of the symmetric Dirichlet prior.
        center: prior mean of the locations, a number or one by column.
        spread: the columns' scale, by which variances (squared) and scales are measured.
        kappa0: how many observations the prior of a location is worth (diagonal).
        a0: shape of the variances' prior (diagonal).
        b0: scale of the variances' prior, in units of spread squared (diagonal).
        location_sd: prior standard deviation of the locations (full).
        eta: concentration of the LKJ prior of correlations (full).
    """
    n = size if x is None else len(x)
    middle, unit, location_unit = (jnp.asarray(o) * jnp.ones(D) for o in (center, spread, location_sd))
    weights = numpyro.sample("weights", dist.Dirichlet(alpha * jnp.ones(K)))
    with numpyro.plate("components", K):
        if covariance == "diagonal":
            variance = numpyro.sample("variance", dist.InverseGamma(a0, b0 * unit**2).to_event(1))
            loc = numpyro.sample("loc", dist.Normal(middle, (variance / kappa0) ** 0.5).to_event(1))
            scale_tril = variance[..., None] ** 0.5 * jnp.eye(D)
        else:
            loc = numpyro.sample("loc", dist.Normal(middle, location_unit).to_event(1))
            scale = numpyro.sample("scale", dist.HalfNormal(unit).to_event(1))
            corr = numpyro.sample("corr", dist.LKJCholesky(D, eta))
            scale_tril = scale[..., None] * corr
    with numpyro.plate("data", size or n, subsample_size=n):
        z = numpyro.sample("z", dist.Categorical(logits=jnp.log(weights)), infer={"enumerate": "parallel"})
        numpyro.sample("x", dist.MultivariateNormal(loc[z], scale_tril=scale_tril[z]), obs=x)
