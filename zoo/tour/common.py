"""What the tour's chapters share: a model's introduction, curves of both backends, guide against guide."""

from __future__ import annotations

import importlib
import inspect
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from zoo import backends
from zoo.backends import installed
from zoo.card import Site
from zoo.report import plates, plots, style
from zoo.report.page import Block, Columns, Figures, Formula, Listed, Panel, Prose, Section, Tabled
from zoo.report.tables import Column, Table, k_hat, number
from zoo.tour.fits import Fit

GUIDES = ("delta", "mean_field", "full_rank", "low_rank", "flow", "laplace")
QUICK_GUIDES = ("mean_field", "full_rank", "flow")
TITLES = style.BACKEND_TITLES
K_HATS = "The guide's k̂ as a proposal; estimated from 1,000 draws, it is itself uncertain by 0.1 to 0.2."
READING = "ELBO and gap in nats. Seconds of compiling, where there is any, + learning."


@dataclass(frozen=True)
class Chapter:
    """One model's section, and its rows of the table at the page's head.

    Args:
        section: as it goes into the page.
        glance: rows with "what", "exact" and a number by backend.
    """

    section: Section
    glance: Sequence[Mapping[str, Any]] = field(default_factory=tuple)


def grid(guides: Sequence[str], **words: Any) -> list[dict[str, Any]]:
    """Return words of `zoo.fit` for every guide in every backend, those that take longest first."""
    return [{"guide": g, "backend": b, **words} for b in reversed(installed()) for g in guides]


def introduction(model: Any, data: Mapping[str, np.ndarray]) -> list[Block | Columns]:
    """Return story, formula, process, plate diagram and sites of a model bound to its data."""
    card = model.card
    runner = backends.get(installed()[0])
    function = getattr(model, installed()[0])
    traced = runner.inspect(function, data, model.options)
    drawn = plates.diagram(traced, runner.edges(function, data, model.options), card)
    sites = [
        {
            "name": s.name,
            "kind": {"param": "parameter", "observed": "observed"}.get(s.kind, f"{_place(s)} latent"),
            "support": s.support.replace("_", " "),
            "meaning": s.meaning + (f", {s.unit}" if s.unit else ""),
        }
        for s in card.active_sites(model.options)
    ]
    columns = [
        Column("name", "site", "left", head=True),
        *(Column(key, key, "left") for key in ("kind", "support", "meaning")),
    ]
    return [
        Prose(story(model)),
        Columns(
            [
                Formula(card.formula),
                Prose(textwrap.indent(card.process, "    ")),
                Tabled(Table(columns, sites)),
            ],
            [Figures([Panel(drawn, _legend(traced))])],
            "The model",
        ),
        Prose(card.hard, "What is hard about it"),
    ]


def _place(site: Site) -> str:
    return "local" if site.local else "global"


def story(model: Any) -> str:
    """Return the model's docstring up to its generative process, which the card has too."""
    package = importlib.import_module(model.exact.__package__ or "")
    paragraphs = (inspect.getdoc(package) or "").split("\n\n")
    stop = next((i for i, p in enumerate(paragraphs) if p.startswith((" ", "References"))), len(paragraphs))
    return "\n\n".join(paragraphs[:stop])


def _legend(sites: Sequence[plates.SiteLike]) -> str:
    kinds = {s.kind for s in sites}
    words = [
        *(["dots are parameters, learnt by maximum likelihood"] if "param" in kinds else []),
        *(["open circles are latent"] if "latent" in kinds else []),
        "grey ones observed",
    ]
    return "The plate diagram, drawn from the model's trace: " + ", ".join(words) + "."


def references(model: Any) -> Listed:
    """Return the model's references."""
    return Listed(model.card.references, "References")


def curves(fits: Sequence[Fit], best: float | None, best_label: str, objective: str, caption: str) -> list[Panel]:
    """Return a panel of the objective by step of one guide in every backend; none without fits."""
    if not fits:
        return []
    shown = [plots.Curve(f.task.method, f.task.backend, f.values, f.svi) for f in fits]
    figure = plots.elbo_curves(shown, best, best_label, objective)
    return [Panel(style.svg(figure, f"{objective} by step in each backend. {caption}"), caption)]


def failures(fits: Sequence[Fit]) -> list[Prose]:
    """Return what failed and why, for chapters without a table of guides."""
    words = [f"{f.task} failed: {f.error}." for f in fits if f.error]
    return [Prose("\n\n".join(words), "What failed")] if words else []


def kept(blocks: Sequence[Block | Columns]) -> list[Block | Columns]:
    """Return the blocks that have anything to show."""
    found: list[Block | Columns] = []
    for b in blocks:
        if isinstance(b, Columns):
            left, right = (
                [i for i in side if not (isinstance(i, Figures) and not i.panels)] for side in (b.left, b.right)
            )
            if left or right:
                found.append(Columns(left, right, b.title))
        elif not (isinstance(b, Figures) and not b.panels):
            found.append(b)
    return found


def guide_table(fits: Sequence[Fit], caption: str = "", footnote: str = "") -> Tabled:
    """Return every guide in every backend, a fit a row; a fit that failed says why.

    Seconds are those of compiling, where there is any, and of learning.

    Args:
        fits: of one data set.
        caption: above the table.
        footnote: what else is to be said below it.
    """
    rows: list[dict[str, Any]] = []
    for f in sorted((f for f in fits if f.task.method != "nuts"), key=order):
        row: dict[str, Any] = {"guide": f.task.method, "backend": TITLES[f.task.backend], **f.row}
        row["elbo"] = (row["elbo"], row["elbo_error"]) if row.get("elbo") is not None else None
        row["gap"] = (row["gap"], row["gap_error"]) if row.get("gap") is not None else None
        times = [f.row.get(f"seconds_{part}") or 0.0 for part in ("compile", "learn")]
        row["seconds"] = " + ".join(f"{t:.1f}" for t in times if t) or None
        rows.append(row)
    two = partial(number, digits=2)
    columns = [
        Column("guide", "guide", "left", head=True),
        Column("backend", "backend", "left", head=True),
        Column("elbo", "ELBO"),
        Column("gap", "gap"),
        Column("k_hat", "k̂", show=k_hat),
        Column("worst_mean_error", "mean off by", show=two),
        Column("worst_sd_error", "sd off by", show=two),
        Column("num_parameters", "parameters"),
        Column("num_steps", "steps"),
        Column("seconds", "seconds"),
    ]
    shown = [c for c in columns if c.head or any(row.get(c.key) is not None for row in rows)]
    notes = dict.fromkeys(str(f.row["gap_note"]) for f in fits if f.row.get("gap_note"))
    failed = [f"{f.task.method} in {TITLES[f.task.backend]} failed: {f.error}." for f in fits if f.error]
    late = [f for f in fits if str(f.row.get("status", "")).startswith("not converged")]
    failed += [f"{f.task.method} in {TITLES[f.task.backend]} has {f.row['status']}." for f in late]
    note = " ".join([READING, *([footnote] if footnote else []), *(f"The gap {n}." for n in notes), *failed])
    return Tabled(Table(shown, rows, caption, note=note))


def guide_figures(fits: Sequence[Fit], marks: Mapping[str, float] | None, captions: tuple[str, str]) -> Figures:
    """Return two panels: ELBO, or its distance from the evidence, and k̂, by guide and backend.

    Args:
        fits: of one data set.
        marks: lines across the gaps, name to nats; None where the evidence is not known: the ELBO is shown.
        captions: of the panels.
    """
    svi = sorted((f for f in fits if f.task.method != "nuts" and f.error is None), key=order)
    key, label = ("gap", "log evidence − ELBO (nats)") if marks is not None else ("elbo", "ELBO (nats)")
    gaps = [
        plots.Score(f.task.method, f.task.backend, f.row[key], f.row[f"{key}_error"] or 0.0)
        for f in svi
        if f.row[key] is not None
    ]
    k_hats = [plots.Score(f.task.method, f.task.backend, f.row["k_hat"]) for f in svi if f.row["k_hat"] is not None]
    panels = []
    if gaps:
        panels.append(Panel(style.svg(plots.guide_gaps(gaps, label, marks or {}), captions[0]), captions[0]))
    if k_hats:
        panels.append(Panel(style.svg(plots.guide_k_hats(k_hats), captions[1]), captions[1]))
    return Figures(panels)


def summaries(fits: Sequence[Fit]) -> list[Tabled]:
    """Return ArviZ's summary of every fit that was to be summarised."""
    columns = [
        Column("name", "scalar", "left", head=True),
        Column("mean", "mean"),
        Column("sd", "sd", show=partial(number, digits=3)),
        Column("low", "3 %"),
        Column("high", "97 %"),
        Column("mcse", "error of mean", show=partial(number, digits=2)),
        Column("ess_bulk", "ESS bulk", show=_whole),
        Column("ess_tail", "ESS tail", show=_whole),
        Column("r_hat", "R̂"),
    ]
    lead = "NUTS in {}, with its errors and convergence; the interval has equal tails and 94 %."
    return [
        Tabled(Table(columns, f.summary), "ArviZ's summary", lead.format(TITLES[f.task.backend]))
        for f in fits
        if f.summary
    ]


def _whole(value: float | None) -> str:
    return number(None if value is None else round(value))


def order(fit: Fit) -> tuple[int, str]:
    """Return where a fit stands among others: by guide, then by backend."""
    return (GUIDES.index(fit.task.method) if fit.task.method in GUIDES else len(GUIDES)), fit.task.backend


def best_row(what: str, evidence: float, fits: Sequence[Fit]) -> dict[str, Any]:
    """Return the evidence and the best ELBO by backend, a row of the table at the page's head."""
    row: dict[str, Any] = {"what": what, "exact": number(evidence, digits=6)}
    for backend in installed():
        scored = [f for f in fits if f.task.backend == backend and f.row.get("elbo") is not None]
        if scored:
            best = max(scored, key=lambda f: f.row["elbo"])
            row[backend] = f"{number(best.row['elbo'], best.row['elbo_error'])} ({best.task.method})"
    return row


def by_backend(fits: Sequence[Fit], value: Any) -> dict[str, Any]:
    """Return backend to `value(fit)`, for fits of which there is one a backend."""
    return {f.task.backend: value(f) for f in fits}
