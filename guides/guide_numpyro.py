"""A guide for a NumPyro model, from its trace: noise, a family, the model's sites, a local treatment."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from importlib import import_module
from typing import Any

import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
from numpyro.infer import Trace_ELBO, TraceEnum_ELBO

from guides import local as local_treatments
from guides.coordinates_numpyro import Coordinates
from guides.draws_numpyro import Draws, unprefixed
from guides.errors import GuideError
from guides.families import family, generator
from guides.families.standard import log_prob
from guides.guide import check_served, guide_parameters, named_data, plain, treatments
from guides.local_guide_numpyro import LocalGuide
from guides.rows_numpyro import check_path
from guides.sites import TracedSite, count_rows, global_latents, local_latents, params, row_axis, with_rows
from guides.start import Start
from guides.supplied import Supplied, SuppliedRows
from guides.trace_numpyro import constraint, sites

AUXILIARY = {"is_auxiliary": True}


class DeltaTraceELBO(Trace_ELBO):
    """`Trace_ELBO` that `SVI` lets serve discrete sites: the guide's Delta carries the density they need."""

    can_infer_discrete = True


class Guide(Draws):
    """q(z; φ) over a model's latents. Use it as any NumPyro guide, with stock `SVI`.

    Args:
        model: the model function.
        args, kwargs: what the model is called with, to trace it once.
        name: family of the global latents.
        local: treatment of the local latents, or one by site.
        local_guide: family of the continuous local latents.
        local_options: options of the treatment and of that family.
        encoder: what an encoder sees, data name to "row", "counts" or "window"; every observed array by default.
        supplied: the model's own q of its continuous local latents.
        starts: where each latent and parameter starts, by site name.
        data_plate: name of the plate over rows.
        seed: of the initial values of the family's parameters.
        options: options of the family.
        frozen: names of params that are held.
        joint: whether the family of the global latents takes the continuous local ones too.
        data: all rows, arrays by name, where `kwargs` has a few of them for the trace and says how many there are.

    Raises:
        GuideError: the guide cannot serve the model.
    """

    def __init__(
        self,
        model: Callable[..., Any],
        args: tuple[object, ...],
        kwargs: Mapping[str, object],
        *,
        name: str = "mean_field",
        local: str | Mapping[str, str] = "marginal",
        local_guide: str = "mean_field",
        local_options: Mapping[str, Any] | None = None,
        encoder: Mapping[str, str] | None = None,
        supplied: Supplied | None = None,
        starts: Mapping[str, Start] | None = None,
        data_plate: str = "data",
        seed: int = 0,
        options: Mapping[str, Any] | None = None,
        frozen: frozenset[str] = frozenset(),
        joint: bool = False,
        data: Mapping[str, np.ndarray] | None = None,
    ) -> None:
        self.model, self.name, self.local, self.data_plate = model, name, local, data_plate
        self.family, self.options = family(name), dict(options or {})
        self.sites = sites(model, args, kwargs)
        self._check_path(args, kwargs, seed)
        if data is not None:
            self.sites = with_rows(self.sites, data_plate, len(next(iter(data.values()))))
        free = [s for s in self.sites if s.name not in frozen]
        self.latents = global_latents(self.sites, data_plate)
        self.local_latents = local_latents(self.sites, data_plate)
        if joint:
            self.latents += tuple(s for s in self.local_latents if not s.discrete)
            self.local_latents = tuple(s for s in self.local_latents if s.discrete)
        chosen, own, self.summed = treatments(local, self.local_latents, supplied=supplied is not None)
        check_served(name, self.family, free, data_plate, self.summed)
        self.coordinates = Coordinates(self.latents, starts)
        self.rows: Any = None  # a LocalGuide, SuppliedRows or a treatment's own Rows
        if chosen and supplied and local_treatments.treatment(chosen).supplied:
            self.rows = SuppliedRows(own, supplied)
        elif own and chosen:
            seen = {n: np.asarray(a) for n, a in named_data(model, args, kwargs).items()} if data is None else data
            how: dict[str, Any] = {
                "data_plate": data_plate,
                "starts": starts or {},
                "options": local_options or {},
                "seed": seed,
            }
            how |= {"data": seen, "inputs": dict.fromkeys(seen, "row") if encoder is None else encoder}
            if local_treatments.treatment(chosen).quantises:
                quantiser = import_module(f"guides.local.{chosen}.guide_numpyro").Rows
                self.rows = quantiser(own, traced=self.sites, model=model, fixed=plain(model, args, kwargs), **how)
                first = {s.name: jnp.asarray(s.value, float) for s in params(self.sites)}
                self.rows.check(first, named_data(model, args, kwargs))
            else:
                self.rows = LocalGuide(own, treatment_name=chosen, family_name=local_guide, **how)
        elif local_options:
            raise GuideError(f"local option {next(iter(local_options))!r} has no effect with local={local!r}")
        self.parameters = guide_parameters(self.family, self.coordinates.size, seed, self.options)
        self.parameters += self.rows.parameters if self.rows else ()
        # What moves some params after each step by a rule, and not by a gradient: (params, data) -> new values by name.
        self.update = getattr(self.rows, "update", None)
        self.table = self.rows.table(self.plate_size) if self.rows else None
        size = self.coordinates.size
        self.noise_size = self.family.noise_size(size, **self.options) if size else 0
        self._draw = import_module(f"guides.families.{name}.guide_numpyro").draw
        # The discrete sites that the model's own posterior answers for.
        rest = local if isinstance(local, str) else next((local[s.name] for s in self.summed if s.name in local), "")
        rest = "exact" if rest == "exact" else "marginal"
        self.treatment = local_treatments.treatment(rest)
        self._emit = import_module(f"guides.local.{rest}.guide_numpyro").emit if self.summed else None

    def __call__(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Sample every latent of the model; return the global ones by name."""
        read = [*self.parameters, *([self.table] if self.table else [])]
        # Local latents may depend on the model's params.
        read += params(self.sites) if self.local_latents else ()
        return self.emit({p.name: self._param(p) for p in read}, args, kwargs)

    def _check_path(self, args: tuple[object, ...], kwargs: Mapping[str, object], seed: int) -> None:
        if any(s.chain and s.kind == "latent" for s in self.sites):
            moving = [s for s in self.sites if s.kind == "param" or (s.kind == "latent" and not s.discrete)]
            coordinates = Coordinates(moving, centred=False)
            v = generator(seed, "path").standard_normal(coordinates.size)
            values = coordinates.values(jnp.asarray(v, float))
            check_path(self.model, args, kwargs, self.sites, self.data_plate, values)

    def emit(self, held: Mapping[str, Any], args: tuple[object, ...], kwargs: Mapping[str, object]) -> dict[str, Any]:
        """Do what a call does at given params, without `param` statements.

        Args:
            held: the guide's params, φ of the rows and the model's params, by their full names.
            args, kwargs: what the model is called with.
        """
        values = {}
        if self.latents:
            noise = jnp.zeros(0)
            if self.noise_size:
                standard = dist.Normal(0.0, 1.0).expand([self.noise_size]).to_event(1)
                noise = numpyro.sample("_noise", standard, infer=AUXILIARY)
            values = self._emit_globals(held, noise)
        if self.rows:
            self._emit_rows({**held, **values}, args, kwargs)
        if self._emit:
            self._emit(self, args, kwargs, {**held, **values})
        return values

    def _param(self, site: TracedSite) -> Any:
        return numpyro.param(site.name, jnp.asarray(site.value, float), constraint=constraint(site.support))

    def _emit_globals(self, own: Mapping[str, Any], noise: Any) -> dict[str, Any]:
        v, log_q = self._draw(unprefixed(own), noise)
        counted = log_prob(noise).sum()
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

    def _emit_rows(self, held: Mapping[str, Any], args: tuple[object, ...], kwargs: Mapping[str, object]) -> None:
        assert self.rows
        count = count_rows(args, kwargs)
        shape = [1 + self.rows.inner_draws, count, self.rows.noise_size]
        noise = jnp.zeros(shape)
        if self.rows.noise_size:
            # Masked: it counts nothing, and each site below has its whole density itself.
            standard = dist.Normal(jnp.zeros(shape), 1.0).to_event(3).mask(False)
            noise = numpyro.sample("_local_noise", standard, infer=AUXILIARY)
        phi, values, log_q = self.draw_rows(held, args, kwargs, noise)
        frames = {p.name: p for site in self.rows.sites for p in site.plates}
        rows = {"size": self.plate_size, "subsample_size": count}
        plates = {
            name: numpyro.plate(name, dim=p.dim, **(rows if name == self.data_plate else {"size": p.size}))
            for name, p in frames.items()
        }
        for i, site in enumerate(self.rows.sites):
            with ExitStack() as stack:
                for p in site.plates:
                    stack.enter_context(plates[p.name])
                if site.discrete and self.rows.enumerated:
                    fn = self.rows.categories(site, phi)
                    numpyro.sample(site.name, fn, infer={"enumerate": "parallel"})
                    continue
                value = values[site.name]
                # The first site has the whole density, spread over the plates inside the row.
                density = jnp.zeros_like(log_q) if i else log_q
                batch = value.shape[: value.ndim - site.event_dim]
                if len(batch) > 1:
                    along = [-1 if axis == row_axis(site, self.data_plate) else 1 for axis in range(len(batch))]
                    density = density * (count / math.prod(batch))
                    density = jnp.broadcast_to(density.reshape(along), batch)
                numpyro.sample(site.name, dist.Delta(value, log_density=density, event_dim=site.event_dim))

    def objective(self, num_particles: int = 1) -> Any:
        """Return the ELBO that suits the guide: enumerating where the model's latents are summed out."""
        enumerates = self.treatment.enumerated and any(s.cardinality != 1 and not s.chain for s in self.summed)
        enumerates = enumerates or bool(self.rows and self.rows.enumerated)
        elbo = TraceEnum_ELBO if enumerates else DeltaTraceELBO if self.local_latents else Trace_ELBO
        return elbo(num_particles=num_particles)
