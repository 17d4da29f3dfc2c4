"""One normal, diagonal plus low rank, in JAX."""

from collections.abc import Mapping

import jax
import numpyro.distributions as dist


def draw(params: Mapping[str, jax.Array], noise: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Transform noise (*rows, size + rank) to v (*rows, size) and log q(v) (*rows,)."""
    loc, scale, factor = params["loc"], params["scale"], params["cov_factor"]
    size = loc.shape[-1]
    v = loc + scale * noise[..., :size] + (factor @ noise[..., size:, None])[..., 0]
    return v, dist.LowRankMultivariateNormal(loc, factor, scale**2).log_prob(v)
