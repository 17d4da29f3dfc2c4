"""Data and densities as figures: heights with their curves, mixtures with ellipses, posteriors of latents.

Densities and draws come in as arrays; nothing is inferred here; draws are binned or smoothed, no more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Ellipse
from scipy.stats import gaussian_kde

from zoo.report import style


@dataclass(frozen=True)
class Line:
    """A density over a grid.

    Args:
        label: for the legend.
        x, y: the grid and the density on it, (points,).
        look: keywords of `Axes.plot`, such as `style.backend_look("pyro")`.
    """

    label: str
    x: np.ndarray
    y: np.ndarray
    look: Mapping[str, Any] = field(default_factory=dict)


EXACT_LOOK: dict[str, Any] = {"color": style.INK, "linestyle": (0, (1, 1.6)), "linewidth": 2.2, "zorder": 5}


@style.styled
def heights(x: np.ndarray, lines: Sequence[Line], xlabel: str, ylabel: str, bins: int | None = None) -> Figure:
    """Draw one column of data as a histogram with its points below, and densities over it.

    Args:
        x: data, (n,).
        lines: densities, in the data's unit.
        xlabel, ylabel: with units.
        bins: of the histogram; None chooses by the number of rows.
    """
    figure, axes = style.panel()
    axes.hist(
        x,
        bins=bins or max(5, round(2 * len(x) ** (1 / 3))),
        density=True,
        color=style.OBSERVED,
        alpha=0.55,
        edgecolor=style.PAPER,
        linewidth=0.8,
        label=f"data, {len(x)} rows",
    )
    for line in lines:
        axes.plot(line.x, line.y, label=line.label, **line.look)
    shown = axes.get_ylim()[1]
    axes.plot(x, np.full(len(x), -0.035 * shown), "|", color=style.INK, markersize=8, markeredgewidth=0.9)
    axes.set_ylim(-0.07 * shown, 1.38 * shown)
    axes.set_xlabel(xlabel)
    axes.set_ylabel(ylabel)
    axes.legend(loc="upper left", ncols=1 if len(lines) < 2 else 2, columnspacing=1.2)
    return figure


@style.styled
def posterior(draws: Mapping[str, np.ndarray], exact: Line | None, xlabel: str, ylabel: str) -> Figure:
    """Draw a latent's posterior by several guides against the exact density.

    Args:
        draws: guide name, or "nuts", to its draws, (draws,). NUTS is drawn as filled ground, a guide as a
            smoothed curve; one without spread is left out.
        exact: the exact density.
        xlabel, ylabel: with units.
    """
    figure, axes = style.panel(height=style.HEIGHT + 0.25)
    everything = np.concatenate([np.ravel(d) for d in draws.values()])
    low, high = np.quantile(everything, (0.002, 0.995))
    grid = np.linspace(low, high, 160)
    for name, values in draws.items():
        if name == "nuts":
            axes.hist(
                np.ravel(values),
                list(np.linspace(low, high, 37)),
                density=True,
                color=style.OBSERVED,
                alpha=0.6,
                linewidth=0,
                label="NUTS",
            )
        elif np.ptp(values) > 0:
            axes.plot(grid, smoothed(np.ravel(values), grid), label=name, **style.guide_look(name))
    if exact is not None:
        axes.plot(exact.x, exact.y, label=exact.label, **(EXACT_LOOK | dict(exact.look)))
    axes.set_xlim(low, high)
    axes.set_ylim(0, None)
    axes.set_xlabel(xlabel)
    axes.set_ylabel(ylabel)
    axes.figure.legend(*axes.get_legend_handles_labels(), loc="outside upper left", ncols=3, columnspacing=1.2)
    return figure


def smoothed(values: np.ndarray, grid: np.ndarray) -> np.ndarray:
    """Return the kernel density of draws at each point; that of their logarithms where all are positive.

    Logarithms keep the peak of a skewed density. The bandwidth is three quarters of Scott's rule, which would
    show every density some 3 % too low at its peak for 1,000 draws.

    Args:
        values: draws, (draws,).
        grid: (points,); positive where all draws are.
    """
    positive = bool(values.min() > 0 and grid.min() > 0)
    inner, points = (np.log(values), np.log(grid)) if positive else (values, grid)
    density = gaussian_kde(inner, lambda kernel: 0.75 * kernel.scotts_factor())(points)
    return density / grid if positive else density


@dataclass(frozen=True)
class Mixture:
    """A fitted mixture in two dimensions.

    Args:
        loc: means, (component, 2).
        covariance: (component, 2, 2).
        responsibilities: of each point, (n, component).
    """

    loc: np.ndarray
    covariance: np.ndarray
    responsibilities: np.ndarray


@style.styled
def mixture(
    x: np.ndarray,
    fitted: Mixture,
    grid: tuple[np.ndarray, np.ndarray, np.ndarray] | None,
    xlabel: str,
    ylabel: str,
) -> Figure:
    """Draw points in their components' colours, mixed by responsibility; ellipses; contours of the density.

    Args:
        x: points, (n, 2).
        fitted: the mixture.
        grid: columns (a,), rows (b,) and the log density there (b, a), for contours; or None.
        xlabel, ylabel: with units.
    """
    figure, axes = style.panel(height=style.HEIGHT + 0.45)
    palette = np.array([to_rgb(c) for c in (style.BLUE, style.ORANGE, style.GREEN, style.PURPLE, style.SKY)])
    order = np.argsort(fitted.loc[:, 0])
    base = palette[np.arange(len(order)) % len(palette)]
    if grid is not None:
        columns, rows, density = grid
        top = density.max()
        axes.contour(
            columns,
            rows,
            density,
            levels=top + np.array([-6.0, -4.5, -3.0, -2.0, -1.0, -0.3]),
            colors=style.OBSERVED,
            linewidths=0.8,
            linestyles="solid",
        )
    colours = np.clip(fitted.responsibilities[:, order] @ base, 0, 1)
    axes.scatter(x[:, 0], x[:, 1], s=13, c=colours, linewidths=0, alpha=0.85, zorder=3)
    for k, component in enumerate(order):
        for sds, width in ((1, 1.8), (2, 1.0)):
            axes.add_patch(_ellipse(fitted.loc[component], fitted.covariance[component], sds, width, tuple(base[k])))
        axes.plot(*fitted.loc[component], marker="+", color=style.INK, markersize=9, markeredgewidth=1.6, zorder=5)
    axes.set_xlabel(xlabel)
    axes.set_ylabel(ylabel)
    axes.margins(0.06)
    return figure


def _ellipse(loc: np.ndarray, covariance: np.ndarray, sds: float, width: float, colour: tuple[float, ...]) -> Ellipse:
    values, vectors = np.linalg.eigh(covariance)
    across, along = 2 * sds * np.sqrt(np.maximum(values, 0))
    angle = float(np.degrees(np.arctan2(vectors[1, 1], vectors[0, 1])))
    return Ellipse(
        (float(loc[0]), float(loc[1])),
        along,
        across,
        angle=angle,
        fill=False,
        edgecolor=colour,
        linewidth=width,
        zorder=4,
    )
