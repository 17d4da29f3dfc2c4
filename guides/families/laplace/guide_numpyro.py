"""A normal at the mode, in JAX."""

from collections.abc import Mapping

import jax

from guides.families.delta.guide_numpyro import draw as point
from guides.families.full_rank.guide_numpyro import draw as normal


def draw(params: Mapping[str, jax.Array], noise: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Transform noise (size,) to v (size,) and log q(v) (): the mode and 0 while learning climbs to it."""
    return normal(params, noise) if "scale_tril" in params else point(params, noise)
