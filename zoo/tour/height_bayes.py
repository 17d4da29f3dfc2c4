"""The tour's second chapter: heights with priors, where evidence and posterior are exact."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from scipy.stats import invgamma, norm, t

from zoo import catalogue
from zoo.backends import installed
from zoo.report import style
from zoo.report.densities import EXACT_LOOK, Line, heights, posterior
from zoo.report.page import Block, Columns, Figures, Panel, Prose, Section, Tabled
from zoo.report.tables import Column, Table, number
from zoo.tour import common
from zoo.tour.common import GUIDES, TITLES, Chapter
from zoo.tour.fits import Fit, Task, pick

NAME = "height_bayes"
SHOWN = "full_rank"  # the guide whose predictive is drawn


def tasks(quick: bool) -> list[Task]:
    """Return the chapter's fits."""
    chains = {"num_warmup": 100, "num_draws": 150} if quick else {}
    nuts = {"method": "nuts", "backend": installed()[0], **chains}
    words = common.grid(common.QUICK_GUIDES, num_steps=1000) if quick else common.grid(GUIDES)
    return [Task(NAME, NAME, nuts, summarised=True), *(Task(NAME, NAME, w) for w in words)]


def chapter(fits: Sequence[Fit]) -> Chapter:
    """Return the chapter of its fits."""
    model = catalogue.model(NAME)
    data = model.data()
    bound = model.bind(data)
    evidence = float(bound.exact.evidence(data, **bound.options))
    best = float(bound.exact.mean_field(data, **bound.options).elbo)
    learning = [
        panel
        for guide, words in (
            ("mean_field", f"Mean field. The best q(μ) q(σ²) of any form reaches {number(best, digits=7)}."),
            ("flow", "A flow, which can bend."),
        )
        for panel in common.curves(
            pick(fits, method=guide),
            evidence,
            "log evidence",
            "ELBO",
            f"{words} The dotted line is the log evidence.",
        )
    ]
    blocks: list[Block | Columns] = [
        *common.introduction(bound, data),
        Columns(
            [Figures([_predictive(bound, data, pick(fits, method=SHOWN))])],
            [_moments(bound, data, fits)],
            "The data and what was learnt",
        ),
        Figures(learning, "Learning"),
        Figures(_marginals(bound, data, fits), "The posterior, exact against learnt"),
        Prose(
            "Every family of guides on the same ten heights, in both backends. The gap is the distance of "
            "its ELBO from the log evidence, which is KL(q ‖ posterior). Means and sds are off by the "
            "worst over the latents, in posterior sds. A guide of points (delta) has no density, and so no "
            "ELBO.",
            "Guide against guide",
        ),
        common.guide_figures(
            fits,
            {"exact": 0.0, "best q(μ) q(σ²)": evidence - best},
            (
                "Distance from the log evidence; bars are two standard errors.",
                common.K_HATS,
            ),
        ),
        common.guide_table(fits),
        *common.summaries(fits),
        common.references(bound),
    ]
    section = Section(
        NAME,
        model.card.title,
        model.card.lecture,
        common.kept(blocks),
        "The same ten heights with priors: exact evidence and posterior",
    )
    return Chapter(section, [common.best_row("log evidence of ten heights, and the best ELBO", evidence, fits)])


def _predictive(model: Any, data: Mapping[str, np.ndarray], fits: Sequence[Fit]) -> Panel:
    x = data["x"]
    points = np.linspace(x.mean() - 0.24, x.mean() + 0.24, 160)
    lines = [
        Line(TITLES[f.task.backend], points, _averaged(points, f.draws), style.backend_look(f.task.backend))
        for f in fits
    ]
    lines.append(Line("exact", points, model.exact.predictive(points, data, **model.options), EXACT_LOOK))
    fitted = norm(x.mean(), x.std())
    lines.append(Line("maximum likelihood", points, fitted.pdf(points), {"color": style.SOFT, "linewidth": 1.0}))
    caption = (
        f"The density of a new height: exact (a Student t) and by the {SHOWN} guide in both backends. It is "
        "wider than the maximum-likelihood Gaussian, since the parameters are not known."
    )
    return Panel(style.svg(heights(x, lines, "height (m)", "density (1/m)"), caption), caption)


def _averaged(points: np.ndarray, draws: Mapping[str, np.ndarray]) -> np.ndarray:
    """Return the Gaussian density at each point, averaged over draws of its parameters."""
    return norm.pdf(points[:, None], draws["loc"], np.sqrt(draws["variance"])).mean(1)


def _marginals(model: Any, data: Mapping[str, np.ndarray], fits: Sequence[Fit]) -> list[Panel]:
    p = model.exact.Options(**model.options).updated(data["x"])
    scale = np.sqrt(p.b0 / (p.a0 * p.kappa0))
    loc = np.linspace(p.m0 - 5 * scale, p.m0 + 5 * scale, 200)
    variance = np.linspace(1e-4, 0.014, 300)
    known = {
        "loc": Line("exact", loc, t.pdf(loc, 2 * p.a0, p.m0, scale)),
        # In units of 1e-3 m², so that the axis has readable numbers.
        "variance": Line("exact", 1e3 * variance, invgamma.pdf(variance, p.a0, scale=p.b0) / 1e3),
    }
    labels = {"loc": ("μ (m)", "density (1/m)"), "variance": ("σ² (10⁻³ m²)", "density (10³/m²)")}
    units = {"loc": 1.0, "variance": 1e3}
    panels = []
    for site, line in known.items():
        shown = [f for f in pick(fits, backend=installed()[0]) if f.task.method != "delta"]
        if not shown:
            continue
        draws = {f.task.method: units[site] * np.asarray(f.draws[site]) for f in shown}
        caption = (
            f"{labels[site][0]}: draws of every guide and of NUTS in {TITLES[installed()[0]]}, and the exact density."
        )
        panels.append(Panel(style.svg(posterior(draws, line, *labels[site]), caption), caption))
    return panels


def _moments(model: Any, data: Mapping[str, np.ndarray], fits: Sequence[Fit]) -> Tabled:
    exact = model.exact.posterior(data, **model.options)
    mean = {"loc": partial(number, digits=5), "variance": partial(number, digits=3)}
    rows: list[dict[str, Any]] = [{"by": "exact"}]
    for site, show in mean.items():
        rows[0] |= {
            f"{site} mean": show(float(exact[site]["mean"])),
            f"{site} sd": number(float(exact[site]["sd"]), digits=3),
        }
    for f in sorted(pick(fits), key=lambda f: (f.task.method != "nuts", *common.order(f))):
        if f.task.method not in ("nuts", "mean_field", SHOWN, "flow"):
            continue
        row: dict[str, Any] = {
            "by": f"{'NUTS' if f.task.method == 'nuts' else f.task.method}, {TITLES[f.task.backend]}"
        }
        for site, show in mean.items():
            row |= {
                f"{site} mean": show(float(np.mean(f.draws[site]))),
                f"{site} sd": number(float(np.std(f.draws[site])), digits=3),
            }
        rows.append(row)
    columns = [
        Column("by", "posterior", "left", head=True),
        Column("loc mean", "E μ"),
        Column("loc sd", "sd μ"),
        Column("variance mean", "E σ²"),
        Column("variance sd", "sd σ²"),
    ]
    lead = "Posterior means and sds, in metres and square metres. Those of a guide are of 1,000 draws."
    return Tabled(Table(columns, rows, strong=("by", "exact")), "Exact against learnt", lead)
