"""A model's own draw from the true posterior of its continuous local latents, in the place of a local guide."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from guides.sites import TracedSite


@dataclass(frozen=True)
class Exact:
    """What a model gives so that `exact` can serve its continuous local latents.

    Args:
        noise_size: how many standard normals a row's draw takes.
        draw: (params and global latents by name, data by name, noise (B, noise_size)) -> ({site: value}, log q (B,)).
    """

    noise_size: int
    draw: Callable[[Mapping[str, Any], Mapping[str, Any], Any], tuple[dict[str, Any], Any]]


class ExactRows:
    """Has what a LocalGuide has, and no parameters: φᵢ is empty.

    Args:
        sites: the local latents.
        exact: the model's draw.
    """

    enumerated, discrete, parameters, phi_size, inner_draws = False, (), (), 0, 0

    def __init__(self, sites: Sequence[TracedSite], exact: Exact) -> None:
        self.sites, self.exact, self.noise_size = tuple(sites), exact, exact.noise_size

    def phi(self, params: Any, data: Any, inner_noise: Any, bound: Any) -> Any:
        """Return the empty φ of each row (B, 0)."""
        return inner_noise.sum(0)[:, :0]

    def draw(self, params: Any, phi: Any, noise: Any, data: Any) -> tuple[dict[str, Any], Any]:
        """Return values by site and log q of each row (B,)."""
        return self.exact.draw(params, data, noise)

    def density(
        self, params: Any, phi: Any, noise: Any, inner_noise: Any, data: Any, log_joint: Any
    ) -> tuple[dict[str, Any], Any]:
        """Return `draw`."""
        return self.draw(params, phi, noise, data)

    def table(self, count: int) -> None:
        """Return None: there is nothing to learn."""
