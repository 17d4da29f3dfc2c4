"""The tour's chapter on the linear infinite mixture: everything exact, and what a mean-field guide loses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from zoo import catalogue
from zoo.backends import installed
from zoo.models.ppca import data as irises
from zoo.models.ppca import exact
from zoo.report import plots, style
from zoo.report.images import latent_space
from zoo.report.page import Block, Columns, Figures, Panel, Prose, Section, Tabled
from zoo.report.tables import Column, Table, number
from zoo.tour import common
from zoo.tour.common import TITLES, Chapter
from zoo.tour.fits import Fit, Task, pick

if TYPE_CHECKING:
    from zoo.run import Run

NAME = "ppca"
ANGLES = (0, 15, 30, 45)  # from there on the gap goes back as it came
EM, FACTORISED = "exact", "amortized"
AFFINE: dict[str, Any] = {"local_options": {"depth": 0}}
LEARNING = (
    "The guide is the true posterior, so the objective is the log-likelihood. The dotted line is the maximum in closed "
    "form."
)


def tasks(quick: bool) -> list[Task]:
    """Return the chapter's fits: by the true posterior, and by a mean-field guide with an affine encoder."""
    steps, ask = {"num_steps": 600 if quick else 1500}, partial(turned, angles=ANGLES[:: 3 if quick else 1])
    return [
        *(Task(NAME, NAME, {"backend": b, "local": EM, **steps}, ask=ask) for b in installed()),
        *(Task(NAME, NAME, {"backend": b, "local": FACTORISED, **AFFINE, **steps}, ask=learnt) for b in installed()),
    ]


def learnt(run: Run) -> dict[str, Any]:
    """Return a run's log-likelihood, its ELBO with its error, and its rows' codes."""
    bound = run.elbo(num_draws=400)
    assert bound is not None
    return {
        "log_likelihood": float(np.sum(run.log_likelihood().value)),
        "elbo": (bound.value, bound.error),
        "codes": run.represent(),
    }


def turned(run: Run, angles: Sequence[int] = ANGLES) -> dict[str, Any]:
    """Return what `learnt` does, and the mean-field guide's measured gap a row by the turn of the code.

    Here an affine encoder loses nothing against a guide of its own for every row, and is learnt sooner.

    Args:
        run: of the model.
        angles: degrees of the turns.
    """
    from zoo.inference import run_request
    from zoo.request import Request

    gaps: dict[int, tuple[float, float]] = {}
    x = run.data["x"]
    for angle in angles:
        values = turn(exact.fit(run.data) or {}, angle)
        asked = Request(local=FACTORISED, backend=run.backend, **AFFINE, num_steps=800, learning_rate=0.1)
        frozen = run_request(run.model, run.data, asked, frozen=values)
        bound = frozen.elbo(num_draws=400)
        assert bound is not None
        known = float(exact.log_likelihood(x, values).sum())
        gaps[angle] = ((known - bound.value) / len(x), bound.error / len(x))
    return {**learnt(run), "gaps": gaps}


def turn(values: Mapping[str, np.ndarray], degrees: float) -> dict[str, np.ndarray]:
    """Return parameters whose code of two numbers is turned: another weight, the same density."""
    a = np.radians(degrees)
    rotation = np.array([[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]])
    return {**values, "weight": values["weight"] @ rotation}


def chapter(fits: Sequence[Fit]) -> Chapter:
    """Return the chapter of its fits."""
    model = catalogue.model(NAME)
    data = model.data()
    bound = model.bind(data)
    best = bound.exact.fit(data)
    maximum = float(exact.log_likelihood(data["x"], best).sum())
    by_em, factorised = (pick(_by(fits, local)) for local in (EM, FACTORISED))
    rows = _rows(best, maximum, by_em)
    blocks: list[Block | Columns] = [
        *common.introduction(bound, data),
        Columns(
            [Figures(common.curves(by_em, maximum, "maximum", "log-likelihood", LEARNING))],
            [_table(rows)],
            "Learning",
        ),
        Figures([_codes(f) for f in sorted(by_em, key=common.order)], "The codes"),
        Columns([Figures(_turns(best, by_em))], [_factorised(maximum, factorised)], "What a mean-field guide loses"),
        Prose(
            "Turning the code changes no density of x, but it does change the posterior's shape: its axes are those "
            "of the code at 0° and at 90° only. A guide of independent numbers loses ½(Σ log Λ_jj − log|Λ|) nats a "
            "row, Λ being the posterior's precision. Learning by that guide's ELBO therefore turns the decoder until "
            "nothing is lost: the guide is free, and the model gives way. In a model that cannot turn for nothing, "
            "the guide's family leaves its mark on what is learnt."
        ),
        *common.failures(fits),
        common.references(bound),
    ]
    section = Section(
        NAME, model.card.title, model.card.lecture, common.kept(blocks), "Irises in a plane: everything known exactly"
    )
    glance = {"what": "log-likelihood of 150 irises, two latent dimensions", "exact": number(maximum, digits=6)}
    reached = common.by_backend(by_em, lambda f: number(f.found["log_likelihood"], digits=6))
    return Chapter(section, [glance | reached])


def _by(fits: Sequence[Fit], local: str) -> list[Fit]:
    return [f for f in fits if f.task.words.get("local") == local]


def _rows(best: Mapping[str, np.ndarray], maximum: float, fits: Sequence[Fit]) -> list[dict[str, Any]]:
    lengths = [(f"length of W's column {j + 1} (cm)", partial(_length, j=j)) for j in (0, 1)]
    known: list[tuple[str, Any]] = [
        *lengths,
        ("σ (cm)", lambda p: float(p["scale"])),
        ("angle between the planes (°)", lambda p: _angle(p["weight"], best["weight"])),
    ]
    rows = [
        {
            "what": what,
            "exact": number(value(best), digits=5),
            **common.by_backend(fits, lambda f, v=value: number(v(f.params), digits=5)),
        }
        for what, value in known
    ]
    total = common.by_backend(fits, lambda f: number(f.found["log_likelihood"], digits=6))
    return [*rows, {"what": "log-likelihood (nats)", "exact": number(maximum, digits=6), **total}]


def _length(values: Mapping[str, np.ndarray], j: int) -> float:
    """Return the length of W's j-th axis, which no turn of the code changes."""
    return float(np.linalg.svd(np.asarray(values["weight"]), compute_uv=False)[j])


def _angle(weight: np.ndarray, other: np.ndarray) -> float:
    """Return the largest angle between two planes, in degrees, 0.01 at least."""
    one, two = (np.linalg.qr(np.asarray(w, float))[0] for w in (weight, other))
    # By its sine: the cosine of a small angle is 1 to all digits.
    sine = np.linalg.norm(two - one @ (one.T @ two), 2)
    return float(round(np.degrees(np.arcsin(min(float(sine), 1.0))), 2))


def _table(rows: Sequence[Mapping[str, Any]]) -> Tabled:
    columns = [Column("what", "", "left", head=True), Column("exact", "exact")]
    columns += [Column(b, TITLES[b]) for b in installed()]
    lead = (
        "The closed form of Tipping and Bishop, and what gradient steps on the same objective reached. W itself is "
        "known up to a turn only; its axes' lengths and its plane are not."
    )
    return Tabled(Table(columns, rows), "Exact against learnt", lead)


def _codes(fit: Fit) -> Panel:
    caption = (
        f"Codes of the 150 irises in {TITLES[fit.task.backend]}, the posterior's means, coloured by a species that the "
        "model never saw."
    )
    figure = latent_space(np.asarray(fit.found["codes"]), irises.labels(), irises.SPECIES)
    return Panel(style.svg(figure, caption), caption)


def _turns(best: Mapping[str, np.ndarray], fits: Sequence[Fit]) -> list[Panel]:
    measured = {f.task.backend: {a: gap for a, (gap, _) in f.found["gaps"].items()} for f in fits}
    if not measured:
        return []
    caption = (
        "Nats a row that the best mean-field guide loses, by how far the code of the exact model is turned: measured "
        "in both backends on top of the closed form."
    )
    closed = {a: exact.mean_field_gap(turn(best, a)) for a in ANGLES}
    figure = plots.likelihood_by_k({"closed form": closed, **measured}, "turn of the code (°)", "gap (nats a row)")
    return [Panel(style.svg(figure, caption), caption)]


def _factorised(maximum: float, fits: Sequence[Fit]) -> Tabled:
    rows: list[dict[str, Any]] = [
        {"what": "log-likelihood, best possible", **{b: number(maximum, digits=6) for b in installed()}},
        {
            "what": "log-likelihood reached",
            **common.by_backend(fits, lambda f: number(f.found["log_likelihood"], digits=6)),
        },
        {"what": "its ELBO", **common.by_backend(fits, lambda f: number(*f.found["elbo"]))},
        {
            "what": "gap a row, closed form",
            **common.by_backend(fits, lambda f: number(exact.mean_field_gap(f.params), digits=2)),
        },
    ]
    columns = [Column("what", "", "left", head=True), *(Column(b, TITLES[b]) for b in installed())]
    lead = "The same model learnt with a mean-field guide and an affine encoder, in nats."
    return Tabled(Table(columns, rows), "Learnt by mean field", lead)
