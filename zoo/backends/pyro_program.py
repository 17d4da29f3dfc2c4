"""A Pyro model with its guide and its data: learning, and then evaluating, predicting, NUTS."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
import pyro
import torch
from pyro.infer import MCMC, NUTS
from pyro.poutine import trace

from guides.chain_pyro import Chain, log_partition, log_score, marginals, sample, viterbi
from guides.trace_pyro import Hold, is_sample
from zoo.backends.pyro_bound import Arrays, numpy, scoped
from zoo.backends.pyro_learning import Learning
from zoo.backends.state import Chains, Drawn, Evaluation, Values, WatchChains

BUDGET = 2_000_000  # numbers held at once while evaluating draws

# What can be asked of a chain of states given the data, and of numbers that go with the question.
QUESTIONS: dict[str, Callable[[Chain, Any], Any]] = {
    "marginals": lambda chain, _: marginals(chain),
    "viterbi": lambda chain, _: viterbi(chain),
    "sample": sample,
    "log_prob": lambda chain, path: log_score(chain, path.long()) - log_partition(chain),
}


class Program(Learning):
    """A model, its guide, its data, in one precision on one device. Arguments: those of `Bound`."""

    @scoped
    def evaluate(
        self,
        values: Values,
        noise: np.ndarray,
        local_noise: np.ndarray,
        data: Mapping[str, np.ndarray] | None = None,
        phi: np.ndarray | None = None,
        *,
        keep: bool = False,
    ) -> Evaluation:
        """Draw the latents from the guide by the given noise, and evaluate their densities.

        Args:
            values: every param, and φ of these rows where the guide has a table.
            noise: standard normals of the global latents (S, noise_size).
            local_noise: of the local ones (S, *noise_shape(n)).
            data: other rows than the program's own.
            phi: numbers of each row (n, size) in place of the treatment's.
            keep: whether to return the local latents' draws.
        """
        rows, held = self.data if data is None else self.arrays(data), self.arrays(values)
        given = None if phi is None else self.tensor(phi)

        def one(e: torch.Tensor, local: torch.Tensor) -> Any:
            drawn, log_q = self.guide.draw(held, e)
            return drawn, log_q, *self._rows({**held, **drawn}, local, rows, given, keep)

        each = torch.func.vmap(one, chunk_size=self._at_once(rows, len(noise)))
        with torch.no_grad():
            drawn, *densities, local_values = each(self.tensor(noise), self.tensor(local_noise))
        log_q, log_prior, rows_, row_log_q, bounds, likelihood = (a.cpu().numpy() for a in densities)
        return Evaluation(numpy(drawn), log_q, log_prior, rows_, row_log_q, bounds, likelihood, numpy(local_values))

    def _rows(self, held: Arrays, noise: Any, rows: Arrays, phi: Any, keep: bool) -> tuple[Any, ...]:
        """Return log prior, rows' log p, log q, bounds, likelihoods, and the local draws."""
        guide, kwargs = self.guide, {**rows, **self.options}
        if guide.rows is None:
            log_prior, summed = self.density(held, {}, rows)
            return log_prior, summed, torch.zeros_like(summed), summed, summed, {}
        if phi is None:
            phi = guide.row_phi(held, (), kwargs, noise)
        values, log_q = guide.rows.draw(held, phi, noise[0], self.batch(held, rows))
        log_prior, log_p = self.density(held, values, rows)
        bounds, likelihood = guide.row_bounds(held, (), kwargs, phi, noise)
        return log_prior, log_p, log_q, bounds, likelihood, values if keep else {}

    @scoped
    def phi(self, values: Values, data: Mapping[str, np.ndarray], seed: int = 0) -> np.ndarray:
        """Return the treatment's φ of these rows at one draw of everything else (n, size)."""
        held, rows = self.arrays(values), self.arrays(data)
        torch.manual_seed(seed)
        with torch.no_grad():
            drawn, _ = self.guide.draw(held, torch.randn(self.guide.noise_size))
            noise = torch.randn(self.noise_shape(len(next(iter(rows.values())))))
            return self.guide.row_phi({**held, **drawn}, (), {**rows, **self.options}, noise).cpu().numpy()

    @scoped
    def densities(
        self, values: Values, draws: Values, data: Mapping[str, np.ndarray] | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Evaluate given draws of the latents (S, …): log prior (S,) and rows' log p (S, n), discrete ones summed."""
        log_prior, per_row = self._map(self.density, values, draws, data)
        return log_prior.cpu().numpy(), per_row.cpu().numpy()

    @scoped
    def row_probs(self, values: Values, draws: Values, data: Mapping[str, np.ndarray] | None = None) -> np.ndarray:
        """Return the posterior of the discrete local latents, at each draw (S, n, combinations)."""

        def probs(values: Arrays, drawn: Arrays, data: Arrays) -> torch.Tensor:
            _, prior, likelihood = self.row_terms(values, drawn, data)
            return torch.softmax(prior + likelihood, -1)

        return self._map(probs, values, draws, data).cpu().numpy()

    @scoped
    def on_paths(self, name: str, values: Values, draws: Values, data: Values, given: np.ndarray) -> np.ndarray:
        """Ask the chain of states of each row, given the data, at each draw of the global latents.

        Args:
            name: "marginals" (S, n, T, K), "viterbi" (S, n, T), "sample" (S, n, T) or "log_prob" (S, n).
            values: every param.
            draws: of the global latents (S, …).
            data: the rows, arrays by name.
            given: for each draw the standard normals of "sample" or the paths of "log_prob" (S, n, T).
        """

        def one(held: Arrays, drawn: Arrays, rows: Arrays) -> torch.Tensor:
            drawn = dict(drawn)
            e = drawn.pop("_given")
            return QUESTIONS[name](self.batch({**held, **drawn}, rows).states.posterior, e)

        return self._map(one, values, {**draws, "_given": given}, data).cpu().numpy()

    def _map(self, function: Callable[..., Any], values: Values, draws: Values, data: Any) -> Any:
        rows, held = self.data if data is None else self.arrays(data), self.arrays(values)
        given, index = self.arrays(draws), torch.arange(_count(draws))

        def each(i: torch.Tensor) -> Any:
            return function(held, {name: d[i] for name, d in given.items()}, rows)

        with torch.no_grad():
            return torch.func.vmap(each, chunk_size=self._at_once(rows, len(index)))(index)

    @scoped
    def forward(
        self,
        values: Values,
        draws: Values,
        num: int,
        size: int,
        seed: int,
        *,
        covariates: Mapping[str, np.ndarray] | None = None,
        read: str = "",
    ) -> Values:
        """Run the model forward, without data.

        Args:
            values: every param.
            draws: latents that are given (num, …); the others are drawn.
            num: number of runs.
            size: rows a run.
            covariates: of the rows (num, size, …), or (1, size, …) where all runs have the same.
            read: what to return of each observed site's distribution in place of a draw, such as "mean".

        Returns:
            Every latent and observed site (num, *shape).
        """
        held, given, runs = self.arrays(values), self.arrays(draws), []
        shared = self.arrays(covariates or {})
        torch.manual_seed(seed)
        with torch.no_grad():
            for i in range(num):
                hold = Hold({**held, **{name: d[i] for name, d in given.items()}})
                rows = {name: x[i if len(x) > 1 else 0] for name, x in shared.items()}
                nodes = trace(hold(self.model)).get_trace(**rows, size=size, **self.options).nodes
                drawn = {name: node for name, node in nodes.items() if is_sample(node)}
                asked = {name for name in drawn if read and name in self.data}
                runs.append({m: getattr(n["fn"], read) if m in asked else n["value"] for m, n in drawn.items()})
        return numpy({name: torch.stack([r[name] for r in runs]) for name in runs[0]})

    @scoped
    def hessian(self, values: Values) -> np.ndarray:
        """Return the Hessian of −log p(x, v) in the guide's coordinates, at the guide's point (d, d)."""
        held = self.arrays(values)
        return torch.func.jacrev(torch.func.grad(partial(self.potential, held)))(held["globals.loc"]).cpu().numpy()

    @scoped
    def nuts(
        self,
        values: Values,
        starts: np.ndarray,
        num_warmup: int,
        num_draws: int,
        seed: int,
        watch: WatchChains | None = None,
    ) -> Chains:
        """Run NUTS over the continuous latents, discrete local ones summed out, params held.

        Args:
            starts: each chain's start in the guide's coordinates (chains, d).
            watch: told after each draw; the chains run one after the other.
        """
        held, chains = self.arrays(values), []
        done, divergences = np.zeros(len(starts), int), np.zeros(len(starts), int)
        sizes = np.full(len(starts), np.nan)

        def tell(chain: int, kernel: NUTS, *_: object) -> None:
            if watch is not None:
                done[chain] += 1
                sizes[chain] = kernel.step_size
                # Diagnostics of no draw after the warm-up are a division by zero.
                if done[chain] > num_warmup:
                    divergences[chain] = len(kernel.diagnostics()["divergences"])
                watch(Drawn(num_warmup, num_warmup + num_draws, done.copy(), sizes.copy(), divergences.copy()))

        for chain, start in enumerate(starts):
            pyro.set_rng_seed(seed * 1_000 + chain)
            kernel = NUTS(potential_fn=lambda point: self.potential(held, point["v"]))
            point = {"v": torch.as_tensor(start, dtype=getattr(torch, self.dtype))}
            how = {"initial_params": point, "hook_fn": partial(tell, chain), "disable_progbar": True}
            sampler = MCMC(kernel, num_draws, num_warmup, **how)
            sampler.run()
            v = sampler.get_samples()["v"]
            lp = -torch.stack([self.potential(held, one).detach() for one in v])
            bad = torch.zeros(num_draws, dtype=torch.bool)
            bad[sampler.diagnostics()["divergences"]["chain 0"]] = True
            chains.append((self.guide.coordinates.values(v), {"lp": lp, "diverging": bad}))
        merged = [{name: torch.stack([c[part][name] for c in chains]) for name in chains[0][part]} for part in (0, 1)]
        return Chains(numpy(merged[0]), numpy(merged[1]))

    def _at_once(self, data: Any, draws: int) -> int:
        cells = sum(x.numel() for x in data.values()) * self.combinations
        return max(1, min(draws, BUDGET // max(cells, 1)))


def _count(draws: Mapping[str, Any]) -> int:
    return len(next(iter(draws.values()))) if draws else 1
