"""The tour's first chapter: a Gaussian of heights, by maximum likelihood."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from scipy.stats import norm

from zoo import catalogue
from zoo.backends import installed
from zoo.report import style
from zoo.report.densities import EXACT_LOOK, Line, heights
from zoo.report.page import Block, Columns, Figures, Panel, Section, Tabled
from zoo.report.tables import Column, Table, number
from zoo.tour.common import TITLES, Chapter, by_backend, curves, failures, introduction, kept, references
from zoo.tour.fits import Fit, Task, pick

NAME = "height"
LEARNING = "The ten heights: nothing is latent, so the objective is the log-likelihood; its maximum is known."


def tasks(quick: bool) -> list[Task]:
    """Return the chapter's fits."""
    return [
        Task(NAME, NAME, {"backend": b, **({"num_steps": 1000} if quick else {})}, data=d)
        for d in ("lecture", "galton")
        for b in installed()
    ]


def chapter(fits: Sequence[Fit]) -> Chapter:
    """Return the chapter of its fits."""
    model = catalogue.model(NAME)
    data = model.data("lecture")
    bound = model.bind(data)
    good = pick(fits, data="lecture")
    exact = bound.exact.fit(data)
    best = float(bound.exact.log_likelihood(data["x"], exact).sum())
    rows = _rows(exact, best, good)
    blocks: list[Block | Columns] = [
        *introduction(bound, data),
        Figures(
            [_panel(model, d, pick(fits, data=d)) for d in ("lecture", "galton")],
            "The data and what was learnt",
        ),
        Columns(
            [Figures(curves(good, best, "maximum", "log-likelihood", LEARNING))],
            [_table(rows)],
            "Learning",
        ),
        *failures(fits),
        references(bound),
    ]
    section = Section(NAME, model.card.title, model.card.lecture, kept(blocks), "Ten heights, maximum likelihood")
    return Chapter(section, [row | {"what": f"{row['what']} of ten heights"} for row in rows[:2]])


def _rows(exact: dict[str, np.ndarray], best: float, fits: Sequence[Fit]) -> list[dict[str, Any]]:
    six = partial(number, digits=6)
    known: list[tuple[str, float, Any]] = [
        ("μ (m)", float(exact["loc"]), lambda f: float(f.params["loc"])),
        ("σ² (m²)", float(exact["scale"]) ** 2, lambda f: float(f.params["scale"]) ** 2),
        ("σ (m)", float(exact["scale"]), lambda f: float(f.params["scale"])),
        ("log-likelihood (nats)", best, lambda f: f.log_likelihood),
    ]
    return [
        {"what": what, "exact": six(value), **by_backend(fits, lambda f, v=learnt: six(v(f)))}
        for what, value, learnt in known
    ]


def _table(rows: Sequence[dict[str, Any]]) -> Tabled:
    columns = [Column("what", "", "left", head=True), Column("exact", "exact")]
    columns += [Column(b, TITLES[b]) for b in installed()]
    lead = "The closed form, and what SVI reached in each backend. The slide's σ² is not what its formula gives."
    return Tabled(Table(columns, rows), "Exact against learnt", lead)


def _panel(model: Any, name: str, fits: Sequence[Fit]) -> Panel:
    x = model.data(name)["x"]
    exact = model.exact.fit({"x": x})
    wide = 4 * float(exact["scale"])
    points = np.linspace(float(exact["loc"]) - wide, float(exact["loc"]) + wide, 160)
    lines = [
        Line(TITLES[f.task.backend], points, _density(points, f.params), style.backend_look(f.task.backend))
        for f in fits
    ]
    lines.append(Line("closed form", points, _density(points, exact), EXACT_LOOK))
    meaning = {d.name: d.meaning for d in model.card.datasets}[name]
    caption = (
        f"{meaning[0].upper()}{meaning[1:]}: histogram, rows below it, and the Gaussian of both backends on "
        "top of the closed form."
    )
    return Panel(style.svg(heights(x, lines, "height (m)", "density (1/m)"), caption), caption)


def _density(points: np.ndarray, params: Mapping[str, np.ndarray]) -> np.ndarray:
    return norm.pdf(points, float(params["loc"]), float(params["scale"]))
