"""SVI until it has arrived: a start, rounds of steps, a finish if the ELBO has no noise, and a verdict.

Learning is SVI with `Trace_ELBO`, in rounds of Adam's steps whose rate falls to 0 along a cosine. With
`num_steps="auto"` a further round, as long as all before it, begins while the last one raised the ELBO by more than
`TOLERANCE` per row and than twice its error; one that lowered it by as much is taken back, and taken again at a smaller
rate. A fixed number of steps is one round.

Then comes the finish, by L-BFGS (`zoo.finish`). An ELBO without noise is climbed in one round and finished itself. One
with noise is finished at draws that are held (a sample average), and what that gains is judged by fresh draws of other
seeds and rows: it is kept if it is a gain, and a large gain says that SVI had not arrived.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from zoo.backends.contract import Program
from zoo.backends.state import State
from zoo.finish import lbfgs
from zoo.finishing import (
    FINE,
    MOST_HELD,
    Rows,
    finished,
    finished_at_draws,
    finished_precisely,
    least,
    noiseless,
    on_rows,
)
from zoo.learnt import CONVERGED, Learnt, NotFiniteError, Phase, Plan, Progressed, Watch
from zoo.schedule import chunk_length, cosine, epochs, rounds, subsample
from zoo.verdict import ERRORS, TOLERANCE, fixed_verdict, judged, level, verdict

HALVINGS = 20  # of a rate that is too large: a millionth of it is left
EXPLORED = 60  # iterations of L-BFGS from each start
TRIED = 200  # steps of SVI from each start, if the ELBO has noise
ATTEMPTS, SLOWER = 3, 0.3  # rates at which to leave a good start, each so much smaller than the one before
ROW_RATE = 0.05  # of the rows' own φ, whatever the rate of what they share


def learn(
    program: Program,
    plan: Plan,
    points: Sequence[np.ndarray],
    watch: Watch,
    doubled: Callable[[], Program] | None = None,
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
    if plan.auto and objective is None and table is None:
        # By it rounds are judged: compiled here, and not while the clock of learning runs.
        program.objective(start, subsample(plan.rows, plan.seed), plan.seed)
    prepared = time.perf_counter() - began
    began = time.perf_counter()
    learnt = climb(program, plan, state, watch, once=objective is not None)
    compiling = learnt.seconds["compile"]
    seconds |= {"compile": prepared + compiling, "learn": time.perf_counter() - began - compiling}
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


def never_below(program: Program, plan: Plan, start: np.ndarray, watch: Watch) -> Learnt:
    """Learn from a start that is good already, such as a poorer family's end, and never end below it.

    An end that is lower, by draws common to both, is taken back and learning begins again, at a third of the rate.
    """
    learnt = learn(program, plan, [start], watch)
    for attempt in range(1, ATTEMPTS):
        if learnt.state.table is not None or _at_least(program, plan, start, learnt):
            return learnt
        learnt = learn(program, replace(plan, rate=plan.rate * SLOWER**attempt), [start], watch)
    if _at_least(program, plan, start, learnt):
        return learnt
    status = f"not converged: learning ended below its start at {ATTEMPTS} rates, and the start is kept"
    return replace(learnt, state=replace(learnt.state, v=start), status=status)


def _at_least(program: Program, plan: Plan, start: np.ndarray, learnt: Learnt) -> bool:
    gain, error = judged(program, plan, start, learnt.state.v)
    return gain >= -ERRORS * error


def best_start(
    program: Program, plan: Plan, points: Sequence[np.ndarray], objective: Rows | None
) -> tuple[np.ndarray, np.ndarray | None]:
    """Climb from every start, on a subsample of the rows, and return the one that led highest, and where to.

    An ELBO without noise is climbed by L-BFGS; one with noise by some hundred steps of SVI. The log joint at a point is
    no substitute: of a mixture with priors it rises with components that the ELBO does not pay for.
    """
    if len(points) == 1:
        return points[0], None
    alone = program.guide.rows is None and not program.guide.latents
    climbed = objective or (program.point if alone else None)
    if climbed is None:
        return points[least([_tried(program, plan, v) for v in points])], None
    rough = on_rows(climbed, subsample(plan.rows, plan.seed))
    ends = [lbfgs(rough, v, np.inf, FINE * plan.rows, EXPLORED) for v in points]
    best = least([e.losses[-1] if len(e.losses) else np.nan for e in ends])
    return points[best], ends[best].v if objective else None


def _tried(program: Program, plan: Plan, v: np.ndarray) -> float:
    table = program.guide.table
    steps = min(TRIED, plan.num_steps)
    try:
        alone = replace(plan, num_steps=steps, auto=False)
        state = State.at(v, None if table is None else table.value)
        return -level(climb(program, alone, state, lambda _: None).losses, plan)[0]
    except NotFiniteError:
        return np.nan


def climb(program: Program, plan: Plan, state: State, watch: Watch, *, once: bool = False) -> Learnt:
    """Take rounds of SVI: one, or more until one no longer gains.

    Args:
        program, plan, state, watch: as of `learn`.
        once: whether one round is enough, since a finish follows.
    """
    lengths = rounds(plan.num_steps) if plan.auto else (plan.num_steps,)
    ahead = list(lengths[:1] if once else lengths)
    chunk = chunk_length(lengths[0])
    losses, factor, compiling = np.zeros(0), 1.0, 0.0
    best, there, status, planned, kept, lost = state, (0.0, 0.0), "", 0, 0, 0
    # A table of φ has no ELBO that is known before its first round.
    from_start = plan.auto and not once and state.table is None
    while ahead:
        length = ahead.pop(0)
        first, planned = len(losses), planned + length
        batches = epochs(plan.rows, plan.batch_size, planned, plan.seed)
        rates = cosine(plan.rate, length)
        state, losses, factor, seconds = _round(program, plan, state, losses, rates, batches, factor, chunk, watch)
        compiling += seconds
        here = level(losses[first:], plan)
        if kept or from_start:
            if state.table is None:
                gain, error = judged(program, plan, best.v, state.v)
            else:
                gain, error = here[0] - there[0], float(np.hypot(here[1], there[1]))
            status = verdict(gain, error, length, plan)
            least_gain = max(TOLERANCE * plan.rows, ERRORS * error)
            if gain < -least_gain:
                # Steps too long for what is left to be gained: back, and shorter ones.
                factor, state = factor * SLOWER, best
                if lost < ATTEMPTS:
                    ahead.insert(0, length)
                lost += 1
                continue
            if kept and gain <= least_gain:
                best = state if gain > 0 or state.table is not None else best
                break
        best, there, kept = state, here, kept + 1
    if not plan.auto:
        status = fixed_verdict(losses, plan)
    slowed = f", at {factor:.2g} of the rate" if factor < 1 else ""
    ended = ("one round, before the finish" if once else "num_steps" if not plan.auto else _why(status)) + slowed
    return Learnt(best, losses, (Phase("svi", len(losses), ended),), status, {"compile": compiling})


def _round(
    program: Program,
    plan: Plan,
    state: State,
    losses: np.ndarray,
    rates: np.ndarray,
    batches: np.ndarray | None,
    factor: float,
    chunk: int,
    watch: Watch,
) -> tuple[State, np.ndarray, float, float]:
    """Take a round of steps, at half the rate from where the loss is not finite.

    Args:
        program, plan, watch: as of `learn`.
        state, losses: where the round begins, and the losses so far.
        rates: of the round's steps.
        batches: rows of every step from the first round on; None for all.
        factor: of the rates.
        chunk: steps between two looks at the losses.

    Returns:
        State, losses and factor after it, and the seconds that compiling took.
    """
    first, compiling = len(losses), 0.0
    planned = first + len(rates)
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
    return state, losses, factor, compiling


def _why(status: str) -> str:
    return "the last round gained nothing" if status == CONVERGED else status.partition(": ")[2]
