"""Independent normals, in JAX."""

from collections.abc import Mapping

import jax
import numpyro.distributions as dist


def draw(params: Mapping[str, jax.Array], noise: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Transform noise (size,) to v (size,) and log q(v) ()."""
    loc, scale = params["loc"], params["scale"]
    v = loc + scale * noise
    return v, dist.Normal(loc, scale).log_prob(v).sum()
