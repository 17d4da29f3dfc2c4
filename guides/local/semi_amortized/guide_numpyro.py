"""φᵢ by an encoder and gradient steps, in JAX."""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp

from guides.nets.encoder_numpyro import encode

Array = jax.Array


def phi(local: Any, params: Mapping[str, Array], rows: Any) -> Array:
    """Return φ of each row (B, size)."""
    first = phi = encode(local.encoder, params, rows.data)
    for noise in rows.inner_noise:
        phi = phi + local.options["step_size"] * clipped(jax.grad(lambda p, e=noise: rows.bound(p, e).sum())(phi))
    return phi if local.options["through"] else first + jax.lax.stop_gradient(phi - first)


def clipped(gradient: Array) -> Array:
    """Shorten each row's gradient to a root mean square of at most 1."""
    return gradient / jnp.sqrt(jnp.maximum((gradient**2).mean(-1, keepdims=True), 1.0))
