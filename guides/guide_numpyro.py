"""A guide for a NumPyro model, from its trace: noise, a family, the model's sites, a local treatment."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from typing import Any

import jax.numpy as jnp
import numpyro
import numpyro.distributions as dist
from numpyro.infer import Trace_ELBO, TraceEnum_ELBO

from guides import local as local_treatments
from guides.coordinates_numpyro import Coordinates
from guides.families import family
from guides.guide import PREFIX, check_served, guide_parameters
from guides.sites import TracedSite, count_rows, global_latents, local_latents, params, with_rows
from guides.start import Start
from guides.trace_numpyro import constraint, sites

AUXILIARY = {"is_auxiliary": True}


class DeltaTraceELBO(Trace_ELBO):
    """`Trace_ELBO` that `SVI` lets serve discrete sites: the guide's Delta carries the density they need."""

    can_infer_discrete = True


class Guide:
    """q(z; φ) over a model's latents. Use it as any NumPyro guide, with stock `SVI`.

    Args:
        model: the model function.
        args, kwargs: what the model is called with, to trace it once.
        name: family of the global latents.
        local: treatment of the discrete local latents.
        starts: where each latent and parameter starts, by site name.
        data_plate: name of the plate over rows.
        seed: of the initial values of the family's parameters.
        options: options of the family.

    Raises:
        GuideError: the guide cannot serve the model.
    """

    def __init__(
        self,
        model: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
        *,
        name: str = "mean_field",
        local: str = "marginal",
        starts: Mapping[str, Start] | None = None,
        data_plate: str = "data",
        seed: int = 0,
        options: Mapping[str, Any] | None = None,
        frozen: frozenset[str] = frozenset(),
    ) -> None:
        self.model, self.name, self.local, self.data_plate = model, name, local, data_plate
        self.family, self.options = family(name), dict(options or {})
        self.treatment = local_treatments.treatment(local)
        self.sites = sites(model, args, kwargs)
        free = [s for s in self.sites if s.name not in frozen]
        check_served(name, self.family, free, data_plate)
        self.latents = global_latents(self.sites, data_plate)
        self.local_latents = local_latents(self.sites, data_plate)
        self.coordinates = Coordinates(self.latents, starts)
        self.parameters = guide_parameters(self.family, self.coordinates.size, seed, self.options)
        size = self.coordinates.size
        self.noise_size = self.family.noise_size(size, **self.options) if size else 0
        self._draw = importlib.import_module(f"guides.families.{name}.guide_numpyro").draw
        self._emit = importlib.import_module(f"guides.local.{local}.guide_numpyro").emit

    def __call__(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Sample every latent of the model; return the global ones by name."""
        own = {p.name: self._param(p) for p in self.parameters}
        values = {}
        if self.latents:
            noise = jnp.zeros(0)
            if self.noise_size:
                standard = dist.Normal(0.0, 1.0).expand([self.noise_size]).to_event(1)
                noise = numpyro.sample("_noise", standard, infer=AUXILIARY)
            values = self._emit_globals(own, noise)
        if self.local_latents:
            held = {p.name: self._param(p) for p in params(self.sites)}
            self._emit(self, args, kwargs, {**held, **values})
        return values

    def _param(self, site: TracedSite) -> Any:
        return numpyro.param(site.name, jnp.asarray(site.value, float), constraint=constraint(site.support))

    def _emit_globals(self, own: Mapping[str, Any], noise: Any) -> dict[str, Any]:
        v, log_q = self._draw(_unprefixed(own), noise)
        counted = dist.Normal(0.0, 1.0).log_prob(noise).sum()
        # The noise site counts log N(noise); this one turns it into log q(v).
        numpyro.sample("_globals", dist.Delta(v, log_density=log_q - counted, event_dim=1), infer=AUXILIARY)
        values, constrained = {}, self.coordinates.constrain(v)
        frames = {p.name: p for site in self.latents for p in site.plates}
        plates = {name: numpyro.plate(name, p.size, dim=p.dim) for name, p in frames.items()}
        for site in self.latents:
            value, log_jacobian = constrained[site.name]
            density = -log_jacobian if self.family.jacobian else jnp.zeros_like(log_jacobian)
            with ExitStack() as stack:
                for p in site.plates:
                    stack.enter_context(plates[p.name])
                delta = dist.Delta(value, log_density=density, event_dim=site.event_dim)
                values[site.name] = numpyro.sample(site.name, delta)
        return values

    def draw(self, own: Mapping[str, Any], noise: Any) -> tuple[dict[str, Any], Any]:
        """Transform one draw's noise without sample statements.

        Args:
            own: the guide's parameters by their full names.
            noise: (noise_size,).

        Returns:
            The global latents by name, and log q of them, in their own (constrained) space ().
        """
        if not self.latents:
            return {}, jnp.zeros(())
        v, log_q = self._draw(_unprefixed(own), noise)
        log_jacobian = self.coordinates.log_jacobian(v) if self.family.jacobian else 0.0
        return self.coordinates.values(v), log_q - log_jacobian

    def objective(self, num_particles: int = 1) -> Any:
        """Return the ELBO that suits the guide: enumerating where the model's latents are summed out."""
        enumerates = self.treatment.enumerated and any(s.cardinality != 1 for s in self.local_latents)
        elbo = TraceEnum_ELBO if enumerates else DeltaTraceELBO if self.local_latents else Trace_ELBO
        return elbo(num_particles=num_particles)

    def trace(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> tuple[TracedSite, ...]:
        """Return the model's sites with these data, which may be a batch or other rows."""
        return with_rows(self.sites, self.data_plate, count_rows(args, kwargs))

    @property
    def plate_size(self) -> int:
        """The full size of the data plate."""
        return next(p.size for s in self.sites for p in s.plates if p.name == self.data_plate)


def _unprefixed(own: Mapping[str, Any]) -> dict[str, Any]:
    return {name.removeprefix(PREFIX): value for name, value in own.items()}
