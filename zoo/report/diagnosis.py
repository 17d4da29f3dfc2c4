"""A run's diagnostic plots, most of them ArviZ's: trace, rank, forest, pair, replicated data, Pareto k̂."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.figure import Figure

from zoo.diagnose import Diagnosis
from zoo.estimators import TRUSTED_K_HAT
from zoo.inference_data import arviz, inference_data
from zoo.report.style import BLUE, INK, SKY, SOFT, VERMILION, panel, save, styled

if TYPE_CHECKING:
    from zoo.run import Run

MOST_PAIRS = 8  # a pair plot of more scalars is too small to read
NUM_CURVES = 40
WIDEST = 1800  # pixels


def plots(run: Run, diagnosis: Diagnosis, folder: Path) -> list[Path]:
    """Write every plot that a run can have as PNG.

    Args:
        run: what a fit left.
        diagnosis: of the same run.
        folder: an existing folder; files of the same names are replaced.

    Returns:
        The files written.
    """
    paths = [save(replicated(run, name), folder / f"replicated-{name}.png") for name in run.observed]
    if diagnosis.loo is not None:
        paths.append(save(pareto(diagnosis.loo.pareto_k), folder / "pareto-k.png"))
    if diagnosis.summary:
        paths += list(arviz_plots(run, diagnosis, folder))
    return paths


def arviz_plots(run: Run, diagnosis: Diagnosis, folder: Path) -> Iterator[Path]:
    """Write ArviZ's plots of the posterior, labels aligned; trace and rank plots are for chains."""
    az = arviz()
    data = inference_data(run, groups=("posterior", "sample_stats"))
    sites = dict.fromkeys(row["site"] for row in diagnosis.summary)
    # One forest a site: sites differ in unit and scale.
    chosen: dict[str, Callable[[], Any]] = {
        f"forest-{site}": partial(az.plot_forest, data, var_names=[site]) for site in sites
    }
    if run.method == "nuts":
        chosen |= {"trace": partial(az.plot_trace, data), "rank": partial(az.plot_rank, data)}
    names = few_scalars(diagnosis)
    if sum(row["site"] in names for row in diagnosis.summary) > 1:
        chosen["pair"] = partial(az.plot_pair, data, var_names=names)
    for name, draw in chosen.items():
        yield _save_arviz(draw, folder / f"{name}.png")


def few_scalars(diagnosis: Diagnosis) -> list[str]:
    """Return the first sites that together have few enough scalars for a pair plot."""
    counts: dict[str, int] = {}
    for row in diagnosis.summary:
        counts[row["site"]] = counts.get(row["site"], 0) + 1
    sites = list(counts)
    fitting = [n for n in range(1, len(sites) + 1) if sum(counts[s] for s in sites[:n]) <= MOST_PAIRS]
    return sites[: fitting[-1]] if fitting else []


@styled
def replicated(run: Run, name: str) -> Figure:
    """Draw the empirical distribution of each observed column over those of replicated data sets."""
    seen = run.data[name]
    made = run.posterior_predictive(NUM_CURVES)[name]
    indices = list(np.ndindex(seen.shape[1:]))[:4]
    figure = Figure(figsize=(4.7 * len(indices), 3.2), layout="constrained")
    axes = figure.subplots(1, len(indices), squeeze=False, sharey=True)[0]
    units = {site.name: site.unit for site in run.model.card.sites}
    for ax, index in zip(axes, indices, strict=True):
        for draw in made:
            ax.ecdf(draw[(slice(None), *index)], color=SKY, alpha=0.35, linewidth=0.8)
        ax.ecdf(seen[(slice(None), *index)], color=INK, linewidth=1.6)
        label = name + (f"[{', '.join(map(str, index))}]" if index else "")
        ax.set_xlabel(label + (f" / {units[name]}" if units.get(name) else ""))
    axes[0].set_ylabel("share of rows at or below")
    axes[0].plot([], [], color=INK, label="observed")
    axes[0].plot([], [], color=SKY, label=f"{len(made)} replicated data sets")
    axes[0].legend()
    return figure


@styled
def pareto(values: np.ndarray) -> Figure:
    """Draw the Pareto k̂ of each row when it is left out."""
    figure, ax = panel()
    bad = ~(values <= TRUSTED_K_HAT)
    rows = np.arange(len(values))
    ax.plot(rows[~bad], values[~bad], ".", color=BLUE, label="to be trusted")
    if bad.any():
        ax.plot(rows[bad], values[bad], "x", color=VERMILION, label="not to be trusted")
    ax.axhline(TRUSTED_K_HAT, color=SOFT, linestyle="--", linewidth=0.9)
    ax.set_xlabel("row left out")
    ax.set_ylabel("Pareto k̂")
    ax.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=2)
    return figure


def _save_arviz(draw: Callable[[], Any], path: Path) -> Path:
    """Save what ArviZ drew: 0.23 draws on pyplot's current figure, 1.x returns what can be saved."""
    import matplotlib.pyplot as plt

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # layout hints of libraries that a user can do nothing about
        made = draw()
        if arviz().__version__.startswith("0."):
            plt.gcf().tight_layout()
            dpi = min(120, WIDEST / plt.gcf().get_figwidth())
            plt.gcf().savefig(path, dpi=dpi, bbox_inches="tight")
        else:
            made.savefig(path)
        plt.close("all")
    return path
