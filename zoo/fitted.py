"""What a fit leaves before anything is asked of it: the request, the parameters, the program, the draws."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np

from guides.errors import GuideError
from guides.families import family
from guides.start import Start
from zoo import backends, bounds, rows
from zoo.backends.state import Chains, Evaluation, State, Values
from zoo.card import Site
from zoo.catalogue import Data, Model
from zoo.errors import UserError
from zoo.labels import relabel
from zoo.learnt import Phase
from zoo.request import NO_GLOBALS, Request


class Fitted:
    """A fitted model: what was asked, its parameters and its draws.

    Args:
        model: bound to the data.
        data: arrays by name.
        request: what was asked, with every default filled in.
        starts: where learning started, by site.
        frozen: parameters of the model that were held.
        held_out: rows that were not learnt from, arrays by name; none if there are none.
    """

    def __init__(
        self,
        model: Model,
        data: Data,
        request: Request,
        starts: Mapping[str, Start],
        frozen: Values,
        held_out: Data | None = None,
    ) -> None:
        self.model, self.data, self.request = model, data, request
        self.starts, self.frozen = dict(starts), dict(frozen)
        self.held_out = dict(held_out or {})
        self.fitted: dict[Any, Any] = {}
        self.params = {}
        self.losses = np.zeros(0)
        self.state: State | None = None
        self.chains: Chains | None = None
        self.seconds: dict[str, float] = {}
        self.phases: tuple[Phase, ...] = ()
        self.status = "complete"
        self.versions = {
            "python": platform.python_version(),
            "numpy": np.__version__,
            **backends.versions(request.backend),
        }

    def __repr__(self) -> str:
        words = f"{self.method}, {self.backend}, {self.guide or 'chains'}, seed {self.seed}"
        return f"<Run of {self.model.name}: {words}, {self.status}>"

    @property
    def params(self) -> Values:
        """The learnt parameters, constrained; setting them forgets every draw made at others."""
        return self._params

    @params.setter
    def params(self, values: Values) -> None:
        self._params = values
        for made in ("_evaluation", "draws", "_labels", "sample_stats"):
            self.__dict__.pop(made, None)
        self.fitted.clear()

    @property
    def observed(self) -> Data:
        """The data that the model explains: all but the covariates."""
        return {name: x for name, x in self.data.items() if name not in self.model.card.covariates}

    @property
    def covariates(self) -> Data:
        """The data that are given and not modelled; of most models none."""
        return {name: self.data[name] for name in self.model.card.covariates}

    @property
    def backend(self) -> str:
        """Name of the backend."""
        return self.request.backend

    @property
    def method(self) -> str:
        """How it was made: "svi" or "nuts"."""
        return self.request.method

    @property
    def guide(self) -> str:
        """Family of the global latents; "no globals" where there are none, "nuts" for chains."""
        return self.request.guide or "nuts"

    @property
    def local(self) -> str | None:
        """Treatment of the local latents."""
        return self.request.local

    @property
    def seed(self) -> int:
        """Seed of everything random."""
        return self.request.seed

    @property
    def latents(self) -> list[Site]:
        """The latents that the guide or the chains draw together, from the card: the global ones; all for chains."""
        active = self.model.card.active_sites(self.model.options)
        chains = self.method == "nuts"
        return [s for s in active if s.kind == "latent" and (not s.local or (chains and not s.discrete))]

    @property
    def summable(self) -> bool:
        """Whether every local latent is discrete and has few values, so that log p(x) is a finite sum."""
        guide = self.program.guide
        return guide.rows is None or guide.rows.enumerated

    @property
    def drawn(self) -> bool:
        """Whether the guide draws anything; else it is one choice for every row, and one draw says all."""
        local = self.program.guide.rows
        return bool(self.latents) or bool(local and local.noise_size)

    @property
    def num_parameters(self) -> int:
        """How many free numbers the model's learnt params and the guide have; 0 for chains."""
        if self.method != "svi":
            return 0
        size = self.program.guide.coordinates.size
        curvature = size * (size + 1) // 2 if self.guide == "laplace" else 0
        table = self.program.guide.table
        return int(self.program.coordinates.size) + curvature + (table.size if table else 0)

    @property
    def num_learnt(self) -> int:
        """How many numbers the model's own learnt parameters have."""
        return int(sum(np.prod(p.shape) for p in self.program.model_params)) if self.method == "svi" else 0

    @cached_property
    def program(self) -> Any:
        """The model with its guide and data in the run's backend, built on first use."""
        program = self.build(self.request.dtype)
        needed = (*program.model_params, *program.guide.parameters) if self.params and self.method == "svi" else ()
        lost = next((site.name for site in needed if site.name not in self.params), None)
        if lost:
            raise UserError(f"this run of {self.model.name} has no {lost!r}, which its guide needs; fit it again")
        return program

    def build(self, dtype: str) -> Any:
        """Return the model with its guide and data in a precision.

        Raises:
            UserError: the guide cannot serve the model.
        """
        asked, card = self.request, self.model.card
        plain = asked.guide in {None, NO_GLOBALS}
        how = {
            "name": "mean_field" if plain else asked.guide,
            "local": asked.local or "marginal",
            "local_guide": asked.local_guide if asked.local_guide not in {None, "categorical"} else "mean_field",
            "local_options": asked.local_options,
            "encoder": card.encoder or None,
            "data_plate": self.model.plate,
            "supplied": self.model.supplied(asked.local, asked.backend),
            "starts": self.starts,
            "seed": asked.seed,
            "options": asked.guide_options,
            "joint": asked.method == "nuts",
        }
        try:
            return backends.get(asked.backend).Program(
                self.model.function(asked.backend),
                self.data,
                self.model.options,
                how,
                frozen=self.frozen,
                num_particles=asked.num_particles or 1,
                dtype=dtype,
                device=asked.device,
            )
        except GuideError as error:
            raise UserError(f"{self.model.name}: {error}") from None

    @property
    def has_elbo(self) -> bool:
        """Whether the guide is a density: points and chains have no ELBO, gap or k̂."""
        if self.method != "svi" or (self.latents and not family(self.guide).elbo):
            return False
        return self.request.local_guide != "delta"

    def params_for(self, data: Data, phi: np.ndarray | None = None) -> Values:
        """Return the params with φ of these rows, where the guide has numbers for each row: given, or fitted."""
        return rows.params_for(self, data, phi)

    # --- draws -----------------------------------------------------------------------------------------

    @cached_property
    def _evaluation(self) -> Evaluation:
        return bounds.evaluate(self, self.request.num_draws, "draws", self.seed)

    @cached_property
    def draws(self) -> Values:
        """Draws of the global latents as they came (chain, draw, *shape); a guide's are one chain."""
        if self.chains is not None:
            return self.chains.draws
        return {name: values[None] for name, values in self._evaluation.values.items()}

    @cached_property
    def _labels(self) -> tuple[Values, np.ndarray | None]:
        card = self.model.card
        site = next((name for name in card.label_sites if name in self.draws), None)
        if site is None:
            return self.draws, None
        dims = {s.name: s.shape for s in self.latents}
        return relabel(self.draws, dims, card.exchangeable, site)

    @property
    def relabelled(self) -> Values:
        """Draws with the labels of exchangeable components aligned (chain, draw, *shape)."""
        return self._labels[0]

    @property
    def order(self) -> np.ndarray | None:
        """The labelling that most draws came with: relabelled component k was component order[k] (K,); None without."""
        if self._labels[1] is None:
            return None
        found, counts = np.unique(self._labels[1].reshape(-1, self._labels[1].shape[-1]), axis=0, return_counts=True)
        return found[counts.argmax()]

    @property
    def flat(self) -> Values:
        """Draws as they came, chains end to end (S, *shape)."""
        return {name: v.reshape(-1, *v.shape[2:]) for name, v in self.draws.items()}

    @cached_property
    def sample_stats(self) -> Values:
        """Statistics of each draw (chain, draw): lp; for guides lq; for chains NUTS's own."""
        if self.chains is not None:
            return self.chains.stats
        if not self.latents:
            return {}
        found = {"lp": self._evaluation.log_joint[None]}
        return {**found, "lq": self._evaluation.log_q[None]} if self.has_elbo else found
