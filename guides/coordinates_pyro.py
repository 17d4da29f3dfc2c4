"""One flat vector v for many named values: the coordinates in which learning moves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch

from guides.bijections_pyro import constrain
from guides.layout import Layout
from guides.sites import TracedSite
from guides.start import Start

Tensor = torch.Tensor


class Coordinates(Layout):
    """v <-> the constrained values of some sites, with v = (u - u₀) / spread.

    Args:
        sites: parameters or continuous latents, in order.
        starts: start by site name; u₀ = 0 and spread 1 where there is none.
    """

    def __init__(self, sites: Sequence[TracedSite], starts: Mapping[str, Start] | None = None) -> None:
        super().__init__(sites, starts or {})
        self._constants: dict[tuple[torch.dtype, torch.device], list[tuple[Tensor, ...]]] = {}

    def constrain(self, v: Tensor) -> dict[str, tuple[Tensor, Tensor]]:
        """Map v (*rows, size) to {name: (value (*rows, *shape), log|dvalue/dv| (*rows, *the site's batch shape))}."""
        out, rows = {}, v.shape[:-1]
        # Split, since the gradient of many slices is a sum of as many arrays of v's whole size.
        parts = v.split([b.slice.stop - b.slice.start for b in self.blocks], -1)
        for block, part, (origin, spread, log_spread) in zip(self.blocks, parts, self._on(v), strict=True):
            u = origin + spread * part.reshape((*rows, *block.shape))
            value, log_jacobian = constrain(block.site.support, u)
            extra = log_jacobian.ndim - len(rows) - block.log_spread.ndim
            log_jacobian = log_jacobian.sum(tuple(range(-extra, 0))) if extra else log_jacobian
            out[block.site.name] = value, log_jacobian + log_spread
        return out

    def _on(self, v: Tensor) -> list[tuple[Tensor, ...]]:
        """Return origin, spread and log spread of each block, beside v; copied there once."""
        place = v.dtype, v.device
        if place not in self._constants:
            arrays = [(b.origin, b.spread, b.log_spread) for b in self.blocks]
            self._constants[place] = [
                tuple(torch.as_tensor(a, dtype=v.dtype, device=v.device) for a in three) for three in arrays
            ]
        return self._constants[place]

    def values(self, v: Tensor) -> dict[str, Tensor]:
        """Map v (*rows, size) to {name: value (*rows, *shape)}."""
        return {name: value for name, (value, _) in self.constrain(v).items()}

    def log_jacobian(self, v: Tensor) -> Tensor:
        """Return the log-Jacobian of v (*rows, size) -> values, summed over all sites (*rows,)."""
        rows = v.shape[:-1]
        return sum((j.reshape((*rows, -1)).sum(-1) for _, j in self.constrain(v).values()), v.new_zeros(rows))

    def dictionary(self, v: Tensor) -> dict[str, np.ndarray]:
        """Map v (size,) to NumPy values."""
        return {name: value.detach().cpu().numpy() for name, value in self.values(v).items()}
