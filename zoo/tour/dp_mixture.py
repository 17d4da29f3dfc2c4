"""The tour's chapter on the other infinite mixture: how many components do the rows occupy?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from guides.families import generator
from zoo import catalogue
from zoo.backends import installed
from zoo.report import densities, plots, style
from zoo.report.page import Block, Columns, Figures, Panel, Prose, Section, Tabled
from zoo.report.tables import Column, Table, number
from zoo.tour import common
from zoo.tour.common import TITLES, Chapter
from zoo.tour.fits import Fit, Task, pick

if TYPE_CHECKING:
    from zoo.run import Run

NAME = "dp_mixture"
SMALL = "old_faithful_8"
DRAWS = 400
GRID = np.linspace(5.0, 40.0, 281)
PRIOR, EXACT = "prior", "exact posterior"
WORDS: dict[str, Any] = {"guide": "mean_field", "restarts": 2, "num_steps": 1000}


def tasks(quick: bool) -> list[Task]:
    """Return the chapter's fits: the galaxies, and eight eruptions, of which everything is known.

    The quick tour has the latter in one backend.
    """
    words = WORDS | ({"num_steps": 300, "restarts": 1} if quick else {})
    few = words | {"guide": "full_rank"}
    backends = installed()[:1] if quick else installed()
    return [
        *(Task(NAME, NAME, {"backend": b, **words}, ask=learnt) for b in installed()),
        *(Task(NAME, NAME, {"backend": b, **few}, data=SMALL, ask=learnt) for b in backends),
    ]


def learnt(run: Run) -> dict[str, Any]:
    """Return the number of occupied components by draw, the predictive density, and the run's bound.

    Each draw of the global latents puts every row into a component, by its responsibilities.
    """
    flat, exact, options, x = run.flat, run.model.exact, run.model.options, run.data["x"]
    noise = generator(run.seed, "occupied").random((DRAWS, len(x), 1))
    some = generator(run.seed, "which draws").permutation(len(flat["sticks"]))[:DRAWS]
    occupied, density = np.zeros(options["K"] + 1), np.zeros(len(GRID))
    for e, s in zip(noise, some, strict=True):
        values = {name: v[s] for name, v in flat.items()}
        z = (exact.responsibilities(x, values, **options).cumsum(1)[:, :-1] < e).sum(1)
        occupied[len(set(z))] += 1 / DRAWS
        if x.shape[1] == 1:
            density += np.exp(exact.log_likelihood(GRID[:, None], values, **options)) / DRAWS
    bound = run.elbo()
    assert bound is not None
    gap = run.gap()
    return {
        "occupied": occupied,
        "density": density,
        "elbo": (bound.value, bound.error),
        "gap": None if gap is None else (float(gap.value), float(gap.error)),
        "seconds": run.seconds.get("learn"),
    }


def chapter(fits: Sequence[Fit]) -> Chapter:
    """Return the chapter of its fits."""
    model = catalogue.model(NAME)
    data, small = model.data(), model.data(SMALL)
    bound, eight = model.bind(data), model.bind(small)
    good = sorted(pick(fits), key=lambda f: f.task.backend)
    many, few = ([f for f in good if f.task.data == name] for name in (None, SMALL))
    known = eight.exact.occupied_posterior(small, **eight.options)
    blocks: list[Block | Columns] = [
        *common.introduction(bound, data),
        Columns(
            [Figures([_density(data["x"][:, 0], many)] if many else [])],
            [
                Figures(
                    [
                        _occupied(
                            many, {PRIOR: bound.exact.occupied_prior(len(data["x"]), **bound.options)}, "82 galaxies"
                        )
                    ]
                )
            ]
            if many
            else [],
            "Galaxies, and how many components they occupy",
        ),
        Columns(
            [Figures([_occupied(few, {EXACT: known}, "eight eruptions of Old Faithful")] if few else [])],
            [_table(many, few)],
            "Eight rows, of which everything is known",
        ),
        Prose(
            "Nobody says how many components there are: the process has infinitely many, cut off here at 10, and the "
            "rows take what they need. Mean field holds on to one arrangement of the galaxies and is surer of their "
            "number than the posterior would be; of eight rows the sum over all 10⁸ allocations says what the number "
            "is, and the guide can be held against it. The first sticks are longer on average, so that components "
            "have an order, and a guide that covers one order of several pays for it in its gap.",
            "What to look at",
        ),
        *common.failures(fits),
        common.references(bound),
    ]
    section = Section(
        NAME, model.card.title, model.card.lecture, common.kept(blocks), "Galaxies in as many groups as need be"
    )
    best = float(np.arange(len(known)) @ known)
    mean = common.by_backend(few, lambda f: number(float(np.arange(len(known)) @ f.found["occupied"]), digits=3))
    return Chapter(
        section,
        [{"what": "components that eight eruptions occupy, on average", "exact": number(best, digits=3)} | mean],
    )


def _density(x: np.ndarray, fits: Sequence[Fit]) -> Panel:
    lines = [
        densities.Line(TITLES[f.task.backend], GRID, f.found["density"], style.backend_look(f.task.backend))
        for f in fits
    ]
    figure = densities.heights(x, lines, "velocity (1000 km/s)", "density (per 1000 km/s)", bins=30)
    words = "The density of one more galaxy, the mean over draws of the guide."
    return Panel(style.svg(figure, "Histogram of 82 velocities with the learnt densities"), words)


def _occupied(fits: Sequence[Fit], beside: dict[str, np.ndarray], what: str) -> Panel:
    shares = {f.task.backend: f.found["occupied"] for f in fits} | beside
    figure = plots.counts(shares, "occupied components", "probability")
    words = f"How many components {what} occupy: the guide's draws, and the {next(iter(beside))}."
    return Panel(style.svg(figure, f"Distribution of the number of components that {what} occupy"), words)


def _table(many: Sequence[Fit], few: Sequence[Fit]) -> Tabled:
    rows = [
        {
            "data": f"{what}, {f.task.method}",
            "backend": TITLES[f.task.backend],
            "elbo": number(*f.found["elbo"]),
            "gap": "—" if f.found["gap"] is None else number(*f.found["gap"]),
        }
        for what, some in (("82 galaxies", many), ("8 eruptions", few))
        for f in some
    ]
    columns = [
        Column("data", "data and guide", "left", head=True),
        Column("backend", "backend", "left"),
        Column("elbo", "ELBO"),
        Column("gap", "gap"),
    ]
    return Tabled(Table(columns, rows), "The bounds", "In nats. The evidence of eight rows is a sum over allocations.")
