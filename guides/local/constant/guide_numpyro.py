"""One φ for all rows, in JAX."""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp


def phi(local: Any, params: Mapping[str, jax.Array], rows: Any) -> jax.Array:
    """Return φ of each row (B, size)."""
    phi = params["local.phi"]
    return jnp.broadcast_to(phi, (rows.count, phi.shape[-1]))
