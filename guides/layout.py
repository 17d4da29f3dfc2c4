"""Where each site lies in a flat vector v, and the way from values to v: NumPy only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from guides.bijections import feasible, unconstrain, unconstrained_shape
from guides.errors import GuideError
from guides.sites import TracedSite
from guides.start import Start


@dataclass(frozen=True)
class Block:
    """One site's place in v.

    Args:
        site: the site.
        slice: its entries of v.
        shape: the shape of its unconstrained value u.
        origin: u₀, of that shape.
        spread: how far a unit of v moves u, of that shape.
        shifted, scaled: whether u₀ is anything but 0, and the spread anything but 1.
        warps: whether the log-Jacobian of v -> value is anything but 0.
        log_spread: Σ log spread over the event, of the site's batch shape.
    """

    site: TracedSite
    slice: slice
    shape: tuple[int, ...]
    origin: np.ndarray
    spread: np.ndarray
    shifted: bool
    scaled: bool
    warps: bool
    log_spread: np.ndarray


class Layout:
    """The blocks of v, one a site, in order.

    Args:
        sites: parameters or continuous latents.
        starts: start by site name; other sites start at a param's own value, or at u = 0, with spread 1.
        centred: whether v = 0 is the start; else u₀ = 0, and v is u itself where the spread is 1.

    Raises:
        GuideError: a support without coordinates, or a start that does not fit its site.
    """

    def __init__(self, sites: Sequence[TracedSite], starts: Mapping[str, Start], *, centred: bool = True) -> None:
        self.blocks: list[Block] = []
        self.size = 0
        for site in sites:
            shape = unconstrained_shape(site)
            start = starts.get(site.name)
            if start is None and site.value is not None:
                start = Start(site.value)
            origin = feasible(site) if start is None else _origin(site, start, shape)
            origin = origin if centred else np.zeros_like(origin)
            spread = np.array(np.broadcast_to(start.spread if start else 1.0, shape), dtype=np.float64)
            batch = len(site.shape) - site.event_dim
            log_spread = np.log(spread).sum(tuple(range(batch, len(shape))))
            count = int(np.prod(shape))
            place = slice(self.size, self.size + count)
            shifted, scaled = bool(origin.any()), bool((spread != 1).any())
            warps = scaled or site.support.word != "real"
            self.blocks.append(Block(site, place, shape, origin, spread, shifted, scaled, warps, log_spread))
            self.size += count

    @property
    def warps(self) -> bool:
        """Whether the log-Jacobian of v -> values is anything but 0."""
        return any(b.warps for b in self.blocks)

    @property
    def names(self) -> tuple[str, ...]:
        """The sites' names, in order."""
        return tuple(b.site.name for b in self.blocks)

    def vector(self, values: Mapping[str, np.ndarray]) -> np.ndarray:
        """Map constrained values, by name, to v (size,)."""
        v = np.zeros(self.size)
        for b in self.blocks:
            u = unconstrain(b.site.support, values[b.site.name])
            v[b.slice] = ((u - b.origin) / b.spread).ravel()
        return v

    def site_at(self, entry: int) -> str:
        """Return the name of the site that an entry of v belongs to."""
        return next(b.site.name for b in self.blocks if b.slice.start <= entry < b.slice.stop)


def _origin(site: TracedSite, start: Start, shape: tuple[int, ...]) -> np.ndarray:
    value = np.broadcast_to(start.value, site.shape)
    origin = np.array(unconstrain(site.support, value))
    if origin.shape != shape:
        raise GuideError(f"the start of site {site.name!r} has shape {np.shape(start.value)}, not {site.shape}")
    return origin
