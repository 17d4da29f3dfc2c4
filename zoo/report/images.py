"""Images and codes as figures: samples beside their neighbours, reconstructions, traversals, latent space, bars.

Pixels, codes and shares come in as arrays (`zoo.pictures` computes them). A set of images is one mosaic: it goes
into the SVG as one small bitmap that browsers enlarge without smoothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

from zoo.report import style

# M. A. Petroff (2021), "Accessible color sequences for data visualization", arXiv:2107.02270, ten colours.
TEN = (
    "#3f90da", "#ffa90e", "#bd1f01", "#94a4a2", "#832db6",
    "#a96b59", "#e76300", "#b9ac70", "#717581", "#92dadd",
)  # fmt: skip
GAP = 1  # pixels between images; pairs are three apart


def mosaic(images: np.ndarray, shape: tuple[int, int], columns: int, gaps: tuple[int, int] = (GAP, GAP)) -> np.ndarray:
    """Lay images out row by row in one array, NaN between them.

    Args:
        images: (n, height × width).
        shape: height and width.
        columns: images a row.
        gaps: pixels between rows and between columns.

    >>> mosaic(np.array([[1.0], [2.0], [3.0]]), (1, 1), 2).tolist()
    [[1.0, nan, 2.0], [nan, nan, nan], [3.0, nan, nan]]
    """
    height, width = (side + gap for side, gap in zip(shape, gaps, strict=True))
    rows = -(-len(images) // columns)
    out = np.full((rows * height, columns * width), np.nan)
    for i, image in enumerate(np.asarray(images, float).reshape(-1, *shape)):
        top, left = (i // columns) * height, (i % columns) * width
        out[top : top + shape[0], left : left + shape[1]] = image
    return out[: out.shape[0] - gaps[0], : out.shape[1] - gaps[1]]


def _show(pixels: np.ndarray, top: float, head: float = 0.0, left: float = 0.0) -> tuple[Figure, Axes]:
    """Draw a mosaic as wide as the panel, dark ink on white; `head` inches above and `left` inches beside it."""
    inner = style.WIDTH - left
    tall = inner * pixels.shape[0] / pixels.shape[1]
    figure = Figure(figsize=(style.WIDTH, tall + head))
    axes = figure.add_axes((left / style.WIDTH, 0, inner / style.WIDTH, tall / (tall + head)))
    axes.imshow(pixels, "gray_r", vmin=0, vmax=top, interpolation="none", aspect="auto")
    axes.set_axis_off()
    return figure, axes


@style.styled
def beside(
    left: np.ndarray,
    right: np.ndarray,
    shape: tuple[int, int],
    titles: tuple[str, str] = ("new", "nearest"),
    pairs: int = 5,
    top: float = 1.0,
) -> Figure:
    """Draw pairs of images: a sample at the left, its nearest row of the data at the right.

    Args:
        left, right: (n, height × width).
        shape: height and width.
        titles: of the two, above each pair's column.
        pairs: a row.
        top: the value that is drawn black.
    """
    both = [mosaic(np.stack(two), shape, 2, (0, GAP)) for two in zip(left, right, strict=True)]
    wide = 2 * shape[1] + GAP
    pixels = mosaic(np.stack(both).reshape(len(both), -1), (shape[0], wide), pairs, (GAP, 3 * GAP))
    figure, axes = _show(pixels, top, head=0.22)
    for pair in range(min(pairs, len(both))):
        for side, words in enumerate(titles):
            centre = pair * (wide + 3 * GAP) + side * (shape[1] + GAP) + (shape[1] - 1) / 2
            axes.annotate(words, (centre, -0.5), (0, 3), textcoords="offset points", ha="center", va="bottom",
                          fontsize=7.5, annotation_clip=False)  # fmt: skip
    return figure


@style.styled
def reconstructions(
    rows: Mapping[str, np.ndarray], shape: tuple[int, int], columns: int = 10, top: float = 1.0
) -> Figure:
    """Draw images one below the other, the same row in the same column.

    Args:
        rows: name to images (n, height × width), such as "data", "Pyro".
        shape: height and width.
        columns: a line; what is beyond begins another block of lines.
        top: the value that is drawn black.
    """
    count = len(next(iter(rows.values())))
    blocks = [
        np.stack([images[i] for images in rows.values()]).reshape(len(rows), *shape).reshape(len(rows), -1)
        for i in range(count)
    ]
    # Each column of a block is one tall image: the row and what came of it.
    tall = len(rows) * (shape[0] + GAP) - GAP
    stacked = np.stack([mosaic(b, shape, 1).ravel() for b in blocks])
    figure, axes = _show(mosaic(stacked, (tall, shape[1]), columns, (4 * GAP, GAP)), top, left=0.72)
    for block in range(-(-count // columns)):
        for line, name in enumerate(rows):
            middle = block * (tall + 4 * GAP) + line * (shape[0] + GAP) + (shape[0] - 1) / 2
            axes.annotate(name, (-0.5, middle), (-4, 0), textcoords="offset points", ha="right", va="center",
                          fontsize=8.5, annotation_clip=False)  # fmt: skip
    return figure


@style.styled
def grid(
    images: np.ndarray, shape: tuple[int, int], columns: int, xlabel: str = "", ylabel: str = "", top: float = 1.0
) -> Figure:
    """Draw images in a grid, such as a traversal's.

    Args:
        images: (n, height × width), row by row from the top.
        shape: height and width.
        columns: images a row.
        xlabel, ylabel: what changes from left to right and from below to above; empty where nothing does.
        top: the value that is drawn black.
    """
    figure, axes = _show(mosaic(images, shape, columns), top, head=0.24 if xlabel else 0.0, left=0.24 if ylabel else 0)
    if xlabel:
        axes.set_title(xlabel, loc="center", fontsize=9, pad=3)
    if ylabel:
        axes.annotate(ylabel, (0, 0.5), (-4, 0), xycoords="axes fraction", textcoords="offset points", rotation=90,
                      ha="right", va="center", fontsize=9, annotation_clip=False)  # fmt: skip
    return figure


def principal(codes: np.ndarray) -> np.ndarray:
    """Return codes on their two leading principal axes, centred (n, 2), the larger spread first.

    >>> principal(np.array([[0.0, 0, 3], [0, 1, 0], [0, 0, -3], [0, -1, 0]])).round(6).tolist()
    [[3.0, 0.0], [0.0, 1.0], [-3.0, 0.0], [0.0, -1.0]]
    """
    centred = codes - codes.mean(0)
    axes = np.linalg.svd(centred, full_matrices=False)[2][:2]
    # An axis may point either way; its largest entry is made positive.
    return centred @ (axes * np.sign(axes[np.arange(2), np.abs(axes).argmax(1)])[:, None]).T


@style.styled
def latent_space(codes: np.ndarray, labels: np.ndarray, names: Sequence[str] | None = None) -> Figure:
    """Draw codes coloured by class, each class named at its mean.

    Args:
        codes: (n, L), L at least 2; more than two are shown on their two leading principal axes, and the axes say so.
        labels: classes (n,), ten at most have colours of their own.
        names: of the classes in order; the labels themselves by default.
    """
    figure, axes = style.panel(height=style.WIDTH * 0.92)
    shown = codes if codes.shape[1] == 2 else principal(codes)
    classes = np.unique(labels)
    for k, label in enumerate(classes):
        where = shown[labels == label]
        axes.scatter(where[:, 0], where[:, 1], s=9, color=TEN[k % len(TEN)], alpha=0.75, linewidths=0)
    for k, label in enumerate(classes):
        words = str(label) if names is None else names[k]
        size = 12 if len(words) < 3 else 9.5
        axes.annotate(words, shown[labels == label].mean(0), ha="center", va="center", fontsize=size, fontweight="bold",
                      color=style.INK, path_effects=[withStroke(linewidth=3, foreground=style.PAPER)])  # fmt: skip
    what = ("first number of the code", "second number of the code")
    if codes.shape[1] > 2:
        what = tuple(f"{n} of the {codes.shape[1]} codes' principal axes" for n in ("first", "second"))  # type: ignore[assignment]
    axes.set_xlabel(what[0])
    axes.set_ylabel(what[1])
    axes.margins(0.05)
    return figure


@style.styled
def distances(samples: Mapping[str, np.ndarray], between: np.ndarray, xlabel: str) -> Figure:
    """Draw how far samples are from their nearest rows over how far the rows are from each other.

    Args:
        samples: name, such as a backend's, to distances (n,).
        between: the rows' own (m,).
        xlabel: with the unit.
    """
    figure, axes = style.panel(height=style.HEIGHT - 0.3)
    high = max(float(np.quantile(v, 0.995)) for v in (between, *samples.values()))
    bins = list(np.linspace(0, high, 37))
    axes.hist(between, bins, density=True, color=style.OBSERVED, alpha=0.65, linewidth=0, label="row to nearest row")
    for name, values in samples.items():
        look = style.backend_look(name)
        title = style.BACKEND_TITLES.get(name, name)
        axes.hist(values, bins, density=True, histtype="step", linewidth=1.6, label=f"sample to row, {title}", **look)
    axes.set_xlim(0, high)
    axes.set_xlabel(xlabel)
    axes.set_ylabel("density")
    axes.figure.legend(*axes.get_legend_handles_labels(), loc="outside upper left", ncols=1)
    return figure


@style.styled
def bars(
    names: Sequence[str],
    values: Mapping[str, Sequence[float | None]],
    xlabel: str,
    log: bool = False,
    mark: tuple[float, str] | None = None,
) -> Figure:
    """Draw horizontal bars in groups, one bar a source, longest names at the left.

    Args:
        names: of the groups, from the top.
        values: source ("data", a backend) to one value a group, None where there is none.
        xlabel: with the unit.
        log: a logarithmic axis; it begins a factor of 3 below the smallest value, as there is no zero.
        mark: a line to compare with, and its name.
    """
    figure, axes = style.panel(height=1.1 + len(names) * (0.12 + 0.17 * len(values)))
    thick = 0.8 / len(values)
    found = [v for each in values.values() for v in each if v is not None and (v > 0 or not log)]
    found += [mark[0]] if mark is not None else []
    start = min(found, default=1.0) / 3 if log else 0.0
    for k, (source, each) in enumerate(values.items()):
        at = [(i, v) for i, v in enumerate(each) if v is not None and (v > 0 or not log)]
        look: dict[str, Any] = {"color": style.BACKEND_COLOURS.get(source, style.OBSERVED)}
        axes.barh([i + (k - (len(values) - 1) / 2) * thick for i, _ in at], [v - start for _, v in at], 0.9 * thick,
                  left=start, label=style.BACKEND_TITLES.get(source, source), **look)  # fmt: skip
    if log:
        axes.set_xscale("log")
        axes.set_xlim(start, 2 * max(found, default=1.0))
    if mark is not None:
        axes.axvline(mark[0], color=style.INK, linewidth=1, linestyle=(0, (1, 2)), label=mark[1])
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel(xlabel)
    axes.grid(axis="x")
    axes.set_axisbelow(True)
    axes.figure.legend(*axes.get_legend_handles_labels(), loc="outside lower left", ncols=3, columnspacing=1.2)
    return figure


@style.styled
def shares(counts: Mapping[str, np.ndarray]) -> Figure:
    """Draw how often each code is used, the most used first, beside an even share.

    Args:
        counts: source, such as a backend, to each code's count (K,).
    """
    figure, axes = style.panel(height=style.HEIGHT - 0.5)
    for name, each in counts.items():
        order = np.sort(each)[::-1] / each.sum()
        label = style.BACKEND_TITLES.get(name, name)
        axes.step(np.arange(len(each)) + 1, order, where="mid", label=label, **style.backend_look(name))
    size = max(len(each) for each in counts.values())
    axes.axhline(1 / size, color=style.INK, linewidth=1, linestyle=(0, (1, 2)), label=f"even, 1/{size}")
    axes.set(xlim=(0.5, size + 0.5), xlabel="code, the most used first", ylabel="share of all positions")
    axes.set_ylim(bottom=0)
    axes.legend(loc="upper right")
    return figure
