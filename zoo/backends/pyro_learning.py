"""SVI in Pyro: steps over parameters and over the rows' own φ, and where a loss that is not finite comes from."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from pyro.poutine import trace
from torch.optim.adam import adam as fused_adam

from guides.local_layout import PHI
from guides.optim import adam, rows_pyro
from guides.rows_pyro import choices
from guides.trace_pyro import Hold, log_densities
from zoo.backends.pyro_bound import Arrays, reseed, scoped
from zoo.backends.pyro_climb import Climbing
from zoo.backends.state import State, Values

# One kernel, in place, where the same arithmetic as written in guides.optim.adam takes eleven.
ADAM: dict[str, Any] = {
    "fused": True,
    "beta1": adam.BETA1,
    "beta2": adam.BETA2,
    "eps": adam.EPSILON,
    "weight_decay": 0.0,
    "amsgrad": False,
    "maximize": False,
}


class Learning(Climbing):
    """What learns. Arguments: those of `Bound`."""

    def _loss(self, parts: Sequence[torch.Tensor], phi: torch.Tensor | None, batch: Arrays) -> torch.Tensor:
        held, count = self.held(parts, phi), len(next(iter(batch.values())))
        # The plate is given its indices: Pyro would draw a permutation of all rows.
        model = Hold({**held, self.guide.data_plate: torch.arange(count, device=self.device)})(self.model)

        def guide(**kwargs: Any) -> None:
            self.guide.emit(held, (), kwargs, torch.randn(self.noise_shape(count)))

        return self.elbo.differentiable_loss(model, guide, size=self.size, **batch, **self.options)

    def _step(
        self, parts: Sequence[torch.Tensor], lines: Any, batch: Arrays, row_rate: float, seeds: tuple[int, int]
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Return the loss and the rows' lines after their steps; the gradient by v is added to its parts' own."""
        for visit in range(self._row_steps - 1):
            reseed(self.device, *seeds, visit + 1)
            there = rows_pyro.phi(lines).detach().requires_grad_()
            (gradient,) = torch.autograd.grad(self._loss(parts, there, batch), there)
            lines = rows_pyro.step(lines, gradient, row_rate)
        reseed(self.device, *seeds)
        phi = None if lines is None else rows_pyro.phi(lines).detach().requires_grad_()
        loss = self._loss(parts, phi, batch)
        if parts or phi is not None:
            torch.autograd.backward(loss, inputs=[*parts] if phi is None else [*parts, phi])
        if phi is None:
            return loss.detach(), None
        assert phi.grad is not None
        return loss.detach(), rows_pyro.step(lines, phi.grad, row_rate)

    def _leaves(self, v: torch.Tensor) -> tuple[list[torch.Tensor], torch.Tensor]:
        """Return v's parts, each to be differentiated by, and the gradient by v that theirs are views of.

        The parts share v's memory and move with it.
        """
        gradient = torch.zeros_like(v)
        parts = [part.detach().requires_grad_() for part in self.coordinates.parts(v)]
        for part, own in zip(parts, self.coordinates.parts(gradient), strict=True):
            part.grad = own
        return parts, gradient

    def _follow_rule(self, parts: Sequence[torch.Tensor], batch: Arrays) -> None:
        """Move the params that the guide moves by a rule, where they are learnt, to their new values, in place."""
        if self.guide.update is None:
            return
        with torch.no_grad():
            moved = self.guide.update(self.held(parts), batch)
            for block, part in zip(self.coordinates.blocks, parts, strict=True):
                if block.site.name in moved:
                    part.copy_(moved[block.site.name] / self.tensor(block.spread))

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
        """Take steps of SVI. The state's table is handed over: it is updated in place.

        Args:
            state: where to go on from.
            rates: learning rate of each step (T,).
            rows: each step's rows (T, B), none twice in a step; None for all rows.
            seed: of the draws.
            row_rates: learning rates of the rows' φ (T,); as `rates` if not given.

        Returns:
            The state, the losses (T,) in nats, NaN from the first step that is not finite, and the seconds
            that compilation took: none here.
        """
        v, mean, square = (self.tensor(a).clone() for a in (state.v, state.mean, state.square))
        taken = torch.tensor(float(state.count), device=self.device)
        parts, gradient = self._leaves(v)
        table = None if state.table is None else self.tensor(state.table)
        batches = None if rows is None else torch.as_tensor(rows, device=self.device).long()
        count, losses = state.count, np.full(len(rates), np.nan)
        for t, (rate, row_rate) in enumerate(zip(rates, rates if row_rates is None else row_rates, strict=True)):
            at = None if batches is None else batches[t]
            batch = self.data if at is None else {name: x.index_select(0, at) for name, x in self.data.items()}
            lines = None if table is None else rows_pyro.gather(table, at)
            gradient.zero_()
            loss, lines = self._step(parts, lines, batch, float(row_rate), (seed, count))
            losses[t] = loss.item()
            if not (math.isfinite(losses[t]) and _finite(gradient) and (lines is None or _finite(lines))):
                losses[t] = np.nan
                break
            fused_adam([v], [gradient], [mean], [square], [], [taken], lr=float(rate), **ADAM)
            self._follow_rule(parts, batch)
            if table is not None and lines is not None:
                table = rows_pyro.scatter(table, at, lines)
            count += 1
        return State(v.cpu().numpy(), mean.cpu().numpy(), square.cpu().numpy(), count, table), losses, 0.0

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
        reseed(self.device, seed, 0)
        parts, gradient = self._leaves(self.tensor(v).clone())
        loss = self._loss(parts, None, self._some(rows))
        torch.autograd.backward(loss, inputs=parts)
        return loss.item(), gradient.cpu().numpy().astype(np.float64)

    @scoped
    def point(self, v: np.ndarray, rows: np.ndarray | None) -> tuple[float, np.ndarray]:
        """Return −log joint and its gradient by v, the global latents at the guide's location, local ones summed out.

        Args:
            v: every learnt number, in coordinates of the start (size,).
            rows: whose log joint, scaled to all rows (B,); None for all rows.

        Returns:
            The loss in nats, and its gradient (size,).
        """
        at = self.tensor(v).clone().requires_grad_()
        values = self.held(self.coordinates.parts(at))
        loss = self.potential(values, values.get("globals.loc", at[:0]), self._some(rows))
        (gradient,) = torch.autograd.grad(loss, at)
        return loss.item(), gradient.cpu().numpy().astype(np.float64)

    def _some(self, rows: np.ndarray | None) -> Arrays:
        if rows is None:
            return self.data
        at = torch.as_tensor(rows, device=self.device).long()
        return {name: x.index_select(0, at) for name, x in self.data.items()}

    @scoped
    def blame(self, state: State, rows: np.ndarray | None, seed: int) -> str:
        """Name the site at which a step from this state is not finite."""
        v, at = self.tensor(state.v), None if rows is None else torch.as_tensor(rows).long()
        batch = self.data if at is None else {name: x[at] for name, x in self.data.items()}
        lines = None if state.table is None else rows_pyro.gather(self.tensor(state.table), at)
        values = self.held(self.coordinates.parts(v), None if lines is None else rows_pyro.phi(lines))
        reseed(self.device, seed, state.count)
        nodes = trace(Hold(values)(self.guide)).get_trace(**batch, **self.options).nodes
        drawn = {s.name: nodes[s.name]["value"] for s in (*self.guide.latents, *self.guide.sampled, *self.guide.paths)}
        checks: dict[str, Any] = {**values, **drawn}
        for choice in choices(self.guide.sites, self.guide.data_plate, drawn):
            checks |= log_densities(self.model, (), {**batch, **self.options}, {**values, **drawn, **choice})
            for name, value in checks.items():
                if not torch.isfinite(value).all():
                    return name
        parts, gradient = self._leaves(v)
        self._step(parts, lines, batch, 0.0, (seed, state.count))
        finite = torch.isfinite(gradient).cpu().numpy()
        return PHI if finite.all() else self.coordinates.site_at(int(np.argmin(finite)))

    @scoped
    def values(self, state: State) -> Values:
        """Return every param's constrained value, frozen ones included, and the rows' φ."""
        phi = {} if state.table is None else {PHI: rows_pyro.phi(self.tensor(state.table)).cpu().numpy()}
        learnt = self.coordinates.dictionary(self.tensor(state.v))
        return {**{name: np.asarray(f) for name, f in self.frozen.items()}, **learnt, **phi}

    @staticmethod
    def settled(state: State) -> State:
        """Return the state with its table in NumPy, to be kept."""
        return state if state.table is None else replace(state, table=torch.as_tensor(state.table).cpu().numpy())


def _finite(numbers: torch.Tensor) -> bool:
    """Say whether all are finite; their sum is so in a sixth of the time, unless it overflows."""
    return math.isfinite(numbers.sum().item()) or bool(torch.isfinite(numbers).all())
