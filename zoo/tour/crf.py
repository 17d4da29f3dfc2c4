"""The tour's chapter on conditional random fields: strings of digits, read step by step and read together."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, partial
from typing import TYPE_CHECKING, Any

import numpy as np

from zoo import catalogue, tagging
from zoo.backends import installed
from zoo.models.crf import exact, steps
from zoo.models.crf.data import transition
from zoo.report import strings, style
from zoo.report.page import Block, Columns, Figures, Panel, Prose, Section, Tabled
from zoo.report.tables import Column, Table, number
from zoo.tour import common
from zoo.tour.common import TITLES, Chapter
from zoo.tour.fits import Fit, Task, pick

if TYPE_CHECKING:
    from zoo.run import Run

NAME, TWIN = "crf", "crf_bayes"
SHOWN = 4  # strings
BATCH = 60  # strings a step, of the field with priors
CURVES = "The log likelihood of all labels. The line is its maximum, by L-BFGS in `exact.py`."
PATH, STEP, SINGLE = "path", "step", "single steps"
READ = "What the models see: 16 means of pixels, of noisy digits. Labels that are wrong are bold."


def tasks(quick: bool) -> list[Task]:
    """Return the chapter's fits: the field and its twin with priors, or the field alone, in each backend."""
    models = {NAME: {"num_steps": 250 if quick else 500}}
    if not quick:
        models[TWIN] = {"num_steps": 1000, "batch_size": BATCH, "num_draws": 200}
    return [
        Task(NAME, name, {"backend": b, **words}, ask=judged) for name, words in models.items() for b in installed()
    ]


def judged(run: Run) -> dict[str, Any]:
    """Return what a run reads in the strings that it does not know, and what it is worth there."""
    held_out = run.model.data("strings_test")
    there, y = steps(held_out["x"]), held_out["y"].astype(int)
    probs = tagging.marginals(run, held_out["x"])
    read = {PATH: tagging.labels(run, held_out["x"]), STEP: probs.argmax(-1)}
    found = {
        "read": {way: labels[:SHOWN] for way, labels in read.items()},
        "accuracy": {way: float((labels == y)[there].mean()) for way, labels in read.items()},
        "log score": float(np.log(np.take_along_axis(probs, y[..., None], -1)[..., 0][there]).mean()),
        "seconds": run.seconds.get("learn"),
    }
    if run.latents:
        return {**found, "transition": run.flat["transition"].mean(0)}
    return {
        **found,
        "transition": run.params["transition"],
        "log_likelihood": float(np.sum(run.log_likelihood().value)),
    }


@cache
def maximum() -> float:
    """Return the greatest log likelihood of the training strings' labels."""
    data = catalogue.model(NAME).data()
    return float(exact.log_likelihood(data, exact.fit(data)).sum())


@cache
def alone() -> dict[str, Any]:
    """Return what a logistic regression of each step by itself reads in the strings held out, and its worth."""
    from sklearn.linear_model import LogisticRegression

    train, held_out = (catalogue.model(NAME).data(name) for name in ("strings", "strings_test"))
    known, there = steps(train["x"]), steps(held_out["x"])
    made = LogisticRegression(max_iter=2000).fit(train["x"][known], train["y"][known])
    y, probs = held_out["y"][there].astype(int), made.predict_proba(held_out["x"][there])
    labels = np.zeros(there.shape, dtype=int)
    labels[there] = probs.argmax(1)
    return {
        "read": labels[:SHOWN],
        "accuracy": float((labels[there] == y).mean()),
        "log score": float(np.log(probs[np.arange(len(y)), y]).mean()),
    }


def chapter(fits: Sequence[Fit]) -> Chapter:
    """Return the chapter of its fits."""
    model = catalogue.model(NAME)
    data = model.data()
    bound, good = model.bind(data), sorted(pick(fits), key=lambda f: (f.task.model, f.task.backend))
    plain = [f for f in good if f.task.model == NAME]
    blocks: list[Block | Columns] = [
        *common.introduction(bound, data),
        Columns(
            [Figures(common.curves(plain, maximum(), "maximum", "log-likelihood", CURVES))],
            [_scores(good)],
            "Learning, and reading what is new",
        ),
        Prose(_reading(plain, twins=len(good) > len(plain)), "What was read"),
        Figures(_shown(plain[0]) if plain else []),
        Figures(_learnt(plain)),
        *common.failures(fits),
        common.references(bound),
    ]
    section = Section(NAME, model.card.title, model.card.lecture, common.kept(blocks), "Strings of digits")
    row = {"what": "log likelihood of 300 strings' labels", "exact": number(maximum(), digits=6)}
    each = common.by_backend(plain, lambda f: number(f.found["log_likelihood"], digits=6))
    share = {"what": "share of new digits that are read right, by the most probable path"}
    return Chapter(
        section, [row | each, share | common.by_backend(plain, lambda f: number(f.found["accuracy"][PATH], digits=3))]
    )


def _scores(fits: Sequence[Fit]) -> Tabled:
    """Return a row for each fit, and one for single steps."""
    rows: list[dict[str, Any]] = [
        {
            "model": f.task.model,
            "backend": TITLES[f.task.backend],
            **f.found["accuracy"],
            "log score": f.found["log score"],
            "seconds": f.found["seconds"],
        }
        for f in fits
    ]
    rows.append({"model": "logistic regression", STEP: alone()["accuracy"], "log score": alone()["log score"]})
    share = partial(number, digits=3)
    columns = [
        Column("model", "model", "left", head=True),
        Column("backend", "backend", "left", head=True),
        Column(PATH, "right, by path", show=share),
        Column(STEP, "right, by step", show=share),
        Column("log score", "log score", show=share),
        Column("seconds", "seconds", show=partial(number, digits=2)),
    ]
    lead = (
        "Shares of the digits of 300 new strings that are read right: by the most probable path, and by the most "
        "probable label of each step. The log score is the mean log probability of the true digit, in nats."
    )
    return Tabled(Table(columns, rows), "What each reads", lead)


def _reading(fits: Sequence[Fit], twins: bool) -> str:
    each = " and ".join(f"{100 * f.found['accuracy'][PATH]:.1f} % in {TITLES[f.task.backend]}" for f in fits)
    words = (
        f"By itself a noisy digit is read right in {100 * alone()['accuracy']:.1f} % of the cases. Read together with "
        f"its neighbours, whose order is learnt with the pixels, in {each or '—'}: a digit that could be two is "
        "mostly the one that follows the digit before, and leads to the one after. The path is chosen for the fewest "
        "strings with anything wrong, the most probable label of each step for the fewest wrong steps."
    )
    doubt = (
        f"`{TWIN}` has the same density and a prior. Its probabilities are means over the posterior's draws, and less "
        "sure of themselves: that is the log score."
    )
    return f"{words}\n\n{doubt}" if twins else words


def _shown(fit: Fit) -> list[Panel]:
    held_out = catalogue.model(NAME).data("strings_test")
    panels = []
    for row in range(SHOWN):
        there = steps(held_out["x"])[row]
        truth, x = held_out["y"][row, there].astype(int), held_out["x"][row, there]
        read = {SINGLE: alone()["read"][row, there], "together": fit.found["read"][PATH][row, there]}
        lists = {name: labels.tolist() for name, labels in read.items()}
        dark = (x - x.min()) / np.ptp(x)
        figure = strings.labelled(dark, (4, 4), truth.tolist(), lists, top=1.0)
        words = f"String {row + 1}: {' '.join(map(str, truth))}"
        panels.append(Panel(style.svg(figure, f"{words}, read by single steps and together."), READ if not row else ""))
    return panels


def _learnt(fits: Sequence[Fit]) -> list[Panel]:
    """Return the chain that the strings were made by, and what each backend learnt of it."""
    chain = "Log probability of a digit after another, by the chain that the strings follow, less its mean."
    learnt = "The transition potentials, less their mean; the biases have a part of what is each digit's own."
    made = {"of the chain": (np.log(transition()), chain)}
    made |= {f"learnt in {TITLES[f.task.backend]}": (f.found["transition"], learnt) for f in fits}
    panels = []
    for words, (values, caption) in made.items():
        figure = strings.moves(values - values.mean(), "next digit", "digit", f"{words}, nats")
        panels.append(Panel(style.svg(figure, f"Potential of one digit after another, {words}."), caption))
    return panels
