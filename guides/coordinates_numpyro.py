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
        """Map v (size,) to {name: (value, log|dvalue/dv| of the site's batch shape)}."""
        out = {}
        for block in self.blocks:
            spread = jnp.asarray(block.spread, v.dtype)
            u = jnp.asarray(block.origin, v.dtype) + spread * v[block.slice].reshape(block.shape)
            value, log_jacobian = constrain(block.site.support, u)
            extra = log_jacobian.ndim - (len(block.site.shape) - block.site.event_dim)
            log_jacobian = log_jacobian.sum(tuple(range(-extra, 0))) if extra else log_jacobian
            out[block.site.name] = value, log_jacobian + jnp.asarray(block.log_spread, v.dtype)
        return out

    def values(self, v: Array) -> dict[str, Array]:
        """Map v (size,) to {name: value}."""
        return {name: value for name, (value, _) in self.constrain(v).items()}

    def log_jacobian(self, v: Array) -> Array:
        """Return the log-Jacobian of v -> values, summed over all sites ()."""
        return sum((j.sum() for _, j in self.constrain(v).values()), jnp.zeros((), v.dtype))

    def dictionary(self, v: Array) -> dict[str, np.ndarray]:
        """Map v (size,) to NumPy values."""
        return {name: np.asarray(value) for name, value in self.values(v).items()}
