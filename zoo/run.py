"""What a fit leaves, and what can be asked of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from guides.families import generator
from guides.guide import GUIDE_PARAMS
from zoo import bounds, estimators, rows
from zoo.backends.state import Values
from zoo.card import ROW
from zoo.catalogue import Data, load_data
from zoo.checks import check_covariates
from zoo.errors import UserError
from zoo.estimators import Estimate
from zoo.fitted import Fitted
from zoo.held_out import NewRows, new_rows
from zoo.labels import mode_note
from zoo.posterior import BinaryPosterior, CodePosterior, DrawnPosterior, Posterior

if TYPE_CHECKING:
    from collections.abc import Mapping

    from zoo.own import Function


class Run(Fitted):
    """A fitted model: its parameters, its draws, and the answers that rest on them. Arguments: those of `Fitted`."""

    # --- numbers ---------------------------------------------------------------------------------------

    @property
    def log_weights(self) -> np.ndarray | None:
        """Log p(x, z) − log q(z) of each draw (draw,); None for points and chains."""
        return self._evaluation.log_weights if self.has_elbo else None

    def elbo(
        self, data: Any = None, *, num_draws: int | None = None, seed: int = 1, noise: Any = None
    ) -> bounds.Elbo | None:
        """Estimate the ELBO by fresh draws from the guide.

        Args:
            data: other rows, as `zoo.fit` takes them; the training rows by default. A guide with numbers for each
                row fits those of new rows first.
            num_draws: how many; 1,000 by default, and 100 where every row's latents are drawn.
            seed: of the draws; the same in either backend.
            noise: standard normals in place of the seed's: the globals' (S, noise_size), or a pair with the local
                latents' (S, *program.noise_shape(n)).

        Returns:
            The bound with its terms; None for points and chains.
        """
        return bounds.elbo(self, data, num_draws, seed, noise)

    def log_joint(self) -> float:
        """Return the mean over draws of log p(x, z), local latents summed out; of a point, its log joint."""
        if not self.latents and self.program.guide.rows is None:
            return float(np.sum(self.log_likelihood().value))
        return float(np.mean(self.sample_stats["lp"] if self.latents else self._evaluation.log_joint))

    def evidence(self) -> Estimate | None:
        """Return log p(x) where it is known exactly; at the learnt parameters, for a model that has some."""
        return bounds.evidence(self)

    def gap(self, num_draws: int | None = None, seed: int = 1) -> Estimate | None:
        """Return evidence − ELBO, in nats; None where either is not known."""
        return bounds.gap(self, num_draws, seed)

    def gap_note(self) -> str:
        """Say which part of the gap comes from covering one of K! modes; empty where there is none."""
        permutations = self._labels[1]
        return mode_note(permutations) if self.has_elbo and permutations is not None else ""

    def k_hat(self) -> float | None:
        """Return the PSIS k̂ of the guide; above 0.7 it is not to be trusted. None for points and chains."""
        weights = self.log_weights if self.latents else None
        return None if weights is None else estimators.psis(weights).k_hat

    def log_likelihood(self, data: Any = None, num_draws: int = 1000, seed: int = 1) -> Estimate:
        """Return the log (predictive) density of each row, local latents summed or integrated out.

        Args:
            data: other rows, as `zoo.fit` takes them; the training rows by default.
            num_draws: of an importance-weighted bound, where the density is not known.
            seed: of its draws.

        Returns:
            Value and Monte Carlo error by row (n,), and how it was made. Without global latents it is exact where
            the model knows it, and else a lower bound; with them it is the log of the density's mean over the
            posterior's draws, which is a bound too where local latents are drawn along.
        """
        return bounds.log_likelihood(self, self.checked_rows(data), num_draws, seed)

    def log_likelihood_draws(self) -> np.ndarray | None:
        """Return the rows' log-likelihood at each draw (chain, draw, n); None where it is not known."""
        lead = next(iter(self.draws.values())).shape[:2] if self.draws else (1, 1)
        each = self.row_densities(self.data)
        return None if each is None else each.reshape(*lead, -1)

    def row_densities(self, data: Data) -> np.ndarray | None:
        """Return log p(x | global latents) of rows at each draw (S, n); None where unknown, or if it takes minutes."""
        locals_ = [s for s in self.model.card.active_sites(self.model.options) if s.kind == "latent" and s.local]
        if all(s.discrete for s in locals_):
            return self.program.densities(self.params, self.flat, data)[1]
        rows, names = len(next(iter(data.values()))), [s.name for s in self.latents if not s.local]
        flat, most = self.flat, getattr(self.model.exact, "MOST_ROWS", None)
        count = len(next(iter(flat.values())))
        if most is not None and count * rows > most:
            return None
        at = ({**self.model_params, **{n: flat[n][s] for n in names}} for s in range(count))
        each: list[Any] = [self.model.log_likelihood(data, values) for values in at]
        return None if each[0] is None else np.stack(each)

    def new_rows(self, seed: int = 1) -> NewRows:
        """Return how the rows that were held out fare beside those that were learnt from.

        Args:
            seed: of the choice of rows, if there are more than 1,000 of a kind, and of `log_likelihood`'s draws.

        Raises:
            UserError: no rows were held out, or `log_likelihood` knows no density.
        """
        return new_rows(self, seed)

    # --- new and old rows ------------------------------------------------------------------------------

    def sample(self, n: int, seed: int = 0, given: Data | None = None) -> Data:
        """Draw n rows of novel data, each with its own draw of the global latents.

        Args:
            n: how many rows.
            seed: of the draws.
            given: covariates of the rows, each (n, …), where the model has some; default: those of n training rows,
                drawn with replacement.

        Returns:
            Arrays by observed site (n, *row shape), after the covariates that they were drawn for.
        """
        if n < 1:
            raise UserError(f"sample: n={n} must be at least 1")
        rows = self._given(n, seed, given)
        if not self.latents:
            one = {name: x[None] for name, x in rows.items()}
            drawn = self.program.forward(self.model_params, {}, 1, n, seed, covariates=one)
            return {**rows, **{name: drawn[name][0] for name in self.observed}}
        each = {name: x[:, None] for name, x in rows.items()}
        drawn = self.program.forward(self.model_params, self._some(n, seed), n, 1, seed, covariates=each)
        return {**rows, **{name: drawn[name][:, 0] for name in self.observed}}

    def _given(self, n: int, seed: int, given: Data | None) -> Data:
        """Return n rows' covariates: checked, or drawn from the training rows'."""
        if given is None:
            index = generator(seed, "which rows").integers(0, self._size, n)
            return {name: x[index] for name, x in self.covariates.items()}
        found = check_covariates(self.model.card, given)
        self._check_columns(found)
        for name, x in found.items():
            if len(x) != n:
                raise UserError(f"sample: n={n}, and the covariate {name!r} has {len(x)} rows; give one for each")
        return found

    def posterior_predictive(self, num: int, seed: int = 0) -> Values:
        """Draw whole replicated data sets: observed sites (num, n, …), each with one draw of the globals.

        What the data lack, NaN, the replicates lack too. Covariates are those of the training rows.
        """
        drawn = self._replicate(self._some(num, seed), num, seed)
        return {name: np.where(np.isnan(x), np.nan, drawn[name]) for name, x in self.observed.items()}

    def prior(self, num: int, seed: int = 0) -> Values:
        """Draw whole data sets from the model: latents and observed sites (num, …), at the run's params.

        Covariates are those of the training rows.
        """
        return self._replicate({}, num, seed)

    def _replicate(self, draws: Values, num: int, seed: int) -> Values:
        shared = {name: x[None] for name, x in self.covariates.items()}
        return self.program.forward(self.model_params, draws, num, self._size, seed, covariates=shared)

    def posterior(self, data: Any = None) -> Posterior | BinaryPosterior | CodePosterior | DrawnPosterior:
        """Return the posterior of each row's local latent, averaged over the global ones, labels aligned.

        Raises:
            UserError: the model has no local latents.
        """
        return rows.posterior(self, self.checked_rows(data))

    def represent(self, data: Any = None) -> np.ndarray:
        """Return each row's code, the posterior mean of its local latent; probabilities of a discrete one (n, …)."""
        return self.posterior(data).mean

    def reconstruct(self, data: Any = None) -> np.ndarray:
        """Return the mean of x given each row's posterior of z, averaged over the global latents (n, …)."""
        return rows.reconstruct(self, self.checked_rows(data))

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
        return {name: v for name, v in self.params.items() if not name.startswith(GUIDE_PARAMS)}

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

    def checked_rows(self, data: Any) -> Data:
        """Return rows as `zoo.fit` takes them, checked against the run's; the training rows for None."""
        if data is None:
            return self.data
        found = load_data(self.model, data)
        self._check_columns(found)
        return found

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

    def aligned(self, num: int = 200) -> Values:
        """Return at most so many draws, labels aligned: what is averaged over draws by category needs it."""
        flat = {name: v.reshape(-1, *v.shape[2:]) for name, v in self.relabelled.items()}
        total = len(next(iter(flat.values()))) if flat else 0
        index = generator(0, "which draws").permutation(total)[:num]
        return {name: v[index] for name, v in flat.items()}


def load_run(
    folder: str | Path, backend: str | None = None, *, model: Function | Mapping[str, Function] | None = None
) -> Run:
    """Open a saved run; no code is run from it.

    Args:
        folder: what `Run.save` wrote.
        backend: open it in this backend; the one it was fitted in by default.
        model: the function or functions of a model of your own, as `zoo.fit` took them.

    Raises:
        UserError: it is not a run's folder, or was written for another model or version.
    """
    from zoo.storage import load

    return load(Path(folder), backend, model)
