"""The tour's fits: what is to be learnt, learnt on every core, and what the page needs of each."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from zoo import catalogue
from zoo.backends.threads import keep_to_one
from zoo.compare.cells import NUMBERS, measure
from zoo.compare.reference import find

if TYPE_CHECKING:
    from zoo.run import Run

Progress = Callable[[int, int, str], None]
T = TypeVar("T")


@dataclass(frozen=True)
class Task:
    """One fit.

    Args:
        chapter: whose it is.
        model: name.
        words: of `zoo.fit`, the backend, method and guide among them.
        options: of the model.
        data: a named data set; None is the card's first.
        summarised: whether ArviZ's summary of its draws is wanted.
        rows: learn from the first so many rows alone; None for all.
        ask: what else the page needs of the run, a function of a module, to be called where the fit was made. The
            usual numbers are then not computed.
    """

    chapter: str
    model: str
    words: Mapping[str, Any]
    options: Mapping[str, Any] = field(default_factory=dict)
    data: str | None = None
    summarised: bool = False
    rows: int | None = None
    ask: Callable[[Run], Mapping[str, Any]] | None = None

    @property
    def method(self) -> str:
        """The guide's name, or "nuts"."""
        return "nuts" if self.words.get("method") == "nuts" else str(self.words.get("guide", "mean_field"))

    @property
    def backend(self) -> str:
        """The backend's name."""
        return str(self.words["backend"])

    @property
    def weight(self) -> int:
        """How long it takes, as a rank: the longest begin first, so that no core waits at the end."""
        slow = {"nuts": 4, "flow": 3}.get(self.method, 5 if self.ask else 0)
        return slow + (2 if self.backend == "pyro" else 0) + ("gmm" in self.model)

    def __str__(self) -> str:
        return f"{self.model}, {self.method}, {self.backend}"


@dataclass(frozen=True)
class Fit:
    """What a task left, in plain arrays.

    Args:
        task: what was asked.
        error: why it failed; the rest is empty then.
        row: its numbers, named as in `zoo.compare`; None where there is none.
        values: of the objective by step, nats, larger is better; empty for NUTS.
        svi: how many of them are steps of SVI, before the finish.
        params: learnt parameters, constrained.
        draws: global latent to draws with labels aligned, (draw, *shape).
        summary: ArviZ's summary, a row a scalar.
        log_likelihood: of the training data at the learnt parameters, in nats; None with global latents.
        found: what the task asked for.
    """

    task: Task
    error: str | None = None
    row: Mapping[str, Any] = field(default_factory=dict)
    values: np.ndarray = field(default_factory=lambda: np.empty(0))
    svi: int = 0
    params: Mapping[str, np.ndarray] = field(default_factory=dict)
    draws: Mapping[str, np.ndarray] = field(default_factory=dict)
    summary: Sequence[Mapping[str, Any]] = ()
    log_likelihood: float | None = None
    found: Mapping[str, Any] = field(default_factory=dict)


def learn(tasks: Sequence[Task], jobs: int | None = None, progress: Progress | None = None) -> list[Fit]:
    """Run every task, several at once, and return what they left, in their order.

    Args:
        tasks: what is to be learnt.
        jobs: at once; default: one a core.
        progress: called after each with (done, all, words); default: a bar on a terminal, else nothing.
    """
    left: dict[int, Fit] = {}
    order = sorted(range(len(tasks)), key=lambda i: -tasks[i].weight)
    shown = _bar(len(tasks)) if progress is None else nullcontext(progress)
    with shown as tell:
        for i, fit in at_once(run, [tasks[i] for i in order], jobs):
            left[order[i]] = fit
            tell(len(left), len(tasks), str(fit.task))
    return [left[i] for i in range(len(tasks))]


def at_once(function: Callable[[Any], T], items: Sequence[Any], jobs: int | None = None) -> Iterator[tuple[int, T]]:
    """Call a function of each item, several at once on a core each, and yield (place, result) as they come.

    Args:
        function: of a module, so that other processes find it.
        items: what it is called with.
        jobs: at once, in as many processes, which are kept for the next call; 1 is this process.
    """
    from joblib import Parallel, cpu_count, delayed, parallel_config

    num = min(jobs or cpu_count(), len(items))
    alone = parallel_config(backend="loky", inner_max_num_threads=1) if num > 1 else nullcontext()
    with alone:
        calls = (delayed(_placed)(i, function, item, num > 1) for i, item in enumerate(items))
        yield from Parallel(n_jobs=num, return_as="generator_unordered")(calls)


def _placed(place: int, function: Callable[[Any], T], item: Any, beside_others: bool) -> tuple[int, T]:
    if beside_others:
        keep_to_one()
    return place, function(item)


def run(task: Task) -> Fit:
    """Run one task; what goes wrong is its error."""
    from zoo.inference import fit
    from zoo.inference_data import summary

    try:
        model = catalogue.model(task.model, **task.options)
        data = catalogue.load_data(model, task.data)
        data = {name: values[: task.rows] for name, values in data.items()}
        made = fit(model, data=data, seed=0, **task.words)
        svi = sum(phase.steps for phase in made.phases if phase.name == "svi")
        if task.ask is not None:
            values = -np.asarray(made.losses, float)
            return Fit(task, values=values, svi=svi, params=made.params, found=task.ask(made))
        draws = {name: values.reshape(-1, *values.shape[2:]) for name, values in made.relabelled.items()}
        return Fit(
            task,
            row=dict.fromkeys(NUMBERS) | measure(made, find(made.model, made.data)),
            values=-np.asarray(made.losses, float) if task.method != "nuts" else np.empty(0),
            svi=svi,
            params=made.params,
            draws=draws,
            summary=summary(made) if task.summarised else (),
            log_likelihood=None if draws else float(np.sum(made.log_likelihood().value)),
        )
    except Exception as error:
        first = next(iter(str(error).strip().splitlines()), "")
        return Fit(task, first if isinstance(error, ValueError) else f"{type(error).__name__}: {first}")


def pick(fits: Sequence[Fit], **wanted: Any) -> list[Fit]:
    """Return the fits that did not fail and whose method, backend, data or options are as wanted."""
    return [f for f in fits if f.error is None and all(_has(f.task, k) == v for k, v in wanted.items())]


def _has(task: Task, word: str) -> Any:
    return getattr(task, word) if hasattr(task, word) else task.options.get(word)


@contextmanager
def _bar(total: int) -> Iterator[Progress]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("learning"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.description}"),
    )
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task("", total=total)
        yield lambda done, _, words: bar.update(task, completed=done, description=words)
