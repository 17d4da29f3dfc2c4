"""The point, in JAX."""

from collections.abc import Mapping

import jax
import jax.numpy as jnp


def draw(params: Mapping[str, jax.Array], noise: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Return v (*rows, size) and 0 (*rows,): a point has no density."""
    loc = params["loc"]
    return loc, jnp.zeros(loc.shape[:-1], loc.dtype)
