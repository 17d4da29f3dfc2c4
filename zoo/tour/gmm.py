"""The tour's third chapter: a mixture of Gaussians by maximum likelihood, beside scikit-learn's EM."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from zoo import catalogue
from zoo.backends import installed
from zoo.report import plots, style
from zoo.report.densities import Mixture, mixture
from zoo.report.page import Block, Columns, Figures, Panel, Section, Tabled
from zoo.report.tables import MINUS, Column, Table, number
from zoo.tour import common
from zoo.tour.common import TITLES, Chapter
from zoo.tour.fits import Fit, Task, pick

NAME = "gmm"
SIZES = (1, 2, 3, 4, 5)
AXES = ("duration of the eruption (min)", "waiting time to the next (min)")
MOST, MOST_QUICK = (5, 3), (2, 2)  # how many of the sizes the first backend learns, and the slower one
SOURCE, STARTS = "scikit-learn", 50
LEARNING = "Two components. The label z is summed out: the objective is the log-likelihood of all 272 rows."


def tasks(quick: bool) -> list[Task]:
    """Return the chapter's fits; the slower backend learns the smaller sizes only."""
    steps = {"num_steps": 600, "restarts": 5} if quick else {}
    first, other = MOST_QUICK if quick else MOST
    sizes = {b: SIZES[: first if b == installed()[0] else other] for b in installed()}
    return [Task(NAME, NAME, {"backend": b, **steps}, {"K": k}) for b in installed() for k in sizes[b]]


def chapter(fits: Sequence[Fit]) -> Chapter:
    """Return the chapter of its fits."""
    model = catalogue.model(NAME, K=2)
    data = model.data()
    bound = model.bind(data)
    x = data["x"]
    reference = {k: best_of_many(x, k, bound.options["floor"]) for k in SIZES}
    heights = {SOURCE: {k: m.score(x) for k, m in reference.items()}}
    for b in installed():
        heights[b] = {f.task.options["K"]: f.log_likelihood / len(x) for f in pick(fits, backend=b) if f.log_likelihood}
        heights[b] = dict(sorted(heights[b].items()))
    two = pick(fits, K=2)
    total = len(x) * heights[SOURCE][2]
    blocks: list[Block | Columns] = [
        *common.introduction(bound, data),
        Figures([_panel(bound, x, f) for f in sorted(two, key=common.order)], "The data and what was learnt"),
        Columns(
            [Figures(common.curves(two, total, SOURCE, "log-likelihood", LEARNING))],
            [_parameters(reference[2], two)],
            "Learning",
        ),
        Columns([Figures([_by_size(heights)])], [_sizes(heights)], "How many components"),
        *common.failures(fits),
        common.references(bound),
    ]
    section = Section(
        NAME,
        model.card.title,
        model.card.lecture,
        common.kept(blocks),
        "Old Faithful's eruptions, maximum likelihood",
    )
    glance = {
        "what": "log-likelihood a row of Old Faithful, two components",
        "exact": f"{number(heights[SOURCE][2], digits=5)} ({SOURCE})",
    }
    return Chapter(section, [glance | {b: number(heights[b].get(2), digits=5) for b in installed()}])


def footnote(heights: Mapping[str, Mapping[int, float]]) -> str:
    """Say why a backend has no mark and a dash for the larger sizes; empty where it has them all."""
    most = {b: max(heights[b], default=0) for b in installed()}
    return "".join(
        f" {TITLES[b]} learns K ≤ {most[b]} only, to keep the tour short." for b in most if 0 < most[b] < SIZES[-1]
    )


def best_of_many(x: np.ndarray, size: int, floor: float) -> Any:
    """Return scikit-learn's best mixture of `STARTS` starts, with the same floor, run on to its end."""
    from sklearn.mixture import GaussianMixture
    from threadpoolctl import threadpool_limits

    # Threads cost far more than they give on 272 rows: 20 seconds for 0.7.
    with warnings.catch_warnings(), threadpool_limits(1):
        warnings.simplefilter("ignore")  # starts that have not converged; the best one has
        how = {"n_init": STARTS, "init_params": "k-means++", "max_iter": 500, "tol": 1e-4, "random_state": 0}
        best = GaussianMixture(size, reg_covar=floor, **how).fit(x)
        where = {
            "weights_init": best.weights_,
            "means_init": best.means_,
            "precisions_init": best.precisions_,
        }
        return GaussianMixture(size, reg_covar=floor, max_iter=5000, tol=1e-9, **where).fit(x)


def components(params: Mapping[str, np.ndarray], floor: float) -> tuple[np.ndarray, np.ndarray]:
    """Return means (K, D) and covariances (K, D, D)."""
    tril = np.asarray(params["scale_tril"])
    return np.asarray(params["loc"]), tril @ np.swapaxes(tril, -1, -2) + floor * np.eye(tril.shape[-1])


def contours(x: np.ndarray, density: Any, points: int = 90) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return columns (a,), rows (b,) and the log density there (b, a), around the data.

    Args:
        x: (n, 2).
        density: log density of rows (m, 2), (m,).
        points: along each side.
    """
    pad = 0.2 * np.ptp(x, 0)
    a, b = (np.linspace(x[:, i].min() - pad[i], x[:, i].max() + pad[i], points) for i in (0, 1))
    rows = np.stack(np.meshgrid(a, b), -1).reshape(-1, 2)
    return a, b, np.asarray(density(rows)).reshape(points, points)


def _panel(model: Any, x: np.ndarray, fit: Fit) -> Panel:
    loc, covariance = components(fit.params, model.options["floor"])
    shares = model.exact.responsibilities(x, fit.params, **model.options)
    grid = contours(x, lambda rows: model.exact.log_likelihood(rows, fit.params, **model.options))
    caption = (
        f"{TITLES[fit.task.backend]}, two components: 272 eruptions coloured by responsibility, means, "
        "ellipses at one and two standard deviations, and contours of the density."
    )
    return Panel(style.svg(mixture(x, Mixture(loc, covariance, shares), grid, *AXES), caption), caption)


def _parameters(reference: Any, fits: Sequence[Fit]) -> Tabled:
    found = {SOURCE: {"weights": reference.weights_, "loc": reference.means_, "covariance": reference.covariances_}}
    for f in fits:
        loc, covariance = components(f.params, 0.0)
        found[f.task.backend] = {"weights": f.params["weights"], "loc": loc, "covariance": covariance}
    rows: list[dict[str, Any]] = []
    for k, name in enumerate(("short", "long")):
        for what, site, index in (
            (f"share of {name} eruptions", "weights", ()),
            (f"{name}: mean duration (min)", "loc", (0,)),
            (f"{name}: mean wait (min)", "loc", (1,)),
            (f"{name}: sd of duration (min)", "covariance", (0, 0)),
            (f"{name}: sd of wait (min)", "covariance", (1, 1)),
        ):
            row: dict[str, Any] = {"what": what}
            for source, values in found.items():
                component = np.argsort(values["loc"][:, 0])[k]
                value = float(np.asarray(values[site])[(component, *index)])
                row[source] = number(value**0.5 if site == "covariance" else value, digits=4)
            rows.append(row)
    columns = [Column("what", "", "left", head=True), *(Column(s, TITLES.get(s, s)) for s in found)]
    lead = f"The maximum is not known in closed form; EM finds it, here scikit-learn's best of {STARTS} starts."
    return Tabled(Table(columns, rows), "EM against learnt", lead)


def _by_size(heights: Mapping[str, Mapping[int, float]]) -> Panel:
    caption = "The likelihood grows with every component, as maximum likelihood does; it cannot say how many there are."
    caption += footnote(heights)
    figure = plots.likelihood_by_k(heights, "number of components K", "log-likelihood a row (nats)")
    return Panel(style.svg(figure, caption), caption)


def _sizes(heights: Mapping[str, Mapping[int, float]]) -> Tabled:
    rows = []
    for k in SIZES:
        ours = [heights[b][k] - heights[SOURCE][k] for b in installed() if k in heights[b]]
        worst = f"{round(min(ours), 4) + 0.0:+.4f}".replace("-", MINUS) if ours else None
        rows.append({"K": str(k), "more": worst} | {s: number(v.get(k), digits=5) for s, v in heights.items()})
    columns = [
        Column("K", "K", "left", head=True),
        *(Column(s, TITLES.get(s, s)) for s in heights),
        Column("more", "difference"),
    ]
    lead = (
        "Log-likelihood a row, in nats, with the same floor under the covariances; scikit-learn's is the "
        f"best of {STARTS} starts."
    )
    return Tabled(Table(columns, rows, note=footnote(heights).strip()), "By number of components", lead)
