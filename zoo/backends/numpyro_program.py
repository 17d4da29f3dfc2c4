"""A NumPyro model with its guide and its data: learning, and then evaluating, predicting, NUTS."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpyro import handlers
from numpyro.infer import MCMC, NUTS

from guides.chain_numpyro import Chain, log_partition, log_score, marginals, sample, viterbi
from zoo.backends.numpyro_bound import Arrays, numpy, scoped
from zoo.backends.numpyro_learning import Learning
from zoo.backends.state import Chains, Drawn, Evaluation, Values, WatchChains

# What can be asked of a chain of states given the data, and of numbers that go with the question.
QUESTIONS: dict[str, Callable[[Chain, Any], Any]] = {
    "marginals": lambda chain, _: marginals(chain),
    "viterbi": lambda chain, _: viterbi(chain),
    "sample": sample,
    "log_prob": lambda chain, path: log_score(chain, path.astype(int)) - log_partition(chain),
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
        instead = phi is not None
        params = values if phi is None else {**values, "_phi": phi}

        def one(held: Arrays, pair: Any, rows: Arrays) -> Any:
            held = dict(held)
            given = held.pop("_phi") if instead else None
            drawn, log_q = self.guide.draw(held, pair[0])
            return drawn, log_q, *self._rows({**held, **drawn}, pair[1], rows, given, keep)

        return Evaluation(*self._each(f"evaluate {instead} {keep}", one, params, (noise, local_noise), data))

    def _rows(self, held: Arrays, noise: Any, rows: Arrays, phi: Any, keep: bool) -> tuple[Any, ...]:
        """Return log prior, rows' log p, log q, bounds, likelihoods, and the local draws."""
        guide, kwargs = self.guide, {**rows, **self.options}
        if guide.rows is None:
            log_prior, summed = self.density(held, {}, rows)
            return log_prior, summed, jnp.zeros_like(summed), summed, summed, {}
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
        count = len(next(iter(rows.values())))
        keys = jax.random.split(jax.random.key(seed))
        drawn, _ = self.guide.draw(held, jax.random.normal(keys[0], (self.guide.noise_size,), self.dtype))
        noise = jax.random.normal(keys[1], self.noise_shape(count), self.dtype)
        return np.asarray(self.guide.row_phi({**held, **drawn}, (), {**rows, **self.options}, noise))

    @scoped
    def densities(
        self, values: Values, draws: Values, data: Mapping[str, np.ndarray] | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Evaluate given draws of the latents (S, …): log prior (S,) and rows' log p (S, n), discrete ones summed."""
        log_prior, per_row = self._each("densities", self.density, values, _some(draws), data)
        return log_prior, per_row

    @scoped
    def row_probs(self, values: Values, draws: Values, data: Mapping[str, np.ndarray] | None = None) -> np.ndarray:
        """Return the posterior of the discrete local latents, at each draw (S, n, combinations)."""

        def probs(held: Arrays, drawn: Arrays, rows: Arrays) -> jax.Array:
            _, prior, likelihood = self.row_terms(held, drawn, rows)
            return jax.nn.softmax(prior + likelihood, -1)

        return self._each("row_probs", probs, values, _some(draws), data)

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

        def one(held: Arrays, pair: Any, rows: Arrays) -> jax.Array:
            drawn, e = pair
            return QUESTIONS[name](self.batch({**held, **drawn}, rows).states.posterior, e)

        return self._each(f"on_paths {name}", one, values, (dict(draws), given), data)

    def _each(self, name: str, function: Callable[..., Any], values: Values, over: Any, data: Any) -> Any:
        """Apply function(values, one, rows) to each of `over`, one after the other in a compiled loop.

        Not by `vmap`: on two cores jaxlib 0.10.2 hangs now and then in a batch of a thousand draws, all its
        threads idle. One after the other it never did, and is no slower.
        """
        # The rows that it was built with are on the device already.
        rows, held = self.data if data is None else self.arrays(data), self.arrays(values)

        def loop(h: Any, xs: Any, d: Any) -> Any:
            return jax.lax.map(lambda x: function(h, x, d), xs)

        each = self.jit(name, loop)
        return jax.tree.map(np.asarray, each(held, jax.tree.map(lambda a: jnp.asarray(a, self.dtype), over), rows))

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
        rows = self.arrays(covariates or {})
        shared = all(len(x) == 1 for x in rows.values())

        def one(key: jax.Array, held: Any, given: Any, rows: Any) -> dict[str, jax.Array]:
            held = handlers.substitute(handlers.seed(self.model, key), data={**held, **given})
            nodes = handlers.trace(held).get_trace(**rows, size=size, **self.options)
            drawn = {name: node for name, node in nodes.items() if node["type"] == "sample"}
            asked = {name for name in drawn if read and name in self.data}
            return {name: getattr(n["fn"], read) if name in asked else n["value"] for name, n in drawn.items()}

        keys = jax.random.split(jax.random.key(seed), num)
        each = self.jit(f"forward {size} {shared} {read}", jax.vmap(one, (0, None, 0, None if shared else 0)))
        some = {name: x[0] for name, x in rows.items()} if shared else rows
        return numpy(each(keys, self.arrays(values), self.arrays(draws), some))

    @scoped
    def hessian(self, values: Values) -> np.ndarray:
        """Return the Hessian of −log p(x, v) in the guide's coordinates, at the guide's point (d, d)."""
        held = self.arrays(values)
        return np.asarray(jax.jit(jax.hessian(partial(self.potential, held)))(held["globals.loc"]))

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
            watch: told after each draw, all chains at once.
        """
        held = self.arrays(values)
        divergences = np.zeros(len(starts), int)

        def tell(draws: np.ndarray, sizes: np.ndarray, diverging: np.ndarray) -> None:
            if watch is not None:
                done = np.atleast_1d(draws)
                divergences[:] += np.atleast_1d(diverging) & (done > num_warmup)
                watch(Drawn(num_warmup, num_warmup + num_draws, done, np.atleast_1d(sizes), divergences.copy()))

        how = {"num_warmup": num_warmup, "num_samples": num_draws, "num_chains": len(starts), "progress_bar": False}

        # All in one: the chains' first state would otherwise be made operation by operation, each compiled by itself.
        @jax.jit
        def run(key: jax.Array, points: jax.Array) -> Any:
            potential = partial(self.potential, held)
            kernel = NUTS(potential_fn=potential) if watch is None else WatchedNUTS(tell, potential)
            sampler = MCMC(kernel, chain_method="vectorized", **how)
            fields = ("potential_energy", "diverging", "num_steps", "accept_prob")
            sampler.run(key, init_params=points if len(points) > 1 else points[0], extra_fields=fields)
            draws = self.guide.coordinates.values(sampler.get_samples(group_by_chain=True))
            return draws, sampler.get_extra_fields(group_by_chain=True)

        draws, stats = run(jax.random.key(seed), jnp.asarray(starts, self.dtype))
        jax.effects_barrier()
        named = {"lp": -stats["potential_energy"], "diverging": stats["diverging"]}
        named |= {"n_steps": stats["num_steps"], "acceptance_rate": stats["accept_prob"]}
        return Chains(numpy(draws), numpy(named))


class WatchedNUTS(NUTS):
    """NUTS that tells after each draw how many there are, the step size and whether it diverged, by chain."""

    def __init__(self, tell: Callable[[np.ndarray, np.ndarray, np.ndarray], None], potential: Callable) -> None:
        super().__init__(potential_fn=potential)
        self.tell = tell

    def sample(self, state: Any, model_args: tuple, model_kwargs: dict) -> Any:
        """Return the next state of all chains."""
        state = super().sample(state, model_args, model_kwargs)
        jax.debug.callback(self.tell, state.i, state.adapt_state.step_size, state.diverging)
        return state


def _some(draws: Values) -> Values:
    """Return the draws, or one draw of nothing for a model without global latents."""
    return draws or {"_nothing": np.zeros(1)}
