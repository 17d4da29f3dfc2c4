"""Labelled strings as figures: what was seen above what was read, and which label speaks for which."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from zoo.report import style
from zoo.report.images import GAP, _show, mosaic

LINE = 0.17  # inches of a line of labels


@style.styled
def labelled(
    images: np.ndarray, shape: tuple[int, int], truth: Sequence[int], read: Mapping[str, Sequence[int]], top: float
) -> Figure:
    """Draw a string: its images, the true labels below them, and what each reader made of it, wrong ones marked.

    Args:
        images: one a step (T, height × width).
        shape: height and width.
        truth: the labels.
        read: name of a reader to its labels.
        top: the value that is drawn black.
    """
    lines = {"true": truth, **read}
    # As wide as twelve images, so that all strings are of one scale.
    room = np.full((max(12, len(images)), images.shape[1]), np.nan)
    room[: len(images)] = images
    foot = LINE * (len(lines) + 0.5)
    figure, axes = _show(mosaic(room, shape, len(room)), top, head=foot, left=0.95)
    box = axes.get_position()
    axes.set_position((box.x0, 1 - box.height, box.width, box.height))
    size = figure.get_figheight() * box.height * 72
    for line, (name, labels) in enumerate(lines.items()):
        down = -(size + 72 * LINE * (line + 0.8))
        axes.annotate(name, (0, 1), (-6, down), xycoords="axes fraction", textcoords="offset points", ha="right",
                      va="center", fontsize=8, annotation_clip=False)  # fmt: skip
        for t, label in enumerate(labels):
            wrong = label != truth[t]
            share = (t * (shape[1] + GAP) + shape[1] / 2) / (len(room) * (shape[1] + GAP) - GAP)
            axes.annotate(
                str(label),
                (share, 1),
                (0, down),
                xycoords="axes fraction",
                textcoords="offset points",
                ha="center",
                va="center",
                fontsize=9,
                fontweight="bold" if wrong else "normal",
                color=style.VERMILION if wrong else style.INK,
                annotation_clip=False,
            )
    return figure


@style.styled
def moves(values: np.ndarray, xlabel: str, ylabel: str, title: str) -> Figure:
    """Draw a matrix of potentials as squares, dark for what speaks for a move.

    Args:
        values: potential of a move from the row's label to the column's (K, K).
        xlabel, ylabel: of the column's label and of the row's.
        title: what the squares are, and their unit.
    """
    figure, axes = style.panel(3.6, 3.4)
    drawn = axes.imshow(values, "gray_r", interpolation="none")
    figure.colorbar(drawn, ax=axes, shrink=0.8)
    axes.set_xticks(range(len(values)))
    axes.set_yticks(range(len(values)))
    axes.tick_params(length=0)
    axes.set_xlabel(xlabel)
    axes.set_ylabel(ylabel)
    axes.set_title(title)
    return figure
