"""Learning and guides as figures: ELBO curves of both backends, gaps and k̂ by guide."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from zoo.estimators import TRUSTED_K_HAT
from zoo.report import style

POINTS = 200  # of a curve; more cannot be seen at a phone's width
CLIMB = 5.0  # nats of the way up that are shown


@dataclass(frozen=True)
class Curve:
    """The objective of one fit at every step.

    Args:
        label: such as the guide's name.
        backend: colours it.
        values: in nats, larger is better, (num_steps,).
        svi: how many of them are steps of SVI; the others are iterations of the finish. None for all.
    """

    label: str
    backend: str
    values: np.ndarray
    svi: int | None = None


@dataclass(frozen=True)
class Score:
    """How one guide did in one backend.

    Args:
        guide, backend: which.
        value: the number shown; a score without one is left out.
        error: its standard error.
        lowest, highest: over seeds, where there are several.
    """

    guide: str
    backend: str
    value: float | None
    error: float = 0.0
    lowest: float | None = None
    highest: float | None = None


@style.styled
def elbo_curves(
    curves: Sequence[Curve],
    best: float | None = None,
    best_label: str = "log evidence",
    objective: str = "ELBO",
) -> Figure:
    """Draw how the objective rises, one curve a backend, with the best value that there is.

    Args:
        curves: of one guide, or of several.
        best: an exact upper bound, drawn as a line.
        best_label: its name.
        objective: what rises: "ELBO", or "log-likelihood" where nothing is latent.
    """
    figure, axes = style.panel()
    marked = False
    for curve in sorted(curves, key=lambda c: c.backend):
        steps, middle, low, high = thinned(curve.values)
        look = style.backend_look(curve.backend)
        axes.fill_between(steps, low, high, color=look["color"], alpha=0.16, linewidth=0)
        axes.plot(steps, middle, label=_name(curve, curves), **look)
        if curve.svi and curve.svi < len(curve.values):
            label = None if marked else "the finish begins (L-BFGS)"
            place, marked = curve.svi, True
            axes.plot(place, curve.values[place - 1], "D", ms=6, mfc="white", mec=look["color"], zorder=3, label=label)
    if best is not None:
        axes.axhline(best, color=style.INK, linewidth=1, linestyle=(0, (1, 2)), label=best_label)
    axes.set_ylim(*window([c.values for c in curves], best))
    axes.set_xlim(0, max(len(c.values) for c in curves))
    axes.set_xlabel("step")
    axes.set_ylabel(f"{objective} (nats)")
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    axes.grid(axis="y")
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower left", ncols=3, columnspacing=1.4)
    return figure


def thinned(values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return a noisy curve in at most `POINTS` bins: middle step, median, and the 10 and 90 per cent points.

    >>> [v.tolist() for v in thinned(np.array([1.0, 3.0]))]
    [[0.0, 1.0], [1.0, 3.0], [1.0, 3.0], [1.0, 3.0]]
    """
    bins = np.array_split(np.asarray(values, float), min(POINTS, len(values)))
    ends = np.cumsum([len(b) for b in bins])
    low, middle, high = np.array([np.quantile(b, (0.1, 0.5, 0.9)) for b in bins]).T
    return ends - (np.array([len(b) for b in bins]) + 1) / 2, middle, low, high


def window(curves: Sequence[np.ndarray], best: float | None = None) -> tuple[float, float]:
    """Return the range of values worth showing: where the curves end, and the last `CLIMB` nats before."""
    smooth = [np.stack(thinned(v)[1:]) for v in curves]  # median, 10 and 90 per cent points
    smooth = [np.where(np.isfinite(v), v, np.nan) for v in smooth if np.isfinite(v).any()] or [np.zeros((3, 1))]
    late = np.concatenate([v[:, v.shape[1] // 20 :] for v in smooth], 1)
    top = float(np.nanquantile(late[2], 0.98))
    top = top if best is None else max(top, best)
    spread = top - float(np.nanquantile(late[0], 0.08))
    start = min(float(np.nanmin(v[0])) for v in smooth)
    low = max(start, top - max(CLIMB, 1.8 * spread))
    pad = 0.06 * max(top - low, 1e-3 * max(1.0, abs(top)))
    return low - pad, top + pad


def _name(curve: Curve, curves: Sequence[Curve]) -> str:
    backend = style.BACKEND_TITLES.get(curve.backend, curve.backend)
    return backend if len({c.label for c in curves}) == 1 else f"{curve.label}, {backend}"


@style.styled
def guide_gaps(scores: Sequence[Score], xlabel: str, marks: Mapping[str, float]) -> Figure:
    """Draw each guide's ELBO, or how far it is from the evidence, by backend, with its error.

    Args:
        scores: in nats.
        xlabel: says what the numbers are.
        marks: lines to compare with, name to nats, such as {"exact": 0.0}.
    """
    scores = [s for s in scores if s.value is not None and np.isfinite(s.value)]
    figure, axes = _by_guide(scores)
    _scores(axes, scores)
    for k, (name, value) in enumerate(sorted(marks.items(), key=lambda mark: mark[1])):
        axes.axvline(value, color=style.INK, linewidth=1, linestyle=(0, (1, 2)))
        axes.annotate(name, (value, 1), (0, 2 + 11 * (k % 2)), xycoords=("data", "axes fraction"),
                      textcoords="offset points", fontsize=9, va="bottom", ha="center")  # fmt: skip
    axes.margins(x=0.08)
    axes.set_xlabel(xlabel)
    return figure


@style.styled
def guide_k_hats(scores: Sequence[Score]) -> Figure:
    """Draw each guide's Pareto k̂ by backend; the ground above 0.7 says what it means."""
    scores = [s for s in scores if s.value is not None and np.isfinite(s.value)]
    figure, axes = _by_guide(scores)
    _scores(axes, scores)
    values = [s.value for s in scores if s.value is not None]
    right = max([1.25, *(1.1 * v for v in values)])
    left = min([-0.1, *(v - 0.08 for v in values)])
    axes.set_xlim(left, right)
    axes.axvspan(TRUSTED_K_HAT, right, color=style.RULE, alpha=0.55, linewidth=0, zorder=0)
    axes.text(
        (TRUSTED_K_HAT + right) / 2,
        1.02,
        "not to be trusted",
        transform=axes.get_xaxis_transform(),
        ha="center",
        va="bottom",
        fontsize=9,
    )
    axes.set_xlabel(f"Pareto k̂ of the guide (limit {TRUSTED_K_HAT:g})")
    return figure


def _by_guide(scores: Sequence[Score]) -> tuple[Figure, Axes]:
    guides = list(dict.fromkeys(s.guide for s in scores))
    figure, axes = style.panel(height=1.25 + 0.36 * len(guides))
    axes.set_yticks(range(len(guides)), guides)
    axes.set_ylim(len(guides) - 0.45, -0.55)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x")
    axes.xaxis.set_major_formatter(FuncFormatter(lambda v, _: f"{v:g}".replace("-", "−")))
    axes.xaxis.set_major_locator(MaxNLocator(5))
    return figure, axes


def _scores(axes: Axes, scores: Sequence[Score]) -> None:
    guides = list(dict.fromkeys(s.guide for s in scores))
    backends = sorted({s.backend for s in scores})
    for k, backend in enumerate(backends):
        colour, mark = style.BACKEND_COLOURS.get(backend, style.GREEN), style.BACKEND_MARKS.get(backend, "s")
        shift = 0.22 * (k - (len(backends) - 1) / 2)
        shown = [s for s in scores if s.backend == backend]
        y = np.array([guides.index(s.guide) + shift for s in shown])
        x = np.array([s.value for s in shown], float)
        axes.errorbar(
            x,
            y,
            xerr=[2 * s.error for s in shown],
            fmt=mark,
            color=colour,
            markersize=5.5,
            elinewidth=1.2,
            capsize=2.5,
            label=style.BACKEND_TITLES.get(backend, backend),
        )
        for s, yy in zip(shown, y, strict=True):
            if s.lowest is not None and s.highest is not None:
                axes.plot([s.lowest, s.highest], [yy, yy], color=colour, linewidth=4, alpha=0.25)
    axes.figure.legend(*axes.get_legend_handles_labels(), loc="outside lower left", ncols=len(backends))


@style.styled
def counts(shares: Mapping[str, np.ndarray], xlabel: str, ylabel: str) -> Figure:
    """Draw distributions of a number, side by side: bars for what was learnt, a step line for the prior.

    Args:
        shares: backend, or the name of another source, to the probability of 0, 1, … (count,).
        xlabel, ylabel: of the axes.
    """
    figure, axes = style.panel()
    bars = [name for name in shares if name in style.BACKEND_COLOURS]
    width = 0.8 / max(1, len(bars))
    for i, name in enumerate(bars):
        at = np.arange(len(shares[name])) + (i - (len(bars) - 1) / 2) * width
        axes.bar(at, shares[name], width, color=style.BACKEND_COLOURS[name], label=style.BACKEND_TITLES[name])
    for name, values in shares.items():
        if name not in bars:
            axes.stairs(values, np.arange(len(values) + 1) - 0.5, color=style.INK, linestyle=":", label=name)
    used = np.flatnonzero(np.max(list(shares.values()), axis=0) > 1e-3)
    axes.set_xlim(used[0] - 0.6, used[-1] + 0.6)
    axes.set_xlabel(xlabel)
    axes.set_ylabel(ylabel)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend()
    return figure


@style.styled
def likelihood_by_k(results: Mapping[str, Mapping[int, float]], xlabel: str, ylabel: str) -> Figure:
    """Draw log-likelihoods against the number of components, one mark a source.

    Args:
        results: backend, or the name of another source, to {K: value}.
        xlabel, ylabel: with units.
    """
    figure, axes = style.panel()
    for name, values in results.items():
        points = (list(values), list(values.values()))
        if name in style.BACKEND_COLOURS:
            hollow: dict[str, Any] = (
                {"markersize": 9, "markerfacecolor": "none"} if name == "pyro" else {"markersize": 4.5}
            )
            axes.plot(
                *points,
                marker=style.BACKEND_MARKS[name],
                label=style.BACKEND_TITLES[name],
                **hollow,
                **style.backend_look(name),
            )
        else:
            axes.plot(*points, "+", color=style.INK, markersize=14, label=name)
    axes.set_xlabel(xlabel)
    axes.set_ylabel(ylabel)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(axis="y")
    axes.legend(loc="lower right")
    return figure
