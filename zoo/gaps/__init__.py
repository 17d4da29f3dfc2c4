"""What inference loses on a frozen model, row by row: the evidence, and the gaps of approximation and amortization.

With L(q) = E_q[log p(x, z) − log q(z)] of one row,

    log p(x) − L(q) = approximation gap + amortization gap
                    = (log p(x) − L(q*)) + (L(q*) − L(q_φ)),

q* being the best member of the guide's family for that row. While q or q* still rises, L(q*) − L(q_φ) is no
amortization gap: it is `difference`, and `rising` says why. Every number is that of a row, in nats, with the Monte
Carlo standard error of its own draws; a mean over rows is one over these rows, and its error says nothing of other
rows.

References:
    1. Cremer, Li, Duvenaud 2018, Inference suboptimality in variational autoencoders.
    2. Margossian, Blei 2024, Amortized variational inference: when and why?
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from guides.families import generator
from zoo.backends.state import Values
from zoo.bounds import AT_ONCE
from zoo.errors import UserError
from zoo.estimators import Estimate
from zoo.gaps import table
from zoo.gaps.arm import Arm
from zoo.gaps.arms import arms_of
from zoo.gaps.best import best_phi, current_phi, has_elbo, shares, starts_of, still_rises
from zoo.gaps.evidence import Evidence, evidence
from zoo.gaps.measure import Rows, active_units, difference, draw, joined, noise, summary

if TYPE_CHECKING:
    from zoo.run import Run

__all__ = ["Arm", "Evidence", "Gaps", "Rows", "gaps"]

ROWS, DRAWS = 200, 5000
ERRORS = 3.0  # so many Monte Carlo errors a bound may lie on the wrong side by chance: 1.3 times in a thousand


@dataclass(frozen=True)
class Gaps:
    """The outcome of `gaps`.

    Args:
        model: the model's name.
        options: its options, derived ones included.
        model_hash: of the frozen parameters: equal in all arms.
        backend: that all was computed in.
        data: "training rows" or "held-out rows".
        rows: their places in these data (n,).
        seed, num_draws: of the draws, so many a row from every q.
        log_p: log p(x) of each row.
        arms: in the order that was asked for.
    """

    model: str
    options: dict[str, Any]
    model_hash: str
    backend: str
    data: str
    rows: np.ndarray
    seed: int
    num_draws: int
    log_p: Evidence
    arms: list[Arm]

    @property
    def faults(self) -> list[str]:
        """Say where L(q_φ) ≤ L(q*) ≤ log p(x), or L_K growing with K, fails by more than 3 errors, over the rows."""
        return [fault for arm in self.arms if arm.own for fault in _faults(arm, self.log_p)]

    def table(self) -> list[dict[str, Any]]:
        """Return a row for each arm: means over the rows, in nats a row, with their errors."""
        return [table.row(arm, self.log_p) for arm in self.arms]

    def text(self) -> str:
        """Return plain tables of 80 columns, what their columns mean, and what is not to be trusted."""
        return table.text(self)

    def as_dict(self) -> dict[str, Any]:
        """Return everything for JSON: `table`'s rows, and each arm's numbers by row; null where there is none."""
        return table.as_dict(self)


def gaps(
    run: Run,
    local: str | Sequence[str] = (),
    local_guide: str | Sequence[str] = (),
    *,
    rows: int | Sequence[int] = ROWS,
    data: Any = None,
    num_draws: int = DRAWS,
    seed: int = 0,
    on_arm: Callable[[str], None] | None = None,
    **words: Any,
) -> Gaps:
    """Measure the gaps of a run's guide, and of others on its frozen model.

    Args:
        run: of a model with local latents and without global ones.
        local: treatments of the local latents; the run's own by default.
        local_guide: families of the local latents; the run's own by default. Each pair is an arm, fitted to the
            training data by `run.refit` where it is not the run's own.
        rows: how many rows, chosen once for all seeds; or which.
        data: other rows, as `zoo.fit` takes them: held-out ones. The training rows by default.
        num_draws: draws from every q and row; L_K is found for K up to it.
        seed: of the draws.
        on_arm: called with an arm's name as its fit begins.
        **words: of `zoo.fit`, for the refits and never for the run's own arm, such as num_steps=2000 or
            local_options={"depth": 2}.

    Returns:
        `Gaps`: `.table()`, `.text()`, `.as_dict()`, and `.arms` with all numbers by row.

    Raises:
        UserError: the model has no gaps by row, or a word is unknown.
    """
    _check(run, num_draws)
    held_out = None if data is None else run.checked_rows(data)
    every = run.data if held_out is None else held_out
    index = _index(rows, len(next(iter(every.values()))))
    some = {name: np.asarray(x)[index] for name, x in every.items()}
    found = arms_of(run, local, local_guide, words, on_arm)
    with_q = {i: arm for i, arm in enumerate(found) if arm.program.guide.rows is not None and has_elbo(arm)}
    places = index if held_out is None else None
    phis = {i: current_phi(arm, some, places, seed) for i, arm in with_q.items()}
    groups: dict[Any, list[int]] = {}
    for i, arm in with_q.items():
        alone = shares(arm) or arm.program.guide.rows.phi_size == 0
        groups.setdefault((arm.request.local_guide, i if alone else None), []).append(i)
    bests: dict[int, tuple[int, np.ndarray]] = {}
    rising = dict.fromkeys(range(len(found)), "")
    for members in groups.values():
        lead = with_q[members[0]]
        starts = starts_of([with_q[i] for i in members], [phis[i] for i in members])
        best = best_phi(lead, some, starts, seed)
        bests |= dict.fromkeys(members, (members[0], best.phi))
        # The first start is the prior; the others are the arms' own φ.
        for i, climb in zip(members, best.climbs[1:], strict=True):
            rising[i] = _rising(with_q[i], climb) or (best.rising and f"its q* still rises: {best.rising}")
    widest = max((math.prod(arm.program.noise_shape(1)) for arm in with_q.values()), default=1)
    length = max(1, AT_ONCE // (num_draws * max(1, widest)))
    blocks = [slice(first, first + length) for first in range(0, len(index), length)]
    proposals = [(str(with_q[m[0]].request.local_guide), with_q[m[0]], bests[m[0]][1]) for m in groups.values()]
    log_p = evidence(run, proposals, some, blocks, seed, num_draws)
    measured = _measured(with_q, phis, bests, some, blocks, num_draws, seed)
    arms = [_arm(arm, arm is not run, measured.get(i), log_p, rising[i]) for i, arm in enumerate(found)]
    return Gaps(
        run.model.name,
        dict(run.model.options),
        run.model_hash,
        run.backend,
        "training rows" if held_out is None else "held-out rows",
        index,
        seed,
        num_draws,
        log_p,
        arms,
    )


def _check(run: Run, num_draws: int) -> None:
    name = run.model.name
    if run.latents:
        raise UserError(
            f"model {name!r} has global latents, through which rows depend on one another: gaps by row are not "
            "defined; run.gap() has the whole model's, and zoo compare sets guides side by side"
        )
    if not any(s.kind == "latent" for s in run.model.card.active_sites(run.model.options)):
        raise UserError(f"model {name!r} has no latents, so there is no gap to measure")
    if not run.drawn and run.program.guide.rows is not None:
        raise UserError(
            f"local={run.local!r} is one choice of {name!r}'s codes a row and no density: run.elbo() is its bound, and "
            "run.gap() what is lost where log p(x) is known"
        )
    if num_draws < 20:
        raise UserError(f"num_draws={num_draws} must be at least 20")


def _index(rows: int | Sequence[int], count: int) -> np.ndarray:
    """Return which rows are looked at: the same for every seed, so that seeds differ by their draws alone."""
    if isinstance(rows, (int, np.integer)):
        if rows < 1:
            raise UserError(f"rows={rows} must be at least 1")
        return np.sort(generator(0, "gaps: rows").permutation(count)[:rows])
    index = np.asarray(rows)
    if index.ndim != 1 or not index.size or index.dtype.kind not in "iu" or index.min() < 0 or index.max() >= count:
        raise UserError(f"rows must be whole numbers from 0 to {count - 1}, or how many rows to take")
    return index


def _measured(
    runs: Mapping[int, Run],
    phis: Mapping[int, np.ndarray],
    bests: Mapping[int, tuple[int, np.ndarray]],
    data: Values,
    blocks: Sequence[slice],
    num_draws: int,
    seed: int,
) -> dict[int, tuple[Rows, Rows, Estimate]]:
    """Return what each arm's q_φ and q* say of the rows, and their difference, by fresh draws common to all."""
    parts: dict[int, list[Any]] = {i: [] for i in runs}
    widths = {str(i): arm.program.noise_shape(1)[2] for i, arm in runs.items()}
    for b, block in enumerate(blocks):
        some = {name: x[block] for name, x in data.items()}
        count = len(next(iter(some.values())))
        drawn = noise(widths, num_draws, count, f"gaps: fresh {b}", seed)
        seen: dict[int, Any] = {}
        for i, arm in runs.items():
            lead, phi = bests[i]
            if lead not in seen:
                seen[lead] = draw(runs[lead], some, phi[block], drawn(str(lead)))
            mine = draw(arm, some, phis[i][block], drawn(str(i)))
            parts[i].append((summary(arm, mine), summary(runs[lead], seen[lead]), difference(arm, seen[lead], mine)))
    out = {}
    for i, each in parts.items():
        own, best, differences = zip(*each, strict=True)
        value, error = (np.concatenate(column) for column in zip(*differences, strict=True))
        out[i] = joined(own), joined(best), Estimate(value, error, f"{num_draws} common draws")
    return out


def _rising(run: Run, climb: tuple[float, float]) -> str:
    """Say why an arm's q has not been learnt to its end on the frozen model; empty if it has."""
    if run.program.guide.table is not None:
        # Free φ are optimisation's alone: what a climb gains is what they lack. With an encoder it is amortization.
        return still_rises(climb)
    return f"its fit has {run.status}" if run.frozen and _still_learning(run) else ""


def _still_learning(run: Run) -> bool:
    return run.status.startswith(("not converged", "stopped"))


def _arm(run: Run, refitted: bool, found: tuple[Rows, Rows, Estimate] | None, log_p: Evidence, rising: str) -> Arm:
    local, guide = str(run.local), run.request.local_guide or ""
    program = run.program
    size = sum(p.size for p in program.guide.parameters) + (program.guide.table.size if program.guide.table else 0)
    if found is None and program.guide.rows is None:
        found = _summed(log_p)
    if found is None:
        return Arm(local, guide, refitted, size, None, None, None, None, None)
    own, best, lost = found
    gap = np.asarray(log_p.estimate.value) - best.elbo
    error = np.hypot(log_p.estimate.error, best.error)
    words = log_p.estimate.method if log_p.exact else f"at least: {log_p.estimate.method}"
    lack = Estimate(gap, error, words)
    free = run.frozen or program.guide.table is not None
    joint = "" if free or not _still_learning(run) else run.status
    return Arm(local, guide, refitted, size, own, best, lost, lack, active_units(own), rising, joint)


def _summed(log_p: Evidence) -> tuple[Rows, Rows, Estimate]:
    """Return the rows of an arm whose latents are summed out, or drawn from their posterior: nothing is lost."""
    value, none = np.asarray(log_p.estimate.value), np.zeros(len(np.asarray(log_p.estimate.value)))
    rows = Rows(value, none, value, none, {1: value}, {1: none}, None, None, None)
    return rows, rows, Estimate(none, none, "exact")


def _faults(arm: Arm, log_p: Evidence) -> list[str]:
    assert arm.own is not None
    assert arm.difference is not None
    assert arm.approximation is not None
    checks = [("L(q) is above L(q*)", arm.difference.value, arm.difference.error)]
    why = "L(q*) is above log p(x)" if log_p.exact else "L(q*) is above the lower bound of log p(x), which is loose"
    checks.append((why, arm.approximation.value, arm.approximation.error))
    for k, after in pairwise(sorted(arm.own.bounds)):
        step = arm.own.bounds[after] - arm.own.bounds[k]
        checks.append(
            (f"L_{after} is below L_{k}", step, np.hypot(arm.own.bound_errors[k], arm.own.bound_errors[after]))
        )
    return [f"{arm.name}: {words}" for words, each, error in checks if below_zero(np.asarray(each), np.asarray(error))]


def below_zero(each: np.ndarray, error: np.ndarray) -> bool:
    """Whether a mean over rows is below 0 by more than 3 Monte Carlo errors, and by more than floats round.

    >>> below_zero(np.array([-1.0, -1.0]), np.array([0.1, 0.1])), below_zero(np.array([-0.1]), np.array([0.1]))
    (True, False)
    """
    mean, spread = table.mean(each, error)
    return mean < -ERRORS * spread - table.ROUNDING
