"""One flat vector v for many named values: the coordinates in which learning moves."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import jax
import jax.numpy as jnp
import numpy as np

from guides.bijections_numpyro import constrain
from guides.layout import Block, Layout
from guides.sites import TracedSite
from guides.start import Start

Array = jax.Array


class Coordinates(Layout):
    """v <-> the constrained values of some sites, with v = (u - u₀) / spread.

    Args:
        sites: parameters or continuous latents, in order.
        starts, centred: as in `Layout`.
    """

    def __init__(
        self, sites: Sequence[TracedSite], starts: Mapping[str, Start] | None = None, *, centred: bool = True
    ) -> None:
        super().__init__(sites, starts or {}, centred=centred)

    def constrain(self, v: Array) -> dict[str, tuple[Array, Array]]:
        """Map v (*rows, size) to {name: (value (*rows, *shape), log|dvalue/dv| (*rows, *the site's batch shape))}."""
        out, rows = {}, v.ndim - 1
        for block, log_spread, value, jacobian in self._each(v):
            log_jacobian = jacobian()
            extra = log_jacobian.ndim - rows - block.log_spread.ndim
            log_jacobian = log_jacobian.sum(tuple(range(-extra, 0))) if extra else log_jacobian
            out[block.site.name] = value, log_jacobian + log_spread if block.scaled else log_jacobian
        return out

    def _each(self, v: Array) -> Iterator[tuple[Block, Array, Array, Callable[[], Array]]]:
        # Split, since the gradient of many slices is a sum of as many arrays of v's whole size.
        parts = jnp.split(v, [b.slice.stop for b in self.blocks[:-1]], -1)
        for block, part in zip(self.blocks, parts, strict=False):
            origin, spread, log_spread = (
                jnp.asarray(a, v.dtype) for a in (block.origin, block.spread, block.log_spread)
            )
            u = part.reshape(*v.shape[:-1], *block.shape)
            u = spread * u if block.scaled else u
            u = origin + u if block.shifted else u
            yield block, log_spread, *constrain(block.site.support, u)

    def values(self, v: Array) -> dict[str, Array]:
        """Map v (*rows, size) to {name: value (*rows, *shape)}."""
        return {block.site.name: value for block, _, value, _ in self._each(v)}

    def transform(self, v: Array) -> tuple[dict[str, Array], Array]:
        """Map v (*rows, size) to `values` and the log-Jacobian of v -> values, summed over all sites (*rows,)."""
        values, rows = {}, v.shape[:-1]
        total = jnp.zeros(rows, v.dtype)
        for block, log_spread, value, log_jacobian in self._each(v):
            values[block.site.name] = value
            if block.warps:
                total = total + log_jacobian().reshape(*rows, -1).sum(-1) + log_spread.sum()
        return values, total

    def log_jacobian(self, v: Array) -> Array:
        """Return the log-Jacobian of v (*rows, size) -> values, summed over all sites (*rows,)."""
        return self.transform(v)[1]

    def dictionary(self, v: Array) -> dict[str, np.ndarray]:
        """Map v (size,) to NumPy values."""
        return {name: np.asarray(value) for name, value in jax.jit(self.values)(v).items()}
