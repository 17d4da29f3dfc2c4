"""φᵢ by an encoder and gradient steps, in JAX."""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp

from guides.local.semi_amortized import STEPS
from guides.nets.encoder_numpyro import encode

Array = jax.Array


def phi(local: Any, params: Mapping[str, Array], rows: Any) -> Array:
    """Return φ of each row (B, size)."""
    phi = encode(local.encoder, params, rows.data)
    for size, noise in zip(params[STEPS], rows.inner_noise, strict=True):
        slope = clipped(jax.grad(lambda p, e=noise: rows.bound(p, e).sum())(phi))
        phi = phi + size * (slope if local.options["through"] else jax.lax.stop_gradient(slope))
    return phi


def clipped(gradient: Array) -> Array:
    """Shorten each row's gradient to a root mean square of at most 1."""
    return gradient / jnp.sqrt(jnp.maximum((gradient**2).mean(-1, keepdims=True), 1.0))
