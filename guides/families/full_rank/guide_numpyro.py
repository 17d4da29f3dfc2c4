"""One normal with a full covariance, in JAX."""

from collections.abc import Mapping

import jax
import numpyro.distributions as dist


def draw(params: Mapping[str, jax.Array], noise: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Transform noise (size,) to v (size,) and log q(v) ()."""
    loc, scale_tril = params["loc"], params["scale_tril"]
    v = loc + scale_tril @ noise
    return v, dist.MultivariateNormal(loc, scale_tril=scale_tril).log_prob(v)
