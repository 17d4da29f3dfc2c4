"""The tour's fourth chapter: the mixture with priors, exact on eight rows, beside NUTS on all of them."""

from __future__ import annotations

from collections.abc import Sequence
from math import log
from typing import Any

import numpy as np

from zoo import catalogue
from zoo.backends import installed
from zoo.report import style
from zoo.report.densities import Mixture, mixture, posterior
from zoo.report.page import Block, Columns, Figures, Panel, Prose, Section
from zoo.tour import common
from zoo.tour.common import GUIDES, TITLES, Chapter
from zoo.tour.fits import Fit, Task, pick
from zoo.tour.gmm import AXES, contours

NAME = "gmm_bayes"
SMALL, WHOLE = "old_faithful_8", "old_faithful"
SHOWN = "full_rank"
WHOLE_GUIDES = ("mean_field", "full_rank", "flow", "laplace")
STEPS = 1000  # a third of the model's own, to keep the tour short; only the flow would gain much from more


def tasks(quick: bool) -> list[Task]:
    """Return the chapter's fits, the fewer on all rows, where a step takes longer."""
    steps = {"num_steps": STEPS // 2, "restarts": 1} if quick else {"num_steps": STEPS}
    first = installed()[0]
    chains = {"num_warmup": 200, "num_draws": 100} if quick else {"num_warmup": 300, "num_draws": 500}
    nuts = {"method": "nuts", "backend": first, **chains}
    guides, several = (("mean_field", "flow"), ("mean_field", SHOWN)) if quick else (GUIDES, WHOLE_GUIDES)
    whole = [w for w in common.grid(several, **steps) if w["backend"] == first or w["guide"] == "mean_field"]
    tilted = (
        [] if quick else [Task(NAME, NAME, {"backend": first, "guide": SHOWN, **steps}, {"covariance": "full"}, WHOLE)]
    )
    return [
        Task(NAME, NAME, nuts, data=WHOLE, summarised=True),
        *(Task(NAME, NAME, w, data=WHOLE) for w in whole),
        *tilted,
        *(Task(NAME, NAME, w, data=SMALL) for w in common.grid(guides, **steps)),
    ]


def chapter(fits: Sequence[Fit]) -> Chapter:
    """Return the chapter of its fits."""
    model = catalogue.model(NAME)
    data, small = model.data(WHOLE), model.data(SMALL)
    bound = model.bind(data)
    eight = model.bind(small)
    evidence = float(eight.exact.evidence(small, **eight.options))
    few, whole = [f for f in fits if f.task.data == SMALL], [f for f in fits if f.task.data == WHOLE]
    diagonal = [f for f in whole if not f.task.options]
    modes = f"log 2! = {log(2):.3f}"
    steps = max((f.task.words["num_steps"] for f in fits if "num_steps" in f.task.words), default=STEPS)
    short = (
        f"Every guide takes {steps:,} steps here instead of the model's own {model.card.learning.num_steps:,}, "
        "to keep the tour short."
    )
    blocks: list[Block | Columns] = [
        *common.introduction(bound, data),
        Figures(
            [_panel(f, data["x"]) for f in pick(whole, method=SHOWN, backend=installed()[0])],
            "The data and what was learnt",
        ),
        Figures(
            [
                panel
                for guide in ("mean_field", "flow")
                for panel in common.curves(
                    pick(diagonal, method=guide),
                    None,
                    "",
                    "ELBO",
                    f"{guide} on all 272 eruptions, diagonal covariances. {short}",
                )
            ],
            "Learning",
        ),
        Figures(_marginals(diagonal), "The posterior, NUTS against guides"),
        Prose(
            "On eight of the rows the evidence is an exact sum over all 2⁸ allocations, so every guide's "
            "gap is known. The posterior has 2! equal modes, one a labelling. A guide that sits on one of "
            f"them can at best reach the evidence less about {modes} nats: that much of its gap is no fault "
            "of its family. The steps are fewer than the model's own, so the flow is not at its best.",
            "Guide against guide, eight rows",
        ),
        common.guide_figures(
            few,
            {"exact": 0.0, "one mode": log(2)},
            (
                f"Distance from the log evidence on eight rows; bars are two standard errors. {short}",
                common.K_HATS,
            ),
        ),
        common.guide_table(few, footnote=short),
        Prose(
            "On all rows the evidence is not known. The ELBO is a lower bound of it, so a larger one is closer.",
            "Guide against guide, all rows",
        ),
        common.guide_figures(
            diagonal, None, (f"ELBO on 272 rows; bars are two standard errors. {short}", common.K_HATS)
        ),
        common.guide_table(diagonal, footnote=short),
        *common.summaries(diagonal),
        common.references(bound),
    ]
    section = Section(
        NAME,
        model.card.title,
        model.card.lecture,
        blocks,
        "Old Faithful with priors: labels, modes, and guides",
    )
    return Chapter(section, [common.best_row("log evidence of eight eruptions, and the best ELBO", evidence, few)])


def _panel(fit: Fit, x: np.ndarray) -> Panel:
    model = catalogue.model(NAME, **fit.task.options).bind({"x": x})
    means = {name: np.asarray(values).mean(0) for name, values in fit.draws.items()}
    if "corr" in means:
        tril = np.mean(np.asarray(fit.draws["scale"])[..., None] * fit.draws["corr"], 0)
        covariance, form = tril @ np.swapaxes(tril, -1, -2), "full"
    else:
        covariance, form = means["variance"][..., None] * np.eye(means["variance"].shape[-1]), "diagonal"
    thinned = slice(None, None, max(1, len(fit.draws["weights"]) // 100))
    draws = [dict(zip(fit.draws, v, strict=True)) for v in zip(*(d[thinned] for d in fit.draws.values()), strict=True)]
    shares = np.mean([model.exact.responsibilities(x, d, **model.options) for d in draws], 0)

    def predictive(rows: np.ndarray) -> np.ndarray:
        return np.logaddexp.reduce([model.exact.log_likelihood(rows, d, **model.options) for d in draws]) - log(
            len(draws)
        )

    caption = (
        f"{form.capitalize()} covariances, {SHOWN} guide in {TITLES[fit.task.backend]}: responsibilities "
        "and contours of the predictive density are averaged over its draws; ellipses at the posterior "
        "means."
    )
    drawn = mixture(x, Mixture(means["loc"], covariance, shares), contours(x, predictive, 60), *AXES)
    return Panel(style.svg(drawn, caption), caption)


def _marginals(fits: Sequence[Fit]) -> list[Panel]:
    shown = [f for f in pick(fits, backend=installed()[0]) if f.task.method != "delta"]
    panels: list[Panel] = []
    if not shown:
        return panels
    for label, density, value in (
        ("share of short eruptions", "density", lambda d, k: d["weights"][:, k]),
        ("mean duration of short eruptions (min)", "density (1/min)", lambda d, k: d["loc"][:, k, 0]),
    ):
        draws: dict[str, Any] = {}
        for f in shown:
            short = int(np.asarray(f.draws["loc"]).mean(0)[:, 0].argmin())
            draws[f.task.method] = np.asarray(value(f.draws, short))
        caption = f"{label[0].upper()}{label[1:]}, labels aligned: guides against NUTS, {TITLES[installed()[0]]}."
        panels.append(Panel(style.svg(posterior(draws, None, label, density), caption), caption))
    return panels
