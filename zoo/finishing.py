"""The finish of a fit: on the ELBO itself if it has no noise, else at draws that are held, as fresh ones confirm.

References:
    1. Giordano, Ingram, Broderick 2024, Black box variational inference with a deterministic objective.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from itertools import count

import numpy as np

from zoo.backends.contract import Program
from zoo.finish import Objective, Told, finish, lbfgs
from zoo.learnt import CONVERGED, Learnt, Phase, Plan, Progressed, Watch
from zoo.schedule import subsample
from zoo.verdict import ERRORS, TOLERANCE, fresh_seed, judged

ROUNDED = 1e-3  # nats per row by which single precision may be off
ROUNDING = {"float32": 1e-6, "float64": 1e-12}  # of a sum of many terms, relative
FINE = 1e-4  # nats per row that may be left after a finish
HELD = 16  # draws that are held while an ELBO with noise is finished
MOST_FINISHES = 3
QUICK, MOST_HELD = 30, 2_000  # iterations that tell whether more are worth it, and numbers beyond which none are taken
BLOCK = 50_000  # rows whose densities are held at once

Rows = Callable[[np.ndarray, np.ndarray | None], tuple[float, np.ndarray]]  # (v, rows or None for all) -> loss, slope


def noiseless(program: Program, v: np.ndarray, plan: Plan) -> Rows | None:
    """Return −ELBO and its gradient as a function of v and of rows, if it is the same for any draws; else None."""
    guide = program.guide
    if guide.rows is None and not guide.latents:
        # Parameters alone, local latents summed out: the ELBO is the log likelihood.
        return program.point
    if guide.latents and not guide.family.point:
        # Of many rows the total is so large that its rounding hides the noise of the global latents' draws.
        return None
    some = subsample(plan.rows, plan.seed)
    first, second = (program.objective(v, some, seed)[0] for seed in (plan.seed, plan.seed + 1))
    if abs(first - second) > 10 * ROUNDING[program.dtype] * max(1.0, abs(first)):
        return None
    return lambda v, rows: program.objective(v, rows, plan.seed)


def finished(
    objective: Rows, plan: Plan, learnt: Learnt, others: Sequence[np.ndarray], watch: Watch, dtype: str
) -> Learnt:
    """Finish an ELBO without noise on all rows, from the highest of where SVI ended and of the other places."""
    exact = partial(whole, objective, plan.rows)
    places = [learnt.state.v, *others]
    values = [exact(v)[0] for v in places]
    first = least(values)
    start = places[first]
    rough = on_rows(objective, subsample(plan.rows, plan.seed))
    found = finish(exact, rough, start, 0.1 * FINE * plan.rows, dtype, _telling(watch, learnt))
    each, loss = found.left / plan.rows, exact(found.v)[0]
    there = found.left <= FINE * plan.rows + ROUNDING[dtype] * abs(loss)
    status = CONVERGED if there else f"not converged: about {each:.2g} nats per row are still to be gained"
    # A climb from a start that ended above SVI is the finish's first point: the curve ends where the run does.
    taken = np.append([values[first]] if first else [], found.losses)
    ended = Phase("finish", len(taken), f"about {each:.1g} nats per row left")
    state = replace(learnt.state, v=found.v)
    return replace(
        learnt, state=state, losses=np.append(learnt.losses, taken), phases=(*learnt.phases, ended), status=status
    )


def finished_at_draws(program: Program, plan: Plan, learnt: Learnt, watch: Watch) -> Learnt:
    """Finish an ELBO with noise at draws that are held, as far as fresh draws confirm that it gains.

    A few iterations tell whether SVI has arrived. If they gain more than the tolerance, it has not, and the whole
    finish follows, at fresh draws each time, until it gains no more.
    """
    best, tolerance = learnt.state.v, TOLERANCE * plan.rows
    losses, status, total = [np.zeros(0)], learnt.status, 0.0
    told = _telling(watch, learnt)
    for attempt in range(1 + MOST_FINISHES):
        held = partial(_at_draws, program, plan, range(HELD * attempt, HELD * (attempt + 1)))
        if attempt:
            found = finish(held, held, best, FINE * plan.rows, program.dtype, told)
        else:
            found = lbfgs(held, best, np.inf, FINE * plan.rows, QUICK, told)
        gain, error = judged(program, plan, best, found.v)
        if gain > ERRORS * error:
            best, total = found.v, total + gain
            losses.append(found.losses)
        large = gain > max(tolerance, ERRORS * error)
        if attempt and large:
            each = gain / plan.rows
            status = f"not converged: the last of {MOST_FINISHES} finishes still gained {each:.2g} nats per row"
        elif attempt or learnt.status == CONVERGED:
            status = CONVERGED
        if not large:
            break
    finished_losses = np.concatenate(losses)
    if not len(finished_losses):
        return replace(learnt, status=status)
    ended = Phase("finish", len(finished_losses), f"gained {total / plan.rows:.1g} nats per row at fresh draws")
    return replace(
        learnt,
        state=replace(learnt.state, v=best),
        losses=np.append(learnt.losses, finished_losses),
        phases=(*learnt.phases, ended),
        status=status,
    )


def _telling(watch: Watch, learnt: Learnt) -> Told:
    """Return what is told of each iteration of a finish that follows the steps so far."""
    taken = count(len(learnt.losses) + 1)
    return lambda loss: watch(Progressed("finish", next(taken), 0, -loss, 0.0, 0.0))


def _at_draws(program: Program, plan: Plan, seeds: range, v: np.ndarray) -> tuple[float, np.ndarray]:
    rows = subsample(plan.rows, plan.seed)
    losses, slopes = zip(*(program.objective(v, rows, fresh_seed(plan, i)) for i in seeds), strict=True)
    return float(np.mean(losses)), np.mean(slopes, 0)


def finished_precisely(objective: Rows, twin: Program, plan: Plan, learnt: Learnt, watch: Watch) -> Learnt:
    """Finish in double precision, and say so if single precision rounds what was found away."""
    precise = noiseless(twin, learnt.state.v, plan)
    if precise is None:
        return learnt
    learnt = finished(precise, plan, learnt, [], watch, twin.dtype)
    single, double = (whole(o, plan.rows, learnt.state.v)[0] for o in (objective, precise))
    off = abs(single - double) / plan.rows
    if off <= ROUNDED + ROUNDING["float32"] * abs(double) / plan.rows:
        return learnt
    words = f"not converged: single precision rounds the ELBO by {off:.1g} nats per row; use dtype='float64'"
    return replace(learnt, status=words)


def whole(objective: Rows, rows: int, v: np.ndarray) -> tuple[float, np.ndarray]:
    """Return −ELBO of all rows and its gradient by v, in blocks of rows."""
    if rows <= BLOCK:
        return objective(v, None)
    loss, gradient = 0.0, np.zeros(v.size)
    for some in np.array_split(np.arange(rows, dtype=np.int32), -(-rows // BLOCK)):
        # Each block's is scaled to all rows, and has the global terms once: their weighted mean is the whole.
        value, slope = objective(v, some)
        loss, gradient = loss + value * len(some) / rows, gradient + slope * len(some) / rows
    return loss, gradient


def on_rows(objective: Rows, rows: np.ndarray | None) -> Objective:
    """Return an objective as a function of v alone, for some rows or for all."""
    return lambda v: objective(v, rows)


def least(losses: Sequence[float]) -> int:
    """Return the place of the smallest loss; one that is not finite is none."""
    return int(np.argmin(np.where(np.isfinite(losses), losses, np.inf)))
