"""Independent normals, in JAX."""

from collections.abc import Mapping

import jax
import jax.numpy as jnp

from guides.families.standard import log_prob


def draw(params: Mapping[str, jax.Array], noise: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Transform noise (*rows, size) to v (*rows, size) and log q(v) (*rows,)."""
    loc, scale = params["loc"], params["scale"]
    return loc + scale * noise, (log_prob(noise) - jnp.log(scale)).sum(-1)
