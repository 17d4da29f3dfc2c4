"""What the local guides of both backends share: which numbers φᵢ holds, and which noise a row takes. NumPy only."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from guides.bijections import unconstrained_shape
from guides.errors import GuideError
from guides.families import Family, family, generator
from guides.layout import Layout
from guides.local import Treatment, treatment
from guides.nets import encoder
from guides.score import ESTIMATORS
from guides.sites import TracedSite, learnt, one_row, row_axis
from guides.start import Start

PREFIX = "local."
PHI = "local.phi"
BINARY = 2


@dataclass(frozen=True)
class Rows:
    """What a treatment sees of a batch.

    Args:
        count: number of rows.
        data: arrays by name, rows first.
        inner_noise: standard normals for inner steps (T, B, noise_size).
        bound: (φ (B, size), noise (B, noise_size)) -> one draw's ELBO of each row (B,), at current parameters.
    """

    count: int
    data: Mapping[str, Any]
    inner_noise: Any
    bound: Callable[[Any, Any], Any]


class Batch:
    """What q is held against.

    Args:
        data: arrays by name, rows first.
        log_joint: local latents by site -> log p(xᵢ, zᵢ) of each row (B,).
        states: () -> the chain of states of a model that has one.
    """

    def __init__(
        self, data: Mapping[str, Any], log_joint: Callable[[Mapping[str, Any]], Any], states: Callable[[], Any]
    ) -> None:
        self.data, self.log_joint, self._states = data, log_joint, states

    @cached_property
    def states(self) -> Any:
        """The chain of states: its prior, and what each state says of the data at each step."""
        return self._states()


class LocalLayout:
    """q(zᵢ; φᵢ) of the latents of one row: a family over the continuous ones, categories for the discrete ones.

    Args:
        sites: the local latents.
        data_plate: name of the plate over rows.
        treatment_name: where φᵢ comes from.
        family_name: family of the continuous latents.
        starts: where each latent starts, in one row.
        options: of the treatment and the family.
        seed: of initial values.
        data: the rows that the guide is built with, arrays by name.
        inputs: what an encoder sees.

    `enumerated` says whether the library sums over the discrete latents: with one entry a row they are few enough.
    `path` is the latent that is a chain of states, where there is one: each step has its own probabilities. Its ELBO is
    a closed form, which `bounds` gives; else that is None.

    Raises:
        GuideError: the family or the treatment cannot serve the sites, or an option is unknown.
    """

    bounds: Callable[..., Any] | None = None

    def __init__(
        self,
        sites: Sequence[TracedSite],
        data_plate: str,
        treatment_name: str,
        family_name: str,
        starts: Mapping[str, Start],
        options: Mapping[str, Any],
        seed: int,
        data: Mapping[str, np.ndarray],
        inputs: Mapping[str, str],
    ) -> None:
        self.sites, self.data_plate = tuple(sites), data_plate
        self.treatment: Treatment = treatment(treatment_name)
        self.treatment_name, self.family_name = treatment_name, family_name
        self.family: Family = family(family_name)
        if self.family.discrete or family_name == "laplace":
            raise GuideError(
                f"local_guide={family_name!r} does not serve continuous local latents; take another family"
            )
        rows = [one_row(s, data_plate) for s in sites]
        self.continuous = [s for s in rows if not s.discrete]
        self.discrete = [s for s in rows if s.discrete]
        for site in self.discrete:
            if site.cardinality is None:
                raise GuideError(f"discrete site {site.name!r} has no finite number of values; no family serves it")
        self.enumerated = bool(self.discrete) and all(not s.shape for s in self.discrete)
        self.path = next((s for s in self.discrete if s.chain), None)
        sampled = bool(self.discrete) and not self.enumerated and self.path is None
        if self.path and len(rows) > 1:
            raise GuideError(f"path {self.path.name!r} is served alone: sum it out by local='marginal'")
        if sampled and (self.continuous or self.treatment_name == "semi_amortized"):
            raise GuideError(
                f"discrete site {self.discrete[0].name!r} has too many values to sum over: it is served alone, and by "
                "'amortized', 'per_datapoint' or 'constant'"
            )
        if sampled and any(s.cardinality != BINARY for s in self.discrete):
            raise GuideError(f"discrete site {self.discrete[0].name!r} has several entries a row, which must be binary")
        defaults = {**self.treatment.options, **({"gradient": "disarm"} if sampled else {})}
        self.options = {**defaults, **{n: v for n, v in options.items() if n in defaults}}
        if sampled and self.options["gradient"] not in ESTIMATORS:
            raise GuideError(f"gradient {self.options['gradient']!r} is unknown. Known: {', '.join(ESTIMATORS)}")
        self.axes = {s.name: row_axis(s, data_plate) for s in sites}
        self.latent_size = Layout(self.continuous, starts).size
        extra = {"init_scale": 1.0} if "init_scale" in self.family.options else {}
        own = {**extra, **{n: v for n, v in options.items() if n not in defaults}}
        unknown = sorted(set(own) - set(self.family.options))
        if unknown:
            known = ", ".join(sorted({**defaults, **self.family.options})) or "none"
            raise GuideError(
                f"local option {unknown[0]!r} is unknown to {treatment_name!r} and {family_name!r}. Known: {known}"
            )
        found = self.family.initial(self.latent_size, generator(seed, "local"), **own) if self.continuous else ()
        logits = [learnt(f"logits.{s.name}", np.zeros((s.size, (s.cardinality or 2) - 1))) for s in self.discrete]
        self.phi_sites = [p for p in found if self.family.by_row(p.name)] + logits
        self.shared = [replace(p, name=PREFIX + p.name) for p in found if not self.family.by_row(p.name)]
        self.phi_size = Layout(self.phi_sites, {}).size
        count = self.family.noise_size(self.latent_size, **own) if self.continuous else 0
        self.noise_size = count + sum(s.size for s in self.discrete)
        self.continuous_noise = count
        self.inner_draws = int(self.options.get("steps", 0)) or int(self.options.get("gradient") == "score")
        self.encoder: encoder.Encoder | None = None
        if self.treatment.encodes:
            shapes = [unconstrained_shape(p) for p in self.phi_sites]
            self.encoder = encoder.build(inputs, data, self.phi_size, shapes, self.options)
        own_parameters = self.treatment.parameters(self.options, self.phi_size)
        self.parameters = (*self.shared, *self._initial(seed), *own_parameters)

    def _initial(self, seed: int) -> list[TracedSite]:
        if self.encoder is not None:
            return [learnt(name, value) for name, value in self.encoder.initial(seed).items()]
        return [] if self.treatment.table else [learnt(PHI, np.zeros(self.phi_size))]

    def table(self, count: int) -> TracedSite | None:
        """Return the table of φ for that many rows, where the treatment has one."""
        return learnt(PHI, np.zeros((count, self.phi_size))) if self.treatment.table else None
