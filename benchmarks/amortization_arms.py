"""An arm of the amortization benchmark: how it begins, and how it learns while it is watched."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from benchmarks.amortization_cases import Words
from guides.families import generator
from guides.local_layout import PHI
from zoo.backends.state import State, Values
from zoo.catalogue import Data, Model
from zoo.request import Request
from zoo.run import Run
from zoo.schedule import cosine, epochs
from zoo.svi import starting_point


@dataclass
class Curve:
    """What was seen while an arm learnt.

    Args:
        steps, seconds: at each look; seconds of learning alone, compilation apart.
        seen: what `look` said, by look.
        compile_seconds: of compilation.
        status: "complete", or at which step the loss was not finite.
    """

    steps: list[int] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    seen: list[float] = field(default_factory=list)
    compile_seconds: float = 0.0
    status: str = "complete"


def row_gradients(words: Words) -> int:
    """Return how many gradients of the decoder a row takes at each visit.

    >>> row_gradients({"local": "per_datapoint", "local_options": {"row_steps": 5}})
    5
    >>> row_gradients({"local": "semi_amortized", "local_options": {"steps": 3}}), row_gradients({"local": "constant"})
    (4, 1)
    """
    options = words.get("local_options", {})
    inner = int(options.get("steps", 3)) if words["local"] == "semi_amortized" else 0
    return int(options.get("row_steps", 1)) + inner


def build(model: Model, data: Data, words: Words, frozen: Values | None = None) -> Run:
    """Return a run as `zoo.fit` begins it, before its first step; its params are those that it starts from."""
    bound = model.bind(data)
    asked = Request(**words).checked(bound, data, frozen or {})
    run = Run(bound, data, asked, bound.start(data, generator(asked.seed, "start 0")), frozen or {})
    run.params = run.program.values(start_of(run))
    return run


def start_of(run: Run) -> State:
    """Return where the run starts: the model's parameters depend on the seed alone, so all arms share them."""
    table = run.program.guide.table
    return State.at(starting_point(run, run.starts), None if table is None else table.value)


def learn(run: Run, looks: int, look: Callable[[Run], float], rate: float | None = None) -> Curve:
    """Learn as `zoo.fit` does, rates and rows and draws included, and look at the run now and then.

    Args:
        run: as `build` leaves it; its params are those of the last look afterwards.
        looks: how often, after the first look before any step.
        look: run -> what is to be kept; its time is not counted.
        rate: learning rate in place of the run's own; nothing is compiled anew for it.
    """
    asked, program, curve, state = run.request, run.program, Curve(), start_of(run)
    steps = int(asked.num_steps or 0) if program.coordinates.size or program.guide.table else 0
    rates = cosine(float(rate or asked.learning_rate or 0), steps)
    batches = epochs(len(next(iter(run.data.values()))), asked.batch_size, steps, asked.seed)
    length, seconds = max(1, steps // looks), 0.0
    run.params = program.values(state)
    _seen(curve, 0, 0.0, look(run))
    for first in range(0, steps, length):
        last = min(first + length, steps)
        began = time.perf_counter()
        rows = None if batches is None else batches[first:last]
        state, losses, compiling = program.learn(state, rates[first:last], rows, asked.seed)
        seconds += time.perf_counter() - began - compiling
        curve.compile_seconds += compiling
        if not np.isfinite(losses).all():
            curve.status = f"the loss is not finite at step {first + int(np.argmin(np.isfinite(losses))) + 1}"
            break
        run.params = program.values(state)
        _seen(curve, last, seconds, look(run))
    run.seconds |= {"compile": curve.compile_seconds, "learn": seconds}
    return curve


def _seen(curve: Curve, step: int, seconds: float, value: float) -> None:
    curve.steps.append(step)
    curve.seconds.append(seconds)
    curve.seen.append(value)


def phi_of(run: Run, data: Data, index: np.ndarray | None, seed: int = 0) -> np.ndarray:
    """Return an arm's own φ of rows (n, size), without fitting any.

    Args:
        run: the arm.
        data: the rows.
        index: their places in the training data, where a table has them.
        seed: of the refinement's draws.
    """
    if run.program.guide.table is not None:
        assert index is not None
        return np.asarray(run.params[PHI])[index]
    return np.asarray(run.program.phi(run.params, data, seed))


def sizes_of(run: Run) -> dict[str, float | None]:
    """Return the variational parameters of an arm, of a table for its rows, and the rows at which they break even."""
    guide, rows = run.program.guide, len(next(iter(run.data.values())))
    shared = sum(p.size for p in guide.parameters if p.name.startswith("local."))
    each = guide.rows.phi_size
    encodes = guide.rows.treatment.encodes
    return {
        "variational_parameters": shared + (guide.table.size if guide.table else 0),
        "table_parameters": each * rows,
        "numbers_a_row": each,
        "break_even_rows": shared / each if encodes else None,
    }
