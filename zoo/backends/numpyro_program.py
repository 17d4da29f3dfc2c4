"""A NumPyro model with its guide and its data, compiled once: learning, evaluating, predicting, NUTS."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from functools import partial, wraps
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import logsumexp
from numpyro import handlers
from numpyro.distributions.distribution import validation_enabled
from numpyro.infer import MCMC, NUTS

from guides.coordinates_numpyro import Coordinates
from guides.guide_numpyro import Guide
from guides.optim import adam
from guides.sites import params
from guides.start import Start
from guides.trace_numpyro import choices, log_densities, row_log_joint
from zoo.backends.state import Chains, Evaluation, State, Values


def _scoped(method: Callable[..., Any]) -> Callable[..., Any]:
    """Run a method in the program's precision and on its device."""

    @wraps(method)
    def inside(self: Program, *args: Any, **kwargs: Any) -> Any:
        device = jax.devices(self.device)[0]
        # Values that are not finite are ours to find: a FitError says where.
        with jax.enable_x64(self.dtype == "float64"), jax.default_device(device), validation_enabled(False):
            return method(self, *args, **kwargs)

    return inside


class Program:
    """One model, one guide, one data set, in one precision on one device.

    Args:
        model: the model function.
        data: arrays by name; rows lie along the first axis.
        options: the model's other keywords.
        guide, local, guide_options: family, treatment, and the family's options.
        starts: where params and latents start.
        frozen: params that are held, by name.
        seed: of the family's initial values.
        num_particles: draws a step of learning.
        dtype: "float32" or "float64".
        device: "cpu" or "cuda".
    """

    def __init__(
        self,
        model: Callable[..., Any],
        data: Mapping[str, np.ndarray],
        options: Mapping[str, Any],
        *,
        guide: str,
        local: str,
        starts: Mapping[str, Start],
        guide_options: Mapping[str, Any] | None = None,
        frozen: Mapping[str, np.ndarray] | None = None,
        seed: int = 0,
        num_particles: int = 1,
        dtype: str = "float32",
        device: str = "cpu",
    ) -> None:
        self.model, self.options, self.dtype, self.device = model, dict(options), dtype, device
        self.frozen = dict(frozen or {})
        self.size = len(next(iter(data.values())))
        self._build(data, starts, guide, local, seed, guide_options, num_particles)

    @_scoped
    def _build(
        self,
        data: Mapping[str, np.ndarray],
        starts: Mapping[str, Start],
        guide: str,
        local: str,
        seed: int,
        options: Mapping[str, Any] | None,
        num_particles: int,
    ) -> None:
        self.data = self.arrays(data)
        self.guide = Guide(
            self.model,
            (),
            {**self.data, **self.options},
            name=guide,
            local=local,
            starts=starts,
            seed=seed,
            options=options,
            frozen=frozenset(self.frozen),
        )
        self.model_params = [s for s in params(self.guide.sites) if s.name not in self.frozen]
        self.coordinates = Coordinates([*self.model_params, *self.guide.parameters], starts)
        self.elbo = self.guide.objective(num_particles)
        self._compiled: dict[Any, Any] = {}

    def arrays(self, values: Mapping[str, Any]) -> dict[str, jax.Array]:
        """Put NumPy values on the device, floats in the program's precision."""
        return {
            name: jnp.asarray(v, self.dtype if np.asarray(v).dtype.kind == "f" else None) for name, v in values.items()
        }

    def _loss(self, v: jax.Array, key: jax.Array, rows: jax.Array | None, data: Any) -> jax.Array:
        batch = data if rows is None else {name: x[rows] for name, x in data.items()}
        values = {**self.arrays(self.frozen), **self.coordinates.values(v)}
        return self.elbo.loss(key, values, self.model, self.guide, size=self.size, **batch, **self.options)

    def _step(self, key: jax.Array, data: Any, carry: Any, inputs: Any) -> tuple[Any, jax.Array]:
        (v, mean, square, count, alive), (rate, rows) = carry, inputs
        loss, gradient = jax.value_and_grad(self._loss)(v, jax.random.fold_in(key, count), rows, data)
        alive = alive & jnp.isfinite(loss) & jnp.isfinite(gradient).all()
        moved = adam.step(v, gradient, mean, square, count + 1.0, rate)
        # A step that went wrong, and every later one, leaves the last good state as it is.
        held = [jnp.where(alive, new, old) for new, old in zip(moved, (v, mean, square), strict=True)]
        return (*held, count + alive, alive), jnp.where(alive, loss, jnp.nan)

    @_scoped
    def learn(
        self, state: State, rates: np.ndarray, rows: np.ndarray | None, seed: int
    ) -> tuple[State, np.ndarray, float]:
        """Take steps of SVI, as one compiled scan.

        Args:
            state: where to go on from.
            rates: learning rate of each step (T,).
            rows: each step's rows (T, B); None for all rows.
            seed: of the draws.

        Returns:
            The state, the losses (T,) in nats, NaN from the first step that is not finite, and the seconds
            that compilation took.
        """
        moments = (jnp.asarray(a, self.dtype) for a in (state.v, state.mean, state.square))
        carry = (*moments, jnp.asarray(state.count, "int32"), jnp.asarray(True))
        key = jax.random.key(seed)
        inputs = (jnp.asarray(rates, self.dtype), None if rows is None else jnp.asarray(rows))
        shape = ("learn", len(rates), None if rows is None else rows.shape)
        began = time.perf_counter()
        if shape not in self._compiled:
            scan = jax.jit(lambda key, data, c, i: jax.lax.scan(partial(self._step, key, data), c, i))
            self._compiled[shape] = scan.lower(key, self.data, carry, inputs).compile()
        compiling = time.perf_counter() - began
        (v, mean, square, count, _), losses = self._compiled[shape](key, self.data, carry, inputs)
        reached = State(np.asarray(v), np.asarray(mean), np.asarray(square), int(count))
        return reached, np.asarray(losses), compiling

    @_scoped
    def explore(self, starts: np.ndarray, rates: np.ndarray) -> np.ndarray:
        """Climb the log joint from each of many starts: at a point, local latents summed out, no draws.

        Args:
            starts: where each start stands (starts, size).
            rates: learning rate of each step (T,).

        Returns:
            −log joint where each came to (starts,).
        """
        steps = jnp.asarray(rates, self.dtype)

        def climb(carry: Any, rate: jax.Array) -> tuple[Any, None]:
            v, mean, square, count = carry
            gradient = jax.grad(self._point_loss)(v)
            return (*adam.step(v, gradient, mean, square, count, rate), count + 1.0), None

        def one(v: jax.Array) -> jax.Array:
            first: Any = (v, jnp.zeros_like(v), jnp.zeros_like(v), jnp.ones((), self.dtype))
            (end, *_), _ = jax.lax.scan(climb, first, steps)
            return self._point_loss(end)

        return np.asarray(jax.jit(partial(jax.lax.map, one))(jnp.asarray(starts, self.dtype)))

    def _point_loss(self, v: jax.Array) -> jax.Array:
        values = {**self.arrays(self.frozen), **self.coordinates.values(v)}
        return self._potential(values, values.get("globals.loc", v[:0]))

    @_scoped
    def blame(self, state: State, rows: np.ndarray | None, seed: int) -> str:
        """Name the site at which a step from this state is not finite."""
        v = jnp.asarray(state.v, self.dtype)
        values = {**self.arrays(self.frozen), **self.coordinates.values(v)}
        key = jax.random.fold_in(jax.random.key(seed), state.count)
        held = handlers.substitute(handlers.seed(self.guide, key), data=values)
        nodes = handlers.trace(held).get_trace(**self.data, **self.options)
        drawn = {s.name: nodes[s.name]["value"] for s in self.guide.latents}
        checks = {**values, **drawn}
        for choice in choices(self.guide.sites, self.guide.data_plate):
            checks |= log_densities(self.model, (), {**self.data, **self.options}, {**values, **drawn, **choice})
            for name, value in checks.items():
                if not bool(jnp.isfinite(value).all()):
                    return name
        batch = None if rows is None else jnp.asarray(rows)
        gradient = np.asarray(jax.grad(self._loss)(v, key, batch, self.data))
        return self.coordinates.site_at(int(np.argmin(np.isfinite(gradient))))

    @_scoped
    def values(self, state: State) -> Values:
        """Return every param's constrained value, frozen ones included."""
        learnt = self.coordinates.dictionary(jnp.asarray(state.v, self.dtype))
        return {**{name: np.asarray(v) for name, v in self.frozen.items()}, **learnt}

    @_scoped
    def evaluate(self, values: Values, noise: np.ndarray, data: Mapping[str, np.ndarray] | None = None) -> Evaluation:
        """Draw the global latents from the guide by the given noise, and evaluate their densities.

        Args:
            values: every param.
            noise: standard normals (S, noise_size).
            data: other rows than the program's own.
        """

        def one(held: Any, e: jax.Array, rows: Any) -> Any:
            own = {name: v for name, v in held.items() if name.startswith("globals.")}
            drawn, log_q = self.guide.draw(own, e)
            return drawn, log_q, self._density(held, drawn, rows)

        drawn, log_q, (log_prior, per_row) = self._each("evaluate", one, values, noise, data)
        return Evaluation(drawn, log_q, log_prior, per_row)

    def _density(self, values: Any, drawn: Any, data: Any) -> tuple[jax.Array, jax.Array]:
        log_prior, rows = self._row_log_joint(values, drawn, data)
        return log_prior, logsumexp(rows, -1)

    def _row_log_joint(self, values: Any, drawn: Any, data: Any) -> tuple[jax.Array, jax.Array]:
        kwargs = {**data, **self.options}
        traced = self.guide.trace((), kwargs)
        return row_log_joint(self.model, (), kwargs, {**values, **drawn}, traced, self.guide.data_plate)

    @_scoped
    def densities(
        self, values: Values, draws: Values, data: Mapping[str, np.ndarray] | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Evaluate given draws of the global latents (S, …): log prior (S,) and rows' log-likelihood (S, n)."""
        log_prior, per_row = self._each("densities", self._density, values, _some(draws), data)
        return log_prior, per_row

    @_scoped
    def row_probs(self, values: Values, draws: Values, data: Mapping[str, np.ndarray] | None = None) -> np.ndarray:
        """Return the posterior of the discrete local latents, at each draw (S, n, combinations)."""

        def probs(held: Any, drawn: Any, rows: Any) -> jax.Array:
            return jax.nn.softmax(self._row_log_joint(held, drawn, rows)[1], -1)

        return self._each("row_probs", probs, values, _some(draws), data)

    def _each(self, name: str, function: Callable[..., Any], values: Values, over: Any, data: Any) -> Any:
        """Apply function(values, one, rows) to each of `over`, one after the other in a compiled loop.

        Not by `vmap`: on two cores jaxlib 0.10.2 hangs now and then in a batch of a thousand draws, all its
        threads idle. One after the other it never did, and is no slower.
        """
        rows, held = self.data if data is None else self.arrays(data), self.arrays(values)
        each = self._jit(name, lambda h, xs, d: jax.lax.map(lambda x: function(h, x, d), xs))
        return jax.tree.map(np.asarray, each(held, jax.tree.map(lambda a: jnp.asarray(a, self.dtype), over), rows))

    @_scoped
    def forward(self, values: Values, draws: Values, num: int, size: int, seed: int, *, means: bool = False) -> Values:
        """Run the model forward, without data.

        Args:
            values: every param.
            draws: latents that are given (num, …); the others are drawn.
            num: number of runs.
            size: rows a run.
            means: return the mean of each observed site's distribution in place of a draw.

        Returns:
            Every latent and observed site (num, *shape).
        """

        def one(key: jax.Array, given: Any) -> dict[str, jax.Array]:
            held = handlers.substitute(handlers.seed(self.model, key), data={**self.arrays(values), **given})
            nodes = handlers.trace(held).get_trace(size=size, **self.options)
            drawn = {name: node for name, node in nodes.items() if node["type"] == "sample"}
            mean = {name for name in drawn if means and name in self.data}
            return {name: n["fn"].mean if name in mean else n["value"] for name, n in drawn.items()}

        keys = jax.random.split(jax.random.key(seed), num)
        return _numpy(jax.jit(jax.vmap(one))(keys, self.arrays(draws)))

    @_scoped
    def hessian(self, values: Values) -> np.ndarray:
        """Return the Hessian of −log p(x, v) in the guide's coordinates, at the guide's point (d, d)."""
        held = self.arrays(values)
        return np.asarray(jax.jit(jax.hessian(partial(self._potential, held)))(held["globals.loc"]))

    def _potential(self, values: Any, v: jax.Array) -> jax.Array:
        log_prior, rows = self._density(values, self.guide.coordinates.values(v), self.data)
        return -(log_prior + rows.sum() + self.guide.coordinates.log_jacobian(v))

    @_scoped
    def nuts(
        self,
        values: Values,
        starts: np.ndarray,
        num_warmup: int,
        num_draws: int,
        seed: int,
        progress: Callable[[int, int], None] | None = None,
    ) -> Chains:
        """Run NUTS over the global latents, discrete local ones summed out, params held.

        Args:
            starts: each chain's start in the guide's coordinates (chains, d).
        """
        kernel = NUTS(potential_fn=partial(self._potential, self.arrays(values)))
        sampler = MCMC(
            kernel,
            num_warmup=num_warmup,
            num_samples=num_draws,
            num_chains=len(starts),
            chain_method="vectorized",
            progress_bar=False,
        )
        points = jnp.asarray(starts, self.dtype)
        fields = ("potential_energy", "diverging", "num_steps", "accept_prob")
        sampler.run(jax.random.key(seed), init_params=points if len(points) > 1 else points[0], extra_fields=fields)
        draws = jax.vmap(jax.vmap(self.guide.coordinates.values))(sampler.get_samples(group_by_chain=True))
        stats = sampler.get_extra_fields(group_by_chain=True)
        named = {"lp": -stats["potential_energy"], "diverging": stats["diverging"]}
        named |= {"n_steps": stats["num_steps"], "acceptance_rate": stats["accept_prob"]}
        return Chains(_numpy(draws), _numpy(named))

    def _jit(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        return self._compiled.setdefault(name, jax.jit(function))


def _some(draws: Values) -> Values:
    """Return the draws, or one draw of nothing for a model without global latents."""
    return draws or {"_nothing": np.zeros(1)}


def _numpy(tree: Mapping[str, Any]) -> Values:
    return {name: np.asarray(value) for name, value in tree.items()}
