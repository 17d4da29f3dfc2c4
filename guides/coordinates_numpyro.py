"""One flat vector v for many named values: the coordinates in which learning moves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import jax
import jax.numpy as jnp
import numpy as np

from guides.bijections_numpyro import constrain
from guides.layout import Layout
from guides.sites import TracedSite
from guides.start import Start

Array = jax.Array


class Coordinates(Layout):
    """v <-> the constrained values of some sites, with v = (u - u₀) / spread.

    Args:
        sites: parameters or continuous latents, in order.
        starts: start by site name; u₀ = 0 and spread 1 where there is none.
    """

    def __init__(self, sites: Sequence[TracedSite], starts: Mapping[str, Start] | None = None) -> None:
        super().__init__(sites, starts or {})

    def constrain(self, v: Array) -> dict[str, tuple[Array, Array]]:
        """Map v (*rows, size) to {name: (value (*rows, *shape), log|dvalue/dv| (*rows, *the site's batch shape))}."""
        out, rows = {}, v.shape[:-1]
        # Split, since the gradient of many slices is a sum of as many arrays of v's whole size.
        parts = jnp.split(v, [b.slice.stop for b in self.blocks[:-1]], -1)
        for block, part in zip(self.blocks, parts, strict=False):
            spread = jnp.asarray(block.spread, v.dtype)
            u = jnp.asarray(block.origin, v.dtype) + spread * part.reshape(*rows, *block.shape)
            value, log_jacobian = constrain(block.site.support, u)
            extra = log_jacobian.ndim - len(rows) - block.log_spread.ndim
            log_jacobian = log_jacobian.sum(tuple(range(-extra, 0))) if extra else log_jacobian
            out[block.site.name] = value, log_jacobian + jnp.asarray(block.log_spread, v.dtype)
        return out

    def values(self, v: Array) -> dict[str, Array]:
        """Map v (*rows, size) to {name: value (*rows, *shape)}."""
        return {name: value for name, (value, _) in self.constrain(v).items()}

    def log_jacobian(self, v: Array) -> Array:
        """Return the log-Jacobian of v (*rows, size) -> values, summed over all sites (*rows,)."""
        rows = v.shape[:-1]
        return sum((j.reshape(*rows, -1).sum(-1) for _, j in self.constrain(v).values()), jnp.zeros(rows, v.dtype))

    def dictionary(self, v: Array) -> dict[str, np.ndarray]:
        """Map v (size,) to NumPy values."""
        return {name: np.asarray(value) for name, value in self.values(v).items()}
