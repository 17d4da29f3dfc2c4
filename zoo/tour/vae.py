"""The tour's chapter on the variational autoencoder: what is learnt, what it is worth, and what it looks like."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from zoo import catalogue, pictures
from zoo.backends import installed
from zoo.bounds import exact_rows
from zoo.models.vae.data import labels as digits
from zoo.report import images, style
from zoo.report.page import Block, Columns, Figures, Panel, Prose, Section, Tabled
from zoo.report.tables import Column, Table, number, significant
from zoo.tour import common
from zoo.tour.common import TITLES, Chapter
from zoo.tour.fits import Fit, Task, pick

if TYPE_CHECKING:
    from zoo.run import Run

NAME = "vae"
SHAPE = (8, 8)
# A smooth activation, so that the quadrature behind the exact likelihood is quick.
OPTIONS = {"latent": 2, "hidden": 64, "activation": "tanh"}
ROWS = 1400  # learnt from; the others are held out
SOME, FEW = 100, 30  # rows of each kind whose numbers are computed; on the quick tour
SHOWN = 20  # images of a kind
SAMPLES = 1000
WORDS: dict[str, Any] = {"learning_rate": 5e-3, "local_options": {"width": 64}}
LEARNING = "ELBO of all rows, estimated from the 128 rows of each step; the band is that noise."


def tasks(quick: bool) -> list[Task]:
    """Return the chapter's fits, the same steps in each backend."""
    steps, ask = 500 if quick else 2000, partial(story, rows=FEW if quick else SOME)
    return [
        Task(NAME, NAME, {"backend": b, "num_steps": steps, **WORDS}, OPTIONS, rows=ROWS, ask=ask)
        for b in reversed(installed())
    ]


def story(run: Run, rows: int) -> dict[str, Any]:
    """Return what the chapter shows of a run: numbers a row, over so many rows of each kind, images, codes."""
    held = held_out(run)
    new = pictures.novel(run, SAMPLES)
    few = {"x": held["x"][:SHOWN]}
    walk = pictures.traversal(run, 9)
    return {
        "numbers": {"training": worth(run, _first(run.data, rows)), "held out": worth(run, _first(held, rows))},
        "count": rows,
        "means": new.means,
        "draws": new.draws,
        "rows": few["x"],
        "reconstructions": run.reconstruct(few),
        "all reconstructions": run.reconstruct(_first(held, 200)),
        "walk": walk.means,
        "codes": run.represent(),
        "opened": opened(run),
    }


def held_out(run: Run) -> dict[str, np.ndarray]:
    """Return the rows of the data set that the run did not learn from."""
    return {"x": run.model.data()["x"][len(run.data["x"]) :]}


def _first(data: Mapping[str, np.ndarray], rows: int) -> dict[str, np.ndarray]:
    return {name: values[:rows] for name, values in data.items()}


def worth(run: Run, data: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """Return the exact log-likelihood, the ELBO with its error and its terms, in nats a row."""
    count = len(data["x"])
    # By quadrature even where it takes seconds, which `Run.log_likelihood` would replace by a bound.
    bound, known = run.elbo(dict(data), num_draws=200), exact_rows(run, dict(data))
    assert bound is not None
    assert known is not None
    return {
        "log_likelihood": float(np.mean(known)),
        "elbo": (bound.value / count, bound.error / count),
        "reconstruction": bound.reconstruction / count,
        "kl": bound.kl / count,
    }


def opened(run: Run) -> tuple[str, float, float] | None:
    """Return another backend, and the ELBO by the same noise there and here; None where there is no other."""
    others = [b for b in installed() if b != run.backend]
    if not others:
        return None
    there, here = moved(run, others[0]).elbo(num_draws=5), run.elbo(num_draws=5)
    assert there is not None
    assert here is not None
    return others[0], there.value, here.value


def moved(run: Run, backend: str) -> Run:
    """Return the run as it is opened in a backend from its folder."""
    from zoo.run import load_run

    with tempfile.TemporaryDirectory() as folder:
        return load_run(run.save(Path(folder) / "run"), backend=backend)


def chapter(fits: Sequence[Fit]) -> Chapter:
    """Return the chapter of its fits."""
    model = catalogue.model(NAME, **OPTIONS)
    data = model.data()
    bound = model.bind(data)
    labels = digits()
    good = sorted(pick(fits), key=common.order)
    blocks: list[Block | Columns] = [
        *common.introduction(bound, data),
        Columns([Figures(common.curves(good, None, "", "ELBO", LEARNING))], [_numbers(good)], "Learning"),
        *([Prose(_interchange(good), "One run, two backends")] if any(f.found["opened"] for f in good) else []),
        Figures([_reconstructions(good)] if good else [], "Reconstructions"),
        Figures([_novelty(f, data["x"][:ROWS]) for f in good], "Novelty, not memory"),
        Figures([_distances(good, data["x"][:ROWS])] if good else []),
        Figures([_codes(f, labels[:ROWS]) for f in good], "The latent space"),
        Figures([_walk(f) for f in good], "A walk through the codes"),
        Figures([_sharpness(good, data["x"]), _coverage(good, data["x"][:ROWS], labels[:ROWS])] if good else [],
                "Blur and coverage"),
        Prose(_blur(good, data["x"])) if good else Prose(""),
        *common.failures(fits),
        common.references(bound),
    ]  # fmt: skip
    section = Section(
        NAME,
        model.card.title,
        model.card.lecture,
        common.kept(blocks),
        "Handwritten digits by a network: samples, codes, and an exact likelihood",
    )
    count = next((f.found["count"] for f in good), SOME)
    words = f"log-likelihood a held-out digit (first {count}), by quadrature; own parameters"
    each = common.by_backend(good, lambda f: number(f.found["numbers"]["held out"]["log_likelihood"], digits=5))
    return Chapter(section, [{"what": words, "exact": None} | each])


def _numbers(fits: Sequence[Fit]) -> Tabled:
    rows: list[dict[str, Any]] = []
    for kind in ("training", "held out"):
        for key, what in (
            ("log_likelihood", "log p(x), exact"),
            ("elbo", "ELBO"),
            ("reconstruction", "its term E_q log p(x | z)"),
            ("kl", "its term KL(q ‖ prior)"),
            ("gap", "gap: log p(x) − ELBO"),
        ):
            row: dict[str, Any] = {"what": f"{kind}: {what}"}
            for f in fits:
                n = f.found["numbers"][kind]
                (value, error) = n["elbo"]
                shown = {**n, "gap": (n["log_likelihood"] - value, error)}[key]
                row[f.task.backend] = number(*shown) if isinstance(shown, tuple) else number(shown, digits=4)
            rows.append(row)
    count = next((f.found["count"] for f in fits), SOME)
    columns = [Column("what", f"nats a row, {count} rows", "left", head=True)]
    columns += [Column(f.task.backend, TITLES[f.task.backend]) for f in fits]
    lead = (
        "With a code of two numbers log p(x) is an integral over a plane, which quadrature does to 1e-5 nats. "
        "Each backend learnt with its own random numbers, and so has its own decoder."
    )
    return Tabled(Table(columns, rows), "What it is worth", lead)


def _interchange(fits: Sequence[Fit]) -> str:
    lines = []
    for f in fits:
        if f.found["opened"]:
            other, there, here = f.found["opened"]
            off = significant(abs(there - here) / max(1.0, abs(here)), 2)
            lines.append(
                f"Learnt in {TITLES[f.task.backend]} and opened in {TITLES[other]}, from its folder, the same noise "
                f"gives an ELBO of {there:,.3f} nats on all {ROWS:,} rows there and of {here:,.3f} here: a relative "
                f"difference of {off}, in single precision."
            )
    return "\n\n".join(lines)


def _reconstructions(fits: Sequence[Fit]) -> Panel:
    rows = {"data": fits[0].found["rows"], **{TITLES[f.task.backend]: f.found["reconstructions"] for f in fits}}
    caption = (
        f"{SHOWN} digits that no fit has seen, and the mean of x given their codes' posterior: 64 pixels by way of two "
        "numbers."
    )
    return Panel(style.svg(images.reconstructions(rows, SHAPE), caption), caption)


def _novelty(fit: Fit, data: np.ndarray) -> Panel:
    found = pictures.nearest(fit.found["means"][:SHOWN], data)
    caption = (
        f"{TITLES[fit.task.backend]}: {SHOWN} novel digits, the means of x given codes drawn from the prior, each "
        "beside the training row that is nearest to it."
    )
    figure = images.beside(fit.found["means"][:SHOWN], data[found.index], SHAPE)
    return Panel(style.svg(figure, caption), caption)


def _distances(fits: Sequence[Fit], data: np.ndarray) -> Panel:
    found = {f.task.backend: pictures.nearest(f.found["draws"], data) for f in fits}
    copies = ", ".join(f"{100 * n.copies:.1f} % in {TITLES[b]}" for b, n in found.items())
    caption = (
        f"Distance of {SAMPLES:,} draws of x to the nearest training row, over that of each training row to the "
        f"nearest other one. Nearer than 99 % of the rows are to one another: {copies}. A model that had stored its "
        "data would have a peak at 0."
    )
    between = next(iter(found.values())).between
    figure = images.distances({b: n.distance for b, n in found.items()}, between, "Euclidean distance of the pixels")
    return Panel(style.svg(figure, caption), caption)


def _codes(fit: Fit, labels: np.ndarray) -> Panel:
    caption = (
        f"{TITLES[fit.task.backend]}: codes of the {ROWS:,} training rows, the guide's means, coloured by digit; each "
        "digit stands at its mean. The model never saw a label."
    )
    return Panel(style.svg(images.latent_space(np.asarray(fit.found["codes"]), labels), caption), caption)


def _walk(fit: Fit) -> Panel:
    caption = (
        f"{TITLES[fit.task.backend]}: codes at the standard normal's quantiles, decoded; each image stands for the "
        "same share of the prior."
    )
    figure = images.grid(fit.found["walk"], SHAPE, 9, "first number of the code →", "second →")
    return Panel(style.svg(figure, caption), caption)


def _sharp(fits: Sequence[Fit], data: np.ndarray) -> tuple[list[str], dict[str, list[float | None]]]:
    names = ["data", "means of new digits", "reconstructions", "draws of new digits"]
    kinds = ("means", "all reconstructions", "draws")
    values: dict[str, list[float | None]] = {"data": [float(pictures.sharpness(data, SHAPE).mean()), None, None, None]}
    for f in fits:
        each = [float(pictures.sharpness(f.found[k], SHAPE).mean()) for k in kinds]
        values[f.task.backend] = [None, *each]
    return names, values


def _sharpness(fits: Sequence[Fit], data: np.ndarray) -> Panel:
    caption = (
        "Sharpness: the mean variance of the images' Laplacian. Noise counts as edges do, which is why draws with "
        "their pixels' noise do not look blurred here; means show the blur."
    )
    figure = images.bars(*_sharp(fits, data), "variance of the Laplacian")
    return Panel(style.svg(figure, caption), caption)


def _coverage(fits: Sequence[Fit], data: np.ndarray, labels: np.ndarray) -> Panel:
    found = {f.task.backend: pictures.coverage(f.found["means"], data, labels) for f in fits}
    first = next(iter(found.values()))
    values = {"data": list(first.data_share), **{b: list(c.share) for b, c in found.items()}}
    apart = ", ".join(f"{100 * c.distance:.0f} % in {TITLES[b]}" for b, c in found.items())
    caption = (
        f"Share of the digits among the means of {SAMPLES:,} novel ones, by a vote of the five nearest training rows, "
        f"beside the data's. So many would have to be another digit: {apart}."
    )
    figure = images.bars([str(c) for c in first.classes], values, "share of the digit")
    return Panel(style.svg(figure, caption), caption)


def _blur(fits: Sequence[Fit], data: np.ndarray) -> str:
    values = _sharp(fits, data)[1]
    share = ", ".join(
        f"{100 * (values[f.task.backend][1] or 0) / (values['data'][0] or 1):.0f} % in {TITLES[f.task.backend]}"
        for f in fits
    )
    return (
        "Where the code leaves a pixel open, a Gaussian decoder answers with the mean of what it could be, and a mean "
        f"of several images is blurred: the new digits' means have this much of the data's sharpness: {share}. What "
        "the mean leaves out goes into the pixel's variance, and comes back in a draw as noise that knows of no "
        "neighbour, where the data have edges."
    )
