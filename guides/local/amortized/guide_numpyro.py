"""φᵢ by an encoder, in JAX."""

from collections.abc import Mapping
from typing import Any

import jax

from guides.nets.encoder_numpyro import encode


def phi(local: Any, params: Mapping[str, jax.Array], rows: Any) -> jax.Array:
    """Return φ of each row (B, size)."""
    return encode(local.encoder, params, rows.data)
