"""A model's own q of its continuous local latents, in the place of a local guide: its posterior, or its updates."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from guides.local_layout import Batch
from guides.sites import TracedSite

Values = Mapping[str, Any]


@dataclass(frozen=True)
class Supplied:
    """What a model gives so that `exact` or `coordinate` can serve its continuous local latents.

    "Values" are params and global latents by name; φ is what the updates lead to, and empty for `exact`.

    Args:
        noise_size: how many standard normals a row's draw takes.
        draw: (values, data by name, φ (B, phi_size), noise (B, noise_size)) -> ({site: value}, log q (B,)).
        phi_size: how many numbers φ has.
        phi: (values, data) -> φ (B, phi_size), held: the ELBO does not change with it; None where φ is empty.
        bounds: (values, data, φ) -> (a point {site: value}, the rows' ELBO (B,), its part E log p(x | z) (B,)), where
            these are closed forms; None where a draw's log p(x, z) − log q(z) serves.
    """

    noise_size: int
    draw: Callable[[Values, Values, Any, Any], tuple[dict[str, Any], Any]]
    phi_size: int = 0
    phi: Callable[[Values, Values], Any] | None = None
    bounds: Callable[[Values, Values, Any], tuple[dict[str, Any], Any, Any]] | None = None


class SuppliedRows:
    """Has what a LocalGuide has, and no parameters.

    Args:
        sites: the local latents.
        supplied: what the model gives.
    """

    enumerated, discrete, path, parameters, inner_draws = False, (), None, (), 0

    def __init__(self, sites: Sequence[TracedSite], supplied: Supplied) -> None:
        self.sites, self.supplied = tuple(sites), supplied
        self.noise_size, self.phi_size = supplied.noise_size, supplied.phi_size
        self.bounds: Callable[..., Any] | None = self._bounds if supplied.bounds else None

    def _bounds(self, params: Any, batch: Batch, phi: Any) -> tuple[dict[str, Any], Any, Any]:
        assert self.supplied.bounds
        return self.supplied.bounds(params, batch.data, phi)

    def phi(self, params: Any, data: Any, inner_noise: Any, bound: Any) -> Any:
        """Return φ of each row (B, phi_size)."""
        if self.supplied.phi is None:
            return inner_noise.sum(0)[:, :0]
        return self.supplied.phi(params, data)

    def draw(self, params: Any, phi: Any, noise: Any, batch: Batch) -> tuple[dict[str, Any], Any]:
        """Return values by site and log q of each row (B,)."""
        return self.supplied.draw(params, batch.data, phi, noise)

    def density(self, params: Any, phi: Any, noise: Any, inner_noise: Any, batch: Batch) -> tuple[dict[str, Any], Any]:
        """Return `draw`; where the ELBO is a closed form, a point and what makes log p(x, z) − log q(z) the ELBO."""
        if self.bounds is None:
            return self.draw(params, phi, noise, batch)
        values, bound, _ = self.bounds(params, batch, phi)
        return values, batch.log_joint(values) - bound

    def table(self, count: int) -> None:
        """Return None: there is nothing to learn."""
