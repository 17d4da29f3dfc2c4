"""What a guide for a Pyro model draws, and what it is worth, without sample statements."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

import torch

from guides.coordinates_pyro import Coordinates
from guides.families import Family
from guides.guide import PREFIX, named_data
from guides.local_layout import Batch
from guides.rows_pyro import row_log_joint, states
from guides.sites import TracedSite, count_rows, with_rows


class Draws:
    """The half of a `Guide` that evaluation, rows' bounds and inner gradient steps call."""

    model: Callable[..., Any]
    sites: tuple[TracedSite, ...]
    latents: tuple[TracedSite, ...]
    data_plate: str
    family: Family
    coordinates: Coordinates
    rows: Any
    summed: tuple[TracedSite, ...]
    _draw: Callable[[Mapping[str, Any], Any], tuple[Any, Any]]

    def draw(self, own: Mapping[str, Any], noise: Any) -> tuple[dict[str, Any], Any]:
        """Transform one draw's noise without sample statements.

        Args:
            own: the guide's parameters by their full names.
            noise: (noise_size,).

        Returns:
            The global latents by name, and log q of them, in their own (constrained) space ().
        """
        if not self.latents:
            return {}, torch.zeros(())
        v, log_q = self._draw(unprefixed(own), noise)
        values, log_jacobian = self.coordinates.transform(v)
        return values, log_q - log_jacobian if self.family.jacobian else log_q

    def draw_rows(
        self, held: Mapping[str, Any], args: tuple[object, ...], kwargs: Mapping[str, object], noise: Any
    ) -> tuple[Any, dict[str, Any], Any]:
        """Transform noise to the local latents that have numbers of their own, as learning takes them.

        Args:
            held: every param and global latent.
            args, kwargs: what the model is called with: a batch.
            noise: standard normals (1 + inner draws, B, noise_size).

        Returns:
            φ (B, size); values by site; log q of each row (B,), or what makes learning's gradient right in its place.
        """
        phi = self.row_phi(held, args, kwargs, noise)
        return phi, *self.rows.density(held, phi, noise[0], noise[1:], self.batch(held, args, kwargs))

    def batch(self, held: Mapping[str, Any], args: tuple[object, ...], kwargs: Mapping[str, object]) -> Batch:
        """Return what q of these rows is held against, at every param and global latent."""

        def chain() -> Any:
            return states(self.model, args, kwargs, held, self.trace(args, kwargs), self.data_plate)

        return Batch(named_data(self.model, args, kwargs), self._log_joint(held, args, kwargs), chain)

    def row_phi(
        self, held: Mapping[str, Any], args: tuple[object, ...], kwargs: Mapping[str, object], noise: Any
    ) -> Any:
        """Return φ of each row (B, size); arguments as `draw_rows`."""
        assert self.rows

        def bound(phi: Any, inner: Any) -> Any:
            return self.row_bounds(held, args, kwargs, phi, inner[None])[0]

        return self.rows.phi(held, named_data(self.model, args, kwargs), noise[1:], bound)

    def row_bounds(
        self, held: Mapping[str, Any], args: tuple[object, ...], kwargs: Mapping[str, object], phi: Any, noise: Any
    ) -> tuple[Any, Any]:
        """Return one draw's ELBO of each row at given φ (B, size), and its part E log p(x | z) (B,) each.

        It serves every treatment; see `draw_rows`. Discrete latents that are few are summed over, not drawn.
        """
        assert self.rows
        batch = self.batch(held, args, kwargs)
        if self.rows.bounds:
            return self.rows.bounds(held, batch, phi)[1:]
        terms = self._row_terms(held, args, kwargs)
        if self.rows.enumerated:
            values, log_q = self.rows.draw_continuous(held, phi, noise[0])
            prior, likelihood = terms(values)
            log_probs = self.rows.log_probs(phi)
            probs = torch.exp(log_probs)
            return (probs * (prior + likelihood - log_probs)).sum(-1) - log_q, (probs * likelihood).sum(-1)
        values, log_q = self.rows.density(held, phi, noise[0], noise[1:], batch)
        prior, likelihood = terms(values)
        total = torch.logsumexp(prior + likelihood, -1)
        return total - log_q, total if prior.shape[-1] > 1 else likelihood[..., 0]

    def _row_terms(
        self, held: Mapping[str, Any], args: tuple[object, ...], kwargs: Mapping[str, object]
    ) -> Callable[[Mapping[str, Any]], tuple[Any, Any]]:

        def terms(values: Mapping[str, Any]) -> tuple[Any, Any]:
            given, traced = {**held, **values}, self.trace(args, kwargs)
            return row_log_joint(self.model, args, kwargs, given, traced, self.data_plate)[1:]

        return terms

    def _log_joint(
        self, held: Mapping[str, Any], args: tuple[object, ...], kwargs: Mapping[str, object]
    ) -> Callable[[Mapping[str, Any]], Any]:
        terms = self._row_terms(held, args, kwargs)

        def log_joint(values: Mapping[str, Any]) -> Any:
            prior, likelihood = terms(values)
            return torch.logsumexp(prior + likelihood, -1)

        return log_joint

    @property
    def sampled(self) -> tuple[TracedSite, ...]:
        """The local latents that q draws; the others are summed over."""
        return self.rows.sites if self.rows and not self.rows.enumerated else ()

    @property
    def paths(self) -> tuple[TracedSite, ...]:
        """The latents that are chains of states, and summed over along the chain."""
        return tuple(s for s in self.summed if s.chain)

    def trace(self, args: tuple[object, ...], kwargs: Mapping[str, object]) -> tuple[TracedSite, ...]:
        """Return the model's sites with these data, which may be a batch or other rows."""
        return with_rows(self.sites, self.data_plate, count_rows(args, kwargs))

    @cached_property
    def plate_size(self) -> int:
        """The full size of the data plate."""
        return next(p.size for s in self.sites for p in s.plates if p.name == self.data_plate)


def unprefixed(own: Mapping[str, Any]) -> dict[str, Any]:
    """Return the global family's parameters under its own names."""
    return {name.removeprefix(PREFIX): value for name, value in own.items() if name.startswith(PREFIX)}
