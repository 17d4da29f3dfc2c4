"""One normal with a full covariance, in JAX."""

from collections.abc import Mapping

import jax
import jax.numpy as jnp

from guides.families.standard import log_prob


def draw(params: Mapping[str, jax.Array], noise: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Transform noise (*rows, size) to v (*rows, size) and log q(v) (*rows,)."""
    loc, scale_tril = params["loc"], params["scale_tril"]
    v = loc + (scale_tril @ noise[..., None])[..., 0]
    log_diagonal = jnp.log(jnp.diagonal(scale_tril, axis1=-2, axis2=-1))
    return v, (log_prob(noise) - log_diagonal).sum(-1)
