"""What a fit leaves, and what can be asked of it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from guides.errors import GuideError
from guides.families import family, generator
from guides.start import Start
from zoo import backends, estimators
from zoo.backends.state import Chains, Evaluation, State, Values
from zoo.card import ROW, Site
from zoo.catalogue import Data, Model, load_data
from zoo.errors import UserError
from zoo.estimators import Estimate
from zoo.labels import mode_note, relabel
from zoo.posterior import Posterior
from zoo.request import NO_GLOBALS, Request

if TYPE_CHECKING:
    from types import ModuleType


@dataclass(frozen=True)
class Elbo:
    """The evidence lower bound and its two terms, in nats; larger is better.

    Args:
        value, error: the bound and its Monte Carlo standard error.
        reconstruction: E_q log p(x | z), local discrete latents summed out.
        kl: KL(q ‖ prior) of the global latents.
        draws: how many draws it rests on.
    """

    value: float
    error: float
    reconstruction: float
    kl: float
    draws: int

    def __str__(self) -> str:
        return f"{self.value:.4f} ± {self.error:.2g} nats"


class Run:
    """A fitted model: its parameters, its draws, and the answers that rest on them.

    Args:
        model: bound to the data.
        data: arrays by name.
        request: what was asked, with every default filled in.
        starts: where learning started, by site.
        frozen: parameters of the model that were held.
    """

    def __init__(self, model: Model, data: Data, request: Request, starts: Mapping[str, Start], frozen: Values) -> None:
        self.model, self.data, self.request = model, data, request
        self.starts, self.frozen = dict(starts), dict(frozen)
        self.params: Values = {}
        self.losses = np.zeros(0)
        self.state: State | None = None
        self.chains: Chains | None = None
        self.seconds: dict[str, float] = {}
        self.status = "complete"
        self.versions = {**_versions(), **backends.get(request.backend).versions()}

    def __repr__(self) -> str:
        words = f"{self.method}, {self.backend}, {self.guide or 'chains'}, seed {self.seed}"
        return f"<Run of {self.model.name}: {words}, {self.status}>"

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
        """The model's global latents, from its card."""
        active = self.model.card.active_sites(self.model.options)
        return [s for s in active if s.kind == "latent" and not s.local]

    @property
    def num_parameters(self) -> int:
        """How many free numbers the model's learnt params and the guide have; 0 for chains."""
        if self.method != "svi":
            return 0
        size = self.program.guide.coordinates.size
        curvature = size * (size + 1) // 2 if self.guide == "laplace" else 0
        return int(self.program.coordinates.size) + curvature

    @cached_property
    def program(self) -> Any:
        """The model with its guide and data in the run's backend, built on first use."""
        asked = self.request
        plain = asked.guide in {None, NO_GLOBALS}
        try:
            return backends.get(asked.backend).Program(
                self.model.function(asked.backend),
                self.data,
                self.model.options,
                guide="mean_field" if plain else asked.guide,
                local=asked.local or "marginal",
                starts=self.starts,
                guide_options=asked.guide_options,
                frozen=self.frozen,
                seed=asked.seed,
                num_particles=asked.num_particles or 1,
                dtype=asked.dtype,
                device=asked.device,
            )
        except GuideError as error:
            raise UserError(f"{self.model.name}: {error}") from None

    # --- draws -----------------------------------------------------------------------------------------

    @cached_property
    def _evaluation(self) -> Evaluation:
        noise = generator(self.seed, "draws").standard_normal((self.request.num_draws, self.program.guide.noise_size))
        return self.program.evaluate(self.params, noise)

    @cached_property
    def draws(self) -> Values:
        """Draws of the global latents as they came (chain, draw, *shape); a guide's are one chain."""
        if self.chains is not None:
            return self.chains.draws
        return {name: values[None] for name, values in self._evaluation.values.items()}

    @cached_property
    def _labels(self) -> tuple[Values, np.ndarray | None]:
        card = self.model.card
        if not card.exchangeable or card.label_site not in self.draws:
            return self.draws, None
        dims = {s.name: s.shape for s in self.latents}
        return relabel(self.draws, dims, card.exchangeable, card.label_site)

    @property
    def relabelled(self) -> Values:
        """Draws with the labels of exchangeable components aligned (chain, draw, *shape)."""
        return self._labels[0]

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

    # --- numbers ---------------------------------------------------------------------------------------

    @property
    def has_elbo(self) -> bool:
        """Whether the guide is a density: points and chains have no ELBO, gap or k̂."""
        return self.method == "svi" and (not self.latents or family(self.guide).elbo)

    @property
    def log_weights(self) -> np.ndarray | None:
        """Log p(x, z) − log q(z) of each draw (draw,); None for points and chains."""
        return self._evaluation.log_weights if self.has_elbo else None

    def elbo(self, num_draws: int = 1000, seed: int = 1, noise: np.ndarray | None = None) -> Elbo | None:
        """Estimate the ELBO by fresh draws from the guide.

        Args:
            num_draws: how many.
            seed: of the draws; the same in either backend.
            noise: the draws' standard normals (num_draws, noise_size), in place of the seed's.

        Returns:
            The bound with its terms; None for points and chains.
        """
        if not self.has_elbo:
            return None
        if noise is None:
            count = num_draws if self.latents else 1
            noise = generator(seed, "elbo").standard_normal((count, self.program.guide.noise_size))
        found = self.program.evaluate(self.params, noise)
        bound, kl = found.log_weights, found.log_q - found.log_prior
        error = float(bound.std(ddof=1) / math.sqrt(len(bound))) if len(bound) > 1 else 0.0
        reconstruction = float(found.rows.sum(-1).mean())
        return Elbo(float(bound.mean()), error, reconstruction, float(kl.mean()), len(bound))

    def log_joint(self) -> float:
        """Return the mean over draws of log p(x, z), local latents summed out; of a point, its log joint."""
        return float(np.mean(self.sample_stats["lp"])) if self.latents else float(np.sum(self.log_likelihood().value))

    def evidence(self) -> Estimate | None:
        """Return log p(x) where it is known exactly; at the learnt parameters, for a model that has some."""
        if not self.latents:
            return Estimate(float(np.sum(self.log_likelihood().value)), 0.0, "exact")
        value = self.model.exact.evidence(self.data, **self.model.options)
        return None if value is None else Estimate(float(value), 0.0, "exact")

    def gap(self, num_draws: int = 1000, seed: int = 1) -> Estimate | None:
        """Return evidence − ELBO, in nats; None where either is not known."""
        evidence, bound = self.evidence(), self.elbo(num_draws, seed)
        if evidence is None or bound is None:
            return None
        return Estimate(float(evidence.value) - bound.value, bound.error, f"exact evidence, {bound.draws} draws")

    def gap_note(self) -> str:
        """Say which part of the gap comes from covering one of K! modes; empty where there is none."""
        permutations = self._labels[1]
        return mode_note(permutations) if self.has_elbo and permutations is not None else ""

    def k_hat(self) -> float | None:
        """Return the PSIS k̂ of the guide; above 0.7 it is not to be trusted. None for points and chains."""
        weights = self.log_weights
        return None if weights is None or not self.latents else estimators.psis(weights).k_hat

    def log_likelihood(self, data: Any = None) -> Estimate:
        """Return the log (predictive) density of each row, local latents summed out.

        Args:
            data: other rows, as `zoo.fit` takes them; the training rows by default.

        Returns:
            Value and Monte Carlo error by row (n,). Without global latents it is exact; with them it is the
            log of the density's mean over the posterior's draws.
        """
        rows = self._rows(data)
        _, each = self.program.densities(self.params, self.flat, rows)
        if not self.latents:
            return Estimate(each[0], np.zeros(each.shape[1]), "exact")
        value = estimators.log_mean_exp(each)
        ratio = np.exp(each - value)
        error = ratio.std(0, ddof=1) / math.sqrt(len(each)) if len(each) > 1 else np.zeros_like(value)
        return Estimate(value, error, f"posterior predictive, {len(each)} draws")

    def log_likelihood_draws(self) -> np.ndarray:
        """Return the rows' log-likelihood at each draw (chain, draw, n)."""
        _, each = self.program.densities(self.params, self.flat)
        lead = next(iter(self.draws.values())).shape[:2] if self.draws else (1, 1)
        return each.reshape(*lead, -1)

    # --- new and old rows ------------------------------------------------------------------------------

    def sample(self, n: int, seed: int = 0) -> Data:
        """Draw n rows of novel data, each with its own draw of the global latents.

        Returns:
            Arrays by observed site (n, *row shape).
        """
        if n < 1:
            raise UserError(f"sample: n={n} must be at least 1")
        if not self.latents:
            drawn = self.program.forward(self.params, {}, 1, n, seed)
            return {name: drawn[name][0] for name in self.data}
        drawn = self.program.forward(self.params, self._some(n, seed), n, 1, seed)
        return {name: drawn[name][:, 0] for name in self.data}

    def posterior_predictive(self, num: int, seed: int = 0) -> Values:
        """Draw whole replicated data sets: observed sites (num, n, …), each with one draw of the globals."""
        drawn = self.program.forward(self.params, self._some(num, seed), num, self._size, seed)
        return {name: drawn[name] for name in self.data}

    def prior(self, num: int, seed: int = 0) -> Values:
        """Draw whole data sets from the model: latents and observed sites (num, …), at the run's params."""
        return self.program.forward(self.params, {}, num, self._size, seed)

    def posterior(self, data: Any = None) -> Posterior:
        """Return the posterior of each row's discrete latent, averaged over the global latents, labels aligned.

        Raises:
            UserError: the model has no local latents.
        """
        local = [s for s in self.model.card.sites if s.kind == "latent" and s.local]
        if not local:
            raise UserError(f"model {self.model.name!r} has no local latents; its global ones are in run.draws")
        probs = self.program.row_probs(self.params, self._aligned(), self._rows(data))
        return Posterior(local[0].name, probs.mean(0))

    def represent(self, data: Any = None) -> np.ndarray:
        """Return each row's code: the posterior probabilities of its discrete latent (n, K)."""
        return self.posterior(data).probs

    def reconstruct(self, data: Any = None) -> np.ndarray:
        """Return the mean of x given each row's posterior of z, averaged over the global latents (n, …)."""
        site, some = self.posterior(data).site, self._aligned()
        probs = self.program.row_probs(self.params, some, self._rows(data))
        count = len(probs)
        name = next(iter(self.data))
        means = [
            self.program.forward(self.params, {**some, site: np.full((count, 1), k)}, count, 1, 0, means=True)[name][
                :, 0
            ]
            for k in range(probs.shape[-1])
        ]
        return np.einsum("snk,ks...->n...", probs, np.stack(means)) / count

    # --- on from here ----------------------------------------------------------------------------------

    def refit(self, **words: Any) -> Run:
        """Fit another guide, or NUTS, with the model's parameters frozen as they are.

        Args:
            **words: of `zoo.fit`, such as guide="full_rank" or method="nuts"; the rest stays as it was.
        """
        from zoo.inference import refit

        return refit(self, **words)

    @property
    def model_hash(self) -> str:
        """Hash of the model's parameters: equal in two runs with the same frozen model."""
        from zoo.storage import array_hash

        return array_hash(self.model_params)

    @property
    def model_params(self) -> Values:
        """The model's own parameters, without the guide's."""
        return {name: v for name, v in self.params.items() if not name.startswith("globals.")}

    @property
    def inference_data(self) -> Any:
        """The run as ArviZ data, in the installed version's form."""
        from zoo.inference_data import inference_data

        return inference_data(self)

    def save(self, folder: str | Path) -> Path:
        """Write the run to a folder that does not exist, and return it."""
        from zoo.storage import save

        return save(self, Path(folder))

    @property
    def _size(self) -> int:
        return len(next(iter(self.data.values())))

    def _rows(self, data: Any) -> Data | None:
        if data is None:
            return None
        rows = load_data(self.model, data)
        self._check_columns(rows)
        return rows

    def _check_columns(self, rows: Data) -> None:
        for name, array in rows.items():
            want = self.data[name].shape[1:]
            if array.shape[1:] != want:
                dims = ", ".join(d for d in self.model.card.inputs[name] if d != ROW)
                raise UserError(
                    f"{self.model.name}: new rows {name!r} have {array.shape[1:]} ({dims}), the run's {want}"
                )

    def _some(self, num: int, seed: int) -> Values:
        flat = self.flat
        total = len(next(iter(flat.values()))) if flat else 0
        index = generator(seed, "which draws").permutation(total)[:num] if num <= total else None
        if index is None:
            index = generator(seed, "which draws").integers(0, max(total, 1), num)
        return {name: v[index] for name, v in flat.items()}

    def _aligned(self, num: int = 200) -> Values:
        """Return at most so many draws, labels aligned: what is averaged over draws by category needs it."""
        flat = {name: v.reshape(-1, *v.shape[2:]) for name, v in self.relabelled.items()}
        total = len(next(iter(flat.values()))) if flat else 0
        index = generator(0, "which draws").permutation(total)[:num]
        return {name: v[index] for name, v in flat.items()}


def load_run(folder: str | Path, backend: str | None = None) -> Run:
    """Open a saved run; no code is run from it.

    Args:
        folder: what `Run.save` wrote.
        backend: open it in this backend; the one it was fitted in by default.

    Raises:
        UserError: it is not a run's folder, or was written for another model or version.
    """
    from zoo.storage import load

    return load(Path(folder), backend)


def _versions() -> dict[str, str]:
    import platform

    modules: tuple[ModuleType, ...] = (np,)
    return {"python": platform.python_version(), **{m.__name__: m.__version__ for m in modules}}
