"""The tour's chapter on the hidden Markov model: states of earthquakes, what comes next, what mean field loses."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from zoo import catalogue
from zoo.backends import installed
from zoo.datasets import read
from zoo.forecast import forecast
from zoo.posterior import PathPosterior
from zoo.report import series, style
from zoo.report.page import Block, Columns, Figures, Panel, Prose, Section, Tabled
from zoo.report.tables import Column, Table, number
from zoo.tour import common
from zoo.tour.common import TITLES, Chapter
from zoo.tour.fits import Fit, Task, pick

if TYPE_CHECKING:
    from zoo.run import Run

NAME = "hmm"
BOOK, RATES = -328.53, (13.13, 19.71, 29.71)
STATES = ("quiet", "middling", "restless")
AHEAD = 15
CURVES = "The path is summed out, so the objective is the log-likelihood. The dotted line is the book's maximum."
LOST = (
    "The same frozen model, its path served by the sum over all paths and by probabilities of each year alone. Both "
    "are exact numbers, without draws."
)


def tasks(quick: bool) -> list[Task]:
    """Return the chapter's fits: the maximum likelihood in every backend."""
    steps, ask = {"num_steps": 400, "restarts": 1} if quick else {}, partial(learnt, steps=300 if quick else 800)
    return [Task(NAME, NAME, {"backend": b, "local": "marginal", **steps}, ask=ask) for b in installed()]


def learnt(run: Run, steps: int = 800) -> dict[str, Any]:
    """Return what a run says of the years: states by rate, their path, the years to come, and mean field's gap.

    Args:
        run: three states of the earthquakes.
        steps: of the mean-field guide.
    """
    order = np.argsort(run.params["rate"][:, 0])
    said, next_ = run.posterior(), forecast(run, AHEAD)
    place = np.argsort(order)
    known = float(np.sum(run.log_likelihood().value))
    alone = run.refit(local="per_datapoint", num_steps=steps, learning_rate=0.05).elbo()
    assert alone is not None
    assert isinstance(said, PathPosterior)
    return {
        "log_likelihood": known,
        "rates": run.params["rate"][order, 0],
        "transition": run.params["transition"][np.ix_(order, order)],
        "path": place[said.mode[0]],
        "probs": said.probs[0][:, order],
        "ahead": next_.states[0][:, order],
        "mean_field": alone.value,
        "seconds": run.seconds.get("learn"),
    }


def chapter(fits: Sequence[Fit]) -> Chapter:
    """Return the chapter of its fits."""
    model = catalogue.model(NAME)
    data = model.data()
    bound, good = model.bind(data), sorted(pick(fits), key=lambda f: f.task.backend)
    blocks: list[Block | Columns] = [
        *common.introduction(bound, data),
        Columns(
            [Figures(common.curves(good, BOOK, "the book's maximum", "log-likelihood", CURVES))],
            [_table(good)],
            "Learning",
        ),
        Figures([_states(f) for f in good], "A century of states"),
        Columns([Figures([_ahead(f) for f in good[:1]])], [_lost(good)], "What comes next, and what mean field loses"),
        Prose(_reading(good), "What to look at"),
        *common.failures(fits),
        common.references(bound),
    ]
    section = Section(NAME, model.card.title, model.card.lecture, common.kept(blocks), "Earthquakes, and hidden states")
    reached = common.by_backend(good, lambda f: number(f.found["log_likelihood"], digits=6))
    glance = {"what": "log-likelihood of 107 years of earthquakes, three states", "exact": number(BOOK, digits=5)}
    return Chapter(section, [glance | reached])


def _table(fits: Sequence[Fit]) -> Tabled:
    known: list[tuple[str, float, Any]] = [("log-likelihood (nats)", BOOK, lambda f: f.found["log_likelihood"])]
    known += [
        (f"rate of the {name} state (a year)", rate, lambda f, k=k: f.found["rates"][k])
        for k, (name, rate) in enumerate(zip(STATES, RATES, strict=True))
    ]
    rows = [
        {
            "what": what,
            "book": f"{best:.2f}".replace("-", "−"),
            **common.by_backend(fits, lambda f, v=value: number(v(f), digits=5)),
        }
        for what, best, value in known
    ]
    columns = [
        Column("what", "", "left", head=True),
        Column("book", "the book's"),
        *(Column(b, TITLES[b]) for b in installed()),
    ]
    return Tabled(Table(columns, rows), "The maximum", "Zucchini and MacDonald (2009), and what was learnt.")


def _states(fit: Fit) -> Panel:
    counts = read("earthquakes")
    figure = series.states(
        counts[:, 1],
        counts[:, 0],
        fit.found["path"],
        fit.found["rates"],
        fit.found["probs"],
        STATES,
        "year",
        "earthquakes a year",
    )
    caption = (
        f"{TITLES[fit.task.backend]}. Above: each year's count, coloured by its state on the most probable path, and "
        "that state's rate. Below: each state's probability, given the whole century."
    )
    return Panel(style.svg(figure, f"Earthquakes by year with hidden states, {TITLES[fit.task.backend]}"), caption)


def _ahead(fit: Fit) -> Panel:
    move = fit.found["transition"]
    settled = np.linalg.matrix_power(move, 1000)[0]
    figure = series.ahead(fit.found["ahead"], settled, STATES, "years after 2006")
    caption = "Each state's probability in the years to come. The dotted lines are where they settle."
    return Panel(style.svg(figure, "Probabilities of the states in the years to come"), caption)


def _lost(fits: Sequence[Fit]) -> Tabled:
    rows = [
        {
            "backend": TITLES[f.task.backend],
            "known": number(f.found["log_likelihood"], digits=6),
            "elbo": number(f.found["mean_field"], digits=6),
            "gap": number(f.found["log_likelihood"] - f.found["mean_field"], digits=3),
        }
        for f in fits
    ]
    columns = [
        Column("backend", "backend", "left", head=True),
        Column("known", "log p(x)"),
        Column("elbo", "ELBO, years alone"),
        Column("gap", "gap"),
    ]
    return Tabled(Table(columns, rows), "In nats", LOST)


def _reading(fits: Sequence[Fit]) -> str:
    where = fits[0].found if fits else None
    stays = (
        ""
        if where is None
        else (
            " It stays where it is: the diagonal of the learnt transition matrix is "
            + ", ".join(number(p, digits=2) for p in np.diagonal(where["transition"]))
            + "."
        )
    )
    return (
        "There are 3¹⁰⁷ paths, and the forward recursion sums over all of them in some thousand steps: a state depends "
        f"on nothing but the one before it.{stays} So the years of the 1940s and 1950s lend each other the restless "
        "state, and a single year of many earthquakes does not make one. A guide that gives each year probabilities "
        "of its own knows of no neighbours, and the gap is what that costs. One series never says how it begins: the "
        "likeliest `initial` is certain of one state, and the maximum lies on the border."
    )
