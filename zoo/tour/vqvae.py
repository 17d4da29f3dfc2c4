"""The tour's chapter on vector quantisation: what codes cost, which are used, and what a learnt prior draws."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from zoo import catalogue, codes, pictures
from zoo.backends import installed
from zoo.models.vqvae.data import labels as digits
from zoo.report import images, style
from zoo.report.page import Block, Columns, Figures, Panel, Prose, Section, Tabled
from zoo.report.tables import Column, Table, number
from zoo.tour import common
from zoo.tour.common import TITLES, Chapter
from zoo.tour.fits import Fit, Task, pick

if TYPE_CHECKING:
    from zoo.run import Run

NAME = "vqvae"
SHAPE = (8, 8)
OPTIONS = {"likelihood": "bernoulli", "prior": "autoregressive"}
DATA = "digits_binary"
ROWS = 1400  # learnt from; the others are held out
SHOWN = 20  # images of a kind
SAMPLES = 1000
LEARNING = "log p(x, z) of all rows, told by the 128 rows of each step; the band is that choice of rows."
BITS = math.log(2)


def tasks(quick: bool) -> list[Task]:
    """Return the chapter's fits, the same steps in each backend."""
    # More steps fit these digits better, and the held-out ones worse.
    steps = 300 if quick else 600
    return [
        Task(NAME, NAME, {"backend": b, "num_steps": steps}, OPTIONS, data=DATA, rows=ROWS, ask=story)
        for b in reversed(installed())
    ]


def story(run: Run) -> dict[str, Any]:
    """Return what the chapter shows of a run: numbers a row, images, and how often each code is used."""
    held = {"x": run.model.data(DATA)["x"][len(run.data["x"]) :]}
    few = {"x": held["x"][:SHOWN]}
    usage = codes.used(run)
    own, even = codes.novel(run, SAMPLES), codes.novel(run, SAMPLES, even=True)
    return {
        "numbers": {"training": worth(run, run.data), "held out": worth(run, held)},
        "counts": usage.counts,
        "perplexity": usage.perplexity,
        "dead": usage.dead,
        "rows": few["x"],
        "reconstructions": run.reconstruct(few),
        "own": own.means,
        "even": even.means,
    }


def worth(run: Run, data: dict[str, np.ndarray]) -> dict[str, float]:
    """Return the bound, its two terms in nats a row, what a uniform prior would ask, and bits a pixel."""
    count, options = len(data["x"]), run.model.options
    bound = run.elbo(data)
    assert bound is not None
    value = bound.value / count
    return {
        "elbo": value,
        "reconstruction": bound.reconstruction / count,
        "price": bound.kl / count,
        "uniform": options["positions"] * math.log(options["K"]),
        "bits": codes.bits_per_dimension(value, options["D"]),
    }


def chapter(fits: Sequence[Fit]) -> Chapter:
    """Return the chapter of its fits."""
    model = catalogue.model(NAME, **OPTIONS)
    data = model.data(DATA)
    bound, good = model.bind(data), sorted(pick(fits), key=common.order)
    known, classes = data["x"][:ROWS], digits(DATA)[:ROWS]
    blocks: list[Block | Columns] = [
        *common.introduction(bound, data),
        Columns([Figures(common.curves(good, None, "", "ELBO", LEARNING))], [_numbers(good)], "Learning"),
        Figures([_reconstructions(good), _shares(good)] if good else [], "Codes"),
        Figures([_drawn(f) for f in good], "What the prior knows"),
        Figures([_novelty(f, known) for f in good], "Novelty, not memory"),
        Prose(_reading(good, known, classes)) if good else Prose(""),
        *common.failures(fits),
        common.references(bound),
    ]
    section = Section(NAME, model.card.title, model.card.lecture, common.kept(blocks), "Digits in words of an alphabet")
    each = common.by_backend(good, lambda f: number(f.found["numbers"]["held out"]["bits"], digits=3))
    what = "bits a pixel of a held-out digit in black and white, at most; own parameters"
    return Chapter(section, [{"what": what, "exact": None} | each])


def _numbers(fits: Sequence[Fit]) -> Tabled:
    words = (
        ("elbo", "ELBO: log p(x, z)"),
        ("reconstruction", "its term log p(x | z)"),
        ("price", "what the codes cost: −log p(z)"),
        ("uniform", "what a uniform prior would ask"),
        ("bits", "bits a pixel, at most"),
    )
    rows: list[dict[str, Any]] = [
        {"what": f"{kind}: {what}"} | {f.task.backend: number(f.found["numbers"][kind][key], digits=4) for f in fits}
        for kind in ("training", "held out")
        for key, what in words
    ]
    for key, what in (("perplexity", "perplexity of the codes in use"), ("dead", "codes never used")):
        rows.append({"what": what} | {f.task.backend: number(f.found[key], digits=3) for f in fits})
    columns = [Column("what", "nats a row", "left", head=True)]
    columns += [Column(f.task.backend, TITLES[f.task.backend]) for f in fits]
    lead = (
        "q is one choice of codes a row, so that nothing is drawn and no number has an error. Pixels are 0 or 1, so "
        "that log p is that of a probability, and bits a pixel are what a file would take."
    )
    return Tabled(Table(columns, rows), "What it is worth", lead)


def _reconstructions(fits: Sequence[Fit]) -> Panel:
    rows = {"data": fits[0].found["rows"], **{TITLES[f.task.backend]: f.found["reconstructions"] for f in fits}}
    caption = f"{SHOWN} digits that no fit has seen, and each pixel's probability given their codes."
    return Panel(style.svg(images.reconstructions(rows, SHAPE), caption), caption)


def _shares(fits: Sequence[Fit]) -> Panel:
    caption = (
        "How often each code is used, the most used first. A code that is dead restarts at a vector that is far from "
        "its own code, so that few stay unused."
    )
    return Panel(style.svg(images.shares({f.task.backend: f.found["counts"] for f in fits}), caption), caption)


def _drawn(fit: Fit) -> Panel:
    caption = (
        f"{TITLES[fit.task.backend]}: codes drawn evenly, as reference 1's model has them before a prior is learnt, "
        "and codes drawn from the prior that was learnt with the rest."
    )
    rows = {"even": fit.found["even"][:SHOWN], "learnt": fit.found["own"][:SHOWN]}
    return Panel(style.svg(images.reconstructions(rows, SHAPE), caption), caption)


def _novelty(fit: Fit, data: np.ndarray) -> Panel:
    found = pictures.nearest(fit.found["own"][:SHOWN], data)
    caption = (
        f"{TITLES[fit.task.backend]}: the digits drawn by the learnt prior, each beside the training row that is "
        "nearest to it."
    )
    figure = images.beside(fit.found["own"][:SHOWN], data[found.index], SHAPE)
    return Panel(style.svg(figure, caption), caption)


def _reading(fits: Sequence[Fit], data: np.ndarray, classes: np.ndarray) -> str:
    lines = []
    for f in fits:
        far = {kind: pictures.nearest(f.found[kind], data).distance.mean() for kind in ("even", "own")}
        covered = pictures.coverage(f.found["own"], data, classes).distance
        lines.append(
            f"{TITLES[f.task.backend]}: {SAMPLES:,} draws by even codes lie {far['even']:.2f} from their nearest "
            f"training row in the mean, draws by the learnt prior {far['own']:.2f}; {100 * covered:.0f} % of the "
            "latter would have to be another digit to have the data's classes."
        )
    lines.append(
        "Codes that are each plausible are seldom so together: drawn evenly they decode to no digit. The prior has to "
        "know which go with which, and what it knows is what it saves: its price is below that of even codes."
    )
    return "\n\n".join(lines)
