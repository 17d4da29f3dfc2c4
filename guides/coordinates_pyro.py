"""One flat vector v for many named values: the coordinates in which learning moves."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
import torch

from guides.bijections_pyro import constrain
from guides.layout import Block, Layout
from guides.sites import TracedSite
from guides.start import Start

Tensor = torch.Tensor


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
        self._constants: dict[tuple[torch.dtype, torch.device], list[tuple[Tensor, ...]]] = {}

    def constrain(self, v: Tensor) -> dict[str, tuple[Tensor, Tensor]]:
        """Map v (*rows, size) to {name: (value (*rows, *shape), log|dvalue/dv| (*rows, *the site's batch shape))}."""
        out, rows = {}, v.ndim - 1
        for block, log_spread, value, jacobian in self._each(self.parts(v)):
            log_jacobian = jacobian()
            extra = log_jacobian.ndim - rows - block.log_spread.ndim
            log_jacobian = log_jacobian.sum(tuple(range(-extra, 0))) if extra else log_jacobian
            out[block.site.name] = value, log_jacobian + log_spread if block.scaled else log_jacobian
        return out

    def parts(self, v: Tensor) -> list[Tensor]:
        """Return v (*rows, size) cut into the sites' blocks (*rows, *block's shape), as views."""
        # Split, since the gradient of many slices is a sum of as many arrays of v's whole size.
        cut = v.split([b.slice.stop - b.slice.start for b in self.blocks], -1)
        return [part.reshape((*v.shape[:-1], *b.shape)) for b, part in zip(self.blocks, cut, strict=True)]

    def _each(self, parts: Sequence[Tensor]) -> Iterator[tuple[Block, Tensor, Tensor, Callable[[], Tensor]]]:
        constants = self._on(parts[0]) if parts else []
        for block, part, (origin, spread, log_spread) in zip(self.blocks, parts, constants, strict=True):
            u = spread * part if block.scaled else part
            u = origin + u if block.shifted else u
            yield block, log_spread, *constrain(block.site.support, u)

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
        return self.values_of(self.parts(v))

    def values_of(self, parts: Sequence[Tensor]) -> dict[str, Tensor]:
        """Map `parts`, one a site, to {name: value}."""
        return {block.site.name: value for block, _, value, _ in self._each(parts)}

    def transform(self, v: Tensor) -> tuple[dict[str, Tensor], Tensor]:
        """Map v (*rows, size) to `values` and the log-Jacobian of v -> values, summed over all sites (*rows,)."""
        values, rows = {}, v.shape[:-1]
        total = v.new_zeros(rows)
        for block, log_spread, value, log_jacobian in self._each(self.parts(v)):
            values[block.site.name] = value
            if block.warps:
                total = total + log_jacobian().reshape((*rows, -1)).sum(-1) + log_spread.sum()
        return values, total

    def log_jacobian(self, v: Tensor) -> Tensor:
        """Return the log-Jacobian of v (*rows, size) -> values, summed over all sites (*rows,)."""
        return self.transform(v)[1]

    def dictionary(self, v: Tensor) -> dict[str, np.ndarray]:
        """Map v (size,) to NumPy values."""
        return {name: value.detach().cpu().numpy() for name, value in self.values(v).items()}
