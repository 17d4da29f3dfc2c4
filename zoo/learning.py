"""SVI until it has arrived: a start, rounds of steps, a finish if the ELBO has no noise, and a verdict.

Learning is SVI with `Trace_ELBO`, in rounds of Adam's steps whose rate falls to 0 along a cosine. With
`num_steps="auto"` a further round, as long as all before it, begins while the last one raised the ELBO by more than
`TOLERANCE` per row and than twice its error; a fixed number of steps is one round.

Then comes the finish, by L-BFGS (`zoo.finish`). An ELBO without noise is climbed in one round and finished itself. One
with noise is finished at draws that are held (a sample average), and what that gains is judged by fresh draws of other
seeds and rows: it is kept if it is a gain, and a large gain says that SVI had not arrived.

References:
    1. Giordano, Ingram, Broderick 2024, Black box variational inference with a deterministic objective.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np

from zoo.backends.state import State
from zoo.finish import Objective, finish, lbfgs
from zoo.schedule import chunk_length, cosine, epochs, rounds, subsample

TOLERANCE = 0.01  # nats per row: a round that gains less was the last
COARSE = 0.05  # nats per row: an ELBO that is not known better than this says nothing of its having arrived
ROUNDED = 1e-3  # nats per row by which single precision may be off
FINE = 1e-4  # nats per row that may be left after a finish
ERRORS = 2.0  # standard errors that a gain must exceed to be one; by chance one of 44 does

TAIL = 10  # a round is judged by its last tenth
BLOCKS = 20  # whose error is that of the mean of so many blocks of steps
HALVINGS = 20  # of a rate that is too large: a millionth of it is left

EXPLORED = 60  # iterations of L-BFGS from each start
TRIED = 400  # steps of SVI from each start, where L-BFGS cannot climb
ROW_RATE = 0.05  # of the rows' own φ, whatever the rate of what they share
CONVERGED = "converged"

HELD, JUDGES = 16, 64  # draws that are held while an ELBO with noise is finished, and draws that judge the gain
MOST_FINISHES = 3
QUICK, MOST_HELD = 30, 2_000  # iterations that tell whether more are worth it, and numbers beyond which none are taken
BLOCK = 50_000  # rows whose densities are held at once by the finish

Watch = Callable[["Progressed"], None]
Rows = Callable[[np.ndarray, np.ndarray | None], tuple[float, np.ndarray]]  # (v, rows or None for all) -> loss, slope


@dataclass(frozen=True)
class Progressed:
    """How far learning has come.

    Args:
        phase: "svi" or "finish".
        step, steps: taken so far, and planned so far; 0 planned if nothing tells.
        elbo, error: mean over the last steps in nats, and its standard error.
        rate: learning rate of the last step.
    """

    phase: str
    step: int
    steps: int
    elbo: float
    error: float
    rate: float


@dataclass(frozen=True)
class Phase:
    """A stretch of the curve of losses.

    Args:
        name: "svi" or "finish".
        steps: how many losses it has: steps of SVI, iterations of the finish.
        ended: why it ended, in words.
    """

    name: str
    steps: int
    ended: str


@dataclass(frozen=True)
class Plan:
    """How to learn.

    Args:
        num_steps: of the only round; with `auto` of the first two together.
        auto: whether further rounds begin until the ELBO no longer rises.
        finish: whether an ELBO without noise is finished by a second-order method.
        rate: learning rate of a round's first step.
        batch_size: rows per step; None for all.
        rows: how many rows there are.
        seed: of batches and draws.
    """

    num_steps: int
    auto: bool
    finish: bool
    rate: float
    batch_size: int | None
    rows: int
    seed: int


@dataclass(frozen=True)
class Learnt:
    """Where learning ended.

    Args:
        state: the parameters, Adam's moments and the rows' φ.
        losses: −ELBO of each step, then of each iteration of the finish, nats.
        phases: what stretches the losses consist of, and why each ended.
        status: "converged", or "not converged: " and why.
        seconds: by what was done.
    """

    state: State
    losses: np.ndarray
    phases: tuple[Phase, ...]
    status: str
    seconds: dict[str, float] = field(default_factory=dict)


class NotFiniteError(ArithmeticError):
    """No rate that was tried leads to a finite loss; `learnt` is the last good state, `rate` the last rate."""

    def __init__(self, learnt: Learnt, rate: float) -> None:
        super().__init__("the loss is not finite")
        self.learnt, self.rate = learnt, rate


def learn(
    program: Any, plan: Plan, points: Sequence[np.ndarray], watch: Watch, doubled: Callable[[], Any] | None = None
) -> Learnt:
    """Learn from the best of some starts.

    Args:
        program: the model with its guide and data.
        plan: how.
        points: starts (size,), in coordinates of v.
        watch: told how far it has come.
        doubled: makes the same program in double precision, for a finish that single precision cannot end.

    Raises:
        NotFiniteError: the loss is not finite at the start, or at any rate.
    """
    table = program.guide.table
    if not plan.num_steps:
        return Learnt(State.at(points[0], None if table is None else table.value), np.zeros(0), (), CONVERGED)
    began = time.perf_counter()
    finishes = plan.finish and table is None and program.guide.update is None
    objective = noiseless(program, points[0], plan) if finishes else None
    start, explored = best_start(program, plan, points, objective)
    state = State.at(start, None if table is None else table.value)
    seconds = {"explore": time.perf_counter() - began}
    began = time.perf_counter()
    learnt = climb(program, plan, state, watch, once=objective is not None)
    compiling = learnt.seconds["compile"]
    seconds |= {"compile": compiling, "learn": time.perf_counter() - began - compiling}
    if finishes and (objective or start.size <= MOST_HELD):
        began = time.perf_counter()
        if objective:
            others = [start, *([] if explored is None else [explored])]
            learnt = finished(objective, plan, learnt, others, watch, program.dtype)
            if learnt.status != CONVERGED and doubled:
                learnt = finished_precisely(objective, doubled(), plan, learnt, watch)
        else:
            learnt = finished_at_draws(program, plan, learnt, watch)
        seconds["finish"] = time.perf_counter() - began
    return replace(learnt, seconds=seconds)


def never_below(program: Any, plan: Plan, start: np.ndarray, watch: Watch) -> Learnt:
    """Learn from a start that is good already, such as a poorer family's end, and go back to it if that is higher."""
    learnt = learn(program, plan, [start], watch)
    if learnt.state.table is not None:
        return learnt
    gain, error = judged(program, plan, start, learnt.state.v)
    if gain >= -ERRORS * error:
        return learnt
    status = "not converged: learning ended below its start, which is kept"
    return replace(learnt, state=replace(learnt.state, v=start), status=status)


def noiseless(program: Any, v: np.ndarray, plan: Plan) -> Rows | None:
    """Return −ELBO and its gradient as a function of v and of rows, if it is the same for any draws; else None."""
    guide = program.guide
    if guide.rows is None and not guide.latents:
        # Parameters alone, local latents summed out: the ELBO is the log likelihood.
        return program.point
    some = subsample(plan.rows, plan.seed)
    first, second = (program.objective(v, some, seed)[0] for seed in (plan.seed, plan.seed + 1))
    rounding = 1e-5 if program.dtype == "float32" else 1e-10
    if abs(first - second) > rounding * max(1.0, abs(first)):
        return None
    return lambda v, rows: program.objective(v, rows, plan.seed)


def best_start(
    program: Any, plan: Plan, points: Sequence[np.ndarray], objective: Rows | None
) -> tuple[np.ndarray, np.ndarray | None]:
    """Climb from every start, on a subsample of the rows, and return the one that led highest, and where to.

    An ELBO without noise is climbed itself; otherwise the log joint at a point, if no local latents are drawn, both by
    L-BFGS; otherwise the ELBO, by a few hundred steps of SVI.
    """
    if len(points) == 1:
        return points[0], None
    if objective is None and program.guide.rows is not None:
        losses = [_tried(program, plan, v) for v in points]
        return points[_least(losses)], None
    climbed: Rows = objective or program.point
    rough = _on(climbed, subsample(plan.rows, plan.seed))
    ends = [lbfgs(rough, v, np.inf, FINE * plan.rows, EXPLORED) for v in points]
    best = _least([e.losses[-1] if len(e.losses) else np.nan for e in ends])
    return points[best], ends[best].v if objective else None


def _tried(program: Any, plan: Plan, v: np.ndarray) -> float:
    table = program.guide.table
    steps = min(TRIED, plan.num_steps)
    try:
        alone = replace(plan, num_steps=steps, auto=False)
        state = State.at(v, None if table is None else table.value)
        return -level(climb(program, alone, state, lambda _: None).losses, plan)[0]
    except NotFiniteError:
        return np.nan


def _least(losses: Sequence[float]) -> int:
    return int(np.argmin(np.where(np.isfinite(losses), losses, np.inf)))


def climb(program: Any, plan: Plan, state: State, watch: Watch, *, once: bool = False) -> Learnt:
    """Take rounds of SVI: one, or more until one no longer gains.

    Args:
        program, plan, state, watch: as of `learn`.
        once: whether one round is enough, since a finish follows.
    """
    lengths = rounds(plan.num_steps) if plan.auto else (plan.num_steps,)
    chunk = chunk_length(lengths[0])
    losses, factor, compiling = np.zeros(0), 1.0, 0.0
    before: tuple[float, float] | None = None
    best, status, planned = state, "", 0
    for length in lengths[:1] if once else lengths:
        planned += length
        rates, first = cosine(plan.rate, length), len(losses)
        batches = epochs(plan.rows, plan.batch_size, planned, plan.seed)
        while len(losses) < planned:
            done, last = len(losses), min(len(losses) + chunk, planned)
            part = rates[done - first : last - first]
            rows = None if batches is None else batches[done:last]
            after, found, seconds = program.learn(state, factor * part, rows, plan.seed, part * (ROW_RATE / plan.rate))
            compiling += seconds
            if not np.isfinite(found).all():
                bad = done + int(np.argmin(np.isfinite(found)))
                factor /= 2
                # At the start itself no rate helps.
                if not bad or factor < 0.5**HALVINGS:
                    good = Learnt(after, np.append(losses, found)[:bad], (), "", {"compile": compiling})
                    raise NotFiniteError(good, 2 * factor * plan.rate)
                # Back to where the part began, to take it at half the rate; the rows' φ stay where they came to.
                state = replace(state, table=after.table)
                continue
            state, losses = after, np.append(losses, found)
            mean, error = level(losses[first:], plan)
            watch(Progressed("svi", last, planned, mean, error, factor * float(part[-1])))
        now = level(losses[first:], plan)
        if before is None:
            best = state
        else:
            gain, error = now[0] - before[0], float(np.hypot(now[1], before[1]))
            if gain > -ERRORS * error or state.table is not None:
                best = state
            status = verdict(gain, error, length, plan)
            if gain <= max(TOLERANCE * plan.rows, ERRORS * error):
                break
        before = now if before is None or now[0] > before[0] else before
    if not plan.auto:
        status = fixed_verdict(losses, plan)
    slowed = f", rate halved {round(-np.log2(factor))} times" if factor < 1 else ""
    ended = ("one round, before the finish" if once else "num_steps" if not plan.auto else _why(status)) + slowed
    return Learnt(best, losses, (Phase("svi", len(losses), ended),), status, {"compile": compiling})


def level(losses: np.ndarray, plan: Plan) -> tuple[float, float]:
    """Return the mean ELBO of a round's last tenth, at least 20 steps, and its standard error, in nats.

    The error is that of the mean of blocks of steps: batches of one epoch have no row in common, so that their losses
    are not independent.
    """
    count = len(losses)
    tail = -losses[max(0, count - max(20, count // TAIL)) :]
    epoch = 1 if plan.batch_size is None else -(-plan.rows // plan.batch_size)
    length = min(-(-len(tail) // (BLOCKS * epoch)) * epoch, max(1, len(tail) // 2))
    blocks = len(tail) // length
    means = tail[len(tail) - blocks * length :].reshape(blocks, length).mean(1)
    return float(tail.mean()), float(means.std(ddof=1) / np.sqrt(blocks)) if blocks > 1 else 0.0


def verdict(gain: float, error: float, steps: int, plan: Plan) -> str:
    """Return the status after a round: whether it raised the ELBO more than is allowed, per row."""
    each, unsure = gain / plan.rows, ERRORS * error / plan.rows
    if each > max(TOLERANCE, unsure):
        return f"not converged: the last {steps:,} steps still raised the ELBO by {each:.2g} nats per row"
    if unsure > COARSE:
        return f"not converged: the ELBO is known to ± {unsure:.2g} nats per row only; take a larger batch_size"
    return CONVERGED


def fixed_verdict(losses: np.ndarray, plan: Plan) -> str:
    """Return the status after a fixed number of steps: whether the second half of them still raised the ELBO."""
    half = len(losses) // 2
    if half < 20:
        return f"not converged: {len(losses)} steps are too few to tell"
    first, last = level(losses[:half], plan), level(losses, plan)
    return verdict(last[0] - first[0], float(np.hypot(first[1], last[1])), len(losses) - half, plan)


def _why(status: str) -> str:
    return "the last round gained nothing" if status == CONVERGED else status.partition(": ")[2]


def finished(
    objective: Rows, plan: Plan, learnt: Learnt, others: Sequence[np.ndarray], watch: Watch, dtype: str
) -> Learnt:
    """Finish an ELBO without noise on all rows, from the highest of where SVI ended and of the other places."""
    exact = partial(whole, objective, plan.rows)
    places = [learnt.state.v, *others]
    start = places[_least([exact(v)[0] for v in places])]
    rough = _on(objective, subsample(plan.rows, plan.seed))
    found = finish(exact, rough, start, 0.1 * FINE * plan.rows, dtype)
    each = found.left / plan.rows
    status = CONVERGED if each <= FINE else f"not converged: about {each:.2g} nats per row are still to be gained"
    losses = np.append(learnt.losses, found.losses)
    if len(found.losses):
        watch(Progressed("finish", len(losses), len(losses), -float(found.losses[-1]), 0.0, 0.0))
    ended = Phase("finish", len(found.losses), f"about {each:.1g} nats per row left")
    state = replace(learnt.state, v=found.v)
    return replace(learnt, state=state, losses=losses, phases=(*learnt.phases, ended), status=status)


def finished_at_draws(program: Any, plan: Plan, learnt: Learnt, watch: Watch) -> Learnt:
    """Finish an ELBO with noise at draws that are held, as far as fresh draws confirm that it gains.

    A few iterations tell whether SVI has arrived. If they gain more than the tolerance, it has not, and the whole
    finish follows, at fresh draws each time, until it gains no more.
    """
    best, tolerance = learnt.state.v, TOLERANCE * plan.rows
    losses, status, total = [np.zeros(0)], learnt.status, 0.0
    for attempt in range(1 + MOST_FINISHES):
        held = partial(_at_draws, program, plan, range(HELD * attempt, HELD * (attempt + 1)))
        if attempt:
            found = finish(held, held, best, FINE * plan.rows, program.dtype)
        else:
            found = lbfgs(held, best, np.inf, FINE * plan.rows, QUICK)
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
    watch(Progressed("finish", 0, 0, -float(finished_losses[-1]), 0.0, 0.0))
    ended = Phase("finish", len(finished_losses), f"gained {total / plan.rows:.1g} nats per row at fresh draws")
    return replace(
        learnt,
        state=replace(learnt.state, v=best),
        losses=np.append(learnt.losses, finished_losses),
        phases=(*learnt.phases, ended),
        status=status,
    )


def _at_draws(program: Any, plan: Plan, seeds: range, v: np.ndarray) -> tuple[float, np.ndarray]:
    rows = subsample(plan.rows, plan.seed)
    losses, slopes = zip(*(program.objective(v, rows, _fresh(plan, i)) for i in seeds), strict=True)
    return float(np.mean(losses)), np.mean(slopes, 0)


def judged(program: Any, plan: Plan, before: np.ndarray, after: np.ndarray) -> tuple[float, float]:
    """Return by how much the ELBO is higher at `after`, in nats, and the error, by draws and rows of their own."""
    rows = subsample(plan.rows, plan.seed + 1)
    seeds = [_fresh(plan, -1 - i) for i in range(JUDGES)]
    gains = np.array([program.objective(before, rows, s)[0] - program.objective(after, rows, s)[0] for s in seeds])
    if not np.isfinite(gains).all():
        return -np.inf, 0.0
    return float(gains.mean()), float(gains.std(ddof=1) / np.sqrt(len(gains)))


def _fresh(plan: Plan, i: int) -> int:
    """Return a seed of draws that learning has not seen."""
    return int(np.random.default_rng([plan.seed, i + 1_000_000]).integers(2**31))


def _on(objective: Rows, rows: np.ndarray | None) -> Objective:
    return lambda v: objective(v, rows)


def finished_precisely(objective: Rows, twin: Any, plan: Plan, learnt: Learnt, watch: Watch) -> Learnt:
    """Finish in double precision, and say so if single precision rounds what was found away."""
    precise = noiseless(twin, learnt.state.v, plan)
    if precise is None:
        return learnt
    learnt = finished(precise, plan, learnt, [], watch, twin.dtype)
    single, double = (whole(o, plan.rows, learnt.state.v)[0] for o in (objective, precise))
    off = abs(single - double) / plan.rows
    if off <= ROUNDED:
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
