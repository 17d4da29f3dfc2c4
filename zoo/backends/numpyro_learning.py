"""SVI in NumPyro: steps over parameters and over the rows' own φ, and where a loss that is not finite comes from."""

from __future__ import annotations

import time
from dataclasses import replace
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpyro import handlers

from guides.local_layout import PHI
from guides.optim import adam, rows_numpyro
from guides.rows_numpyro import choices
from guides.trace_numpyro import log_densities
from zoo.backends.numpyro_bound import Arrays, scoped
from zoo.backends.numpyro_climb import Climbing
from zoo.backends.state import State, Values


class Learning(Climbing):
    """What learns. Arguments: those of `Bound`."""

    def _loss(self, v: jax.Array, phi: jax.Array | None, key: jax.Array, batch: Arrays) -> jax.Array:
        held = self.held(v, phi)
        return self.elbo.loss(key, held, self.model, self.guide, size=self.size, **batch, **self.options)

    def _step(self, key: jax.Array, data: Arrays, carry: Any, inputs: Any) -> tuple[Any, jax.Array]:
        (v, mean, square, count, table, alive), (rate, row_rate, rows) = carry, inputs
        batch = data if rows is None else {name: x[rows] for name, x in data.items()}
        key = jax.random.fold_in(key, count)
        lines: Any = None if table is None else rows_numpyro.gather(table, rows)
        for visit in range(self._row_steps - 1):
            draw = jax.random.fold_in(key, visit)
            gradient = jax.grad(lambda p, draw=draw: self._loss(v, p, draw, batch))(rows_numpyro.phi(lines))
            lines = rows_numpyro.step(lines, gradient, row_rate)
        phi = None if lines is None else rows_numpyro.phi(lines)
        (loss, (gradient, by_row)) = jax.value_and_grad(self._loss, (0, 1))(v, phi, key, batch)
        found = [loss, gradient] if lines is None else [loss, gradient, by_row, lines]
        alive = alive & jnp.stack([jnp.isfinite(a).all() for a in found]).all()

        def move() -> tuple[Any, ...]:
            moved = None if lines is None else rows_numpyro.step(lines, by_row, row_rate)
            after, *moments = adam.step(v, gradient, mean, square, count + 1.0, rate)
            return self._ruled(after, batch), *moments, moved

        def stay() -> tuple[Any, ...]:
            return v, mean, square, None if lines is None else rows_numpyro.gather(table, rows)

        # A step that went wrong, and every later one, leaves the last good state as it is.
        *held, lines = jax.lax.cond(alive, move, stay)
        table = None if lines is None else rows_numpyro.scatter(table, rows, lines)
        return (*held, count + alive, table, alive), jnp.where(alive, loss, jnp.nan)

    def _ruled(self, v: jax.Array, batch: Arrays) -> jax.Array:
        """Return v with the params that the guide moves by a rule, where they are learnt, at their new values."""
        if self.guide.update is None:
            return v
        moved = self.guide.update(self.held(v), batch)
        for block in self.coordinates.blocks:
            if block.site.name in moved:
                new = moved[block.site.name].reshape(-1) / jnp.asarray(block.spread, v.dtype).reshape(-1)
                v = v.at[block.slice].set(new)
        return v

    @property
    def _row_steps(self) -> int:
        return int(self.guide.rows.options.get("row_steps", 1)) if self.guide.table else 1

    @scoped
    def learn(
        self,
        state: State,
        rates: np.ndarray,
        rows: np.ndarray | None,
        seed: int,
        row_rates: np.ndarray | None = None,
    ) -> tuple[State, np.ndarray, float]:
        """Take steps of SVI, as one compiled scan. The state's table is handed over: it is updated in place.

        Args:
            state: where to go on from.
            rates: learning rate of each step (T,).
            rows: each step's rows (T, B), none twice in a step; None for all rows.
            seed: of the draws.
            row_rates: learning rates of the rows' φ (T,); as `rates` if not given.

        Returns:
            The state, the losses (T,) in nats, NaN from the first step that is not finite, and the seconds
            that compilation took.
        """
        # NumPy's arrays are handed to what is compiled as they are, which is faster than to put each in place before.
        moments = (np.asarray(a, self.dtype) for a in (state.v, state.mean, state.square))
        table = None if state.table is None else jnp.asarray(state.table, self.dtype)
        carry = (*moments, np.int32(state.count), table, np.True_)
        key = jax.random.key(seed)
        inputs = (*(np.asarray(r, self.dtype) for r in (rates, rates if row_rates is None else row_rates)), rows)
        shape = ("learn", len(rates), None if rows is None else rows.shape)
        began = time.perf_counter()
        if shape not in self._compiled:
            scan = jax.jit(lambda key, data, c, i: jax.lax.scan(partial(self._step, key, data), c, i), donate_argnums=2)
            self._compiled[shape] = scan.lower(key, self.data, carry, inputs).compile()
        compiling = time.perf_counter() - began
        (v, mean, square, count, table, _), losses = self._compiled[shape](key, self.data, carry, inputs)
        reached = State(np.asarray(v), np.asarray(mean), np.asarray(square), int(count), table)
        return reached, np.asarray(losses), compiling

    @scoped
    def objective(self, v: np.ndarray, rows: np.ndarray | None, seed: int) -> tuple[float, np.ndarray]:
        """Return −ELBO and its gradient by v, of a guide without a table of φ.

        Args:
            v: every learnt number, in coordinates of the start (size,).
            rows: whose ELBO, scaled to all rows (B,); None for all rows.
            seed: of the draws.

        Returns:
            The loss in nats, and its gradient (size,).
        """

        def loss(v: jax.Array, key: jax.Array, data: Arrays, rows: Any) -> jax.Array:
            return self._loss(v, None, key, data if rows is None else {name: x[rows] for name, x in data.items()})

        found = self.jit("objective", jax.value_and_grad(loss))
        value, gradient = found(np.asarray(v, self.dtype), jax.random.key(seed), self.data, rows)
        return float(value), np.asarray(gradient, np.float64)

    @scoped
    def point(self, v: np.ndarray, rows: np.ndarray | None) -> tuple[float, np.ndarray]:
        """Return −log joint and its gradient by v, the global latents at the guide's location, local ones summed out.

        Args:
            v: every learnt number, in coordinates of the start (size,).
            rows: whose log joint, scaled to all rows (B,); None for all rows.

        Returns:
            The loss in nats, and its gradient (size,).
        """

        def loss(v: jax.Array, data: Arrays, rows: Any) -> jax.Array:
            values = self.held(v)
            some = data if rows is None else {name: x[rows] for name, x in data.items()}
            return self.potential(values, values.get("globals.loc", v[:0]), some)

        value, gradient = self.jit("point", jax.value_and_grad(loss))(np.asarray(v, self.dtype), self.data, rows)
        return float(value), np.asarray(gradient, np.float64)

    @scoped
    def blame(self, state: State, rows: np.ndarray | None, seed: int) -> str:
        """Name the site at which a step from this state is not finite."""
        v = jnp.asarray(state.v, self.dtype)
        batch = self.data if rows is None else {name: x[jnp.asarray(rows)] for name, x in self.data.items()}
        phi = None if state.table is None else rows_numpyro.phi(rows_numpyro.gather(jnp.asarray(state.table), rows))
        values = self.held(v, phi)
        key = jax.random.fold_in(jax.random.key(seed), state.count)
        seeded = handlers.substitute(handlers.seed(self.guide, key), data=values)
        nodes = handlers.trace(seeded).get_trace(**batch, **self.options)
        drawn = {s.name: nodes[s.name]["value"] for s in (*self.guide.latents, *self.guide.sampled, *self.guide.paths)}
        checks = {**values, **drawn}
        for choice in choices(self.guide.sites, self.guide.data_plate, drawn):
            checks |= log_densities(self.model, (), {**batch, **self.options}, {**values, **drawn, **choice})
            for name, value in checks.items():
                if not bool(jnp.isfinite(value).all()):
                    return name
        gradient = np.asarray(jax.grad(self._loss)(v, phi, key, batch))
        if np.isfinite(gradient).all():
            return PHI
        return self.coordinates.site_at(int(np.argmin(np.isfinite(gradient))))

    @scoped
    def values(self, state: State) -> Values:
        """Return every param's constrained value, frozen ones included, and the rows' φ."""
        learnt = self.coordinates.dictionary(jnp.asarray(state.v, self.dtype))
        phi = {} if state.table is None else {PHI: np.asarray(rows_numpyro.phi(state.table))}
        return {**{name: np.asarray(v) for name, v in self.frozen.items()}, **learnt, **phi}

    @staticmethod
    def settled(state: State) -> State:
        """Return the state with its table in NumPy, to be kept."""
        return state if state.table is None else replace(state, table=np.asarray(state.table))
