"""Figures of the amortization benchmark: curves against three axes, and the gap on training and on held-out rows."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from zoo.report.style import CYCLE, SOFT, WIDTH, panel, save, styled

LINES: tuple[Any, ...] = ("-", (0, (6, 2)), (0, (3, 1.5)), (0, (5, 1.5, 1.2, 1.5)), (0, (1.2, 1.4)), "-.")
MARKS = ("o", "D", "s", "^", "v", "P")
AXES = (
    ("seconds", "seconds, compilation apart"),
    ("decoder_gradients", "decoder gradients a row"),
    ("epochs", "epochs"),
)
LEAST = 1e-4  # nats: below it a curve is rounding


def look(arms: list[str], arm: str) -> dict[str, Any]:
    """Return an arm's colour and line: told apart without colour too."""
    place = arms.index(arm)
    # Each time that the colours are through, the lines move on by one: no two arms look the same.
    line = LINES[(place + place // len(CYCLE)) % len(LINES)]
    return {"color": CYCLE[place % len(CYCLE)], "linestyle": line}


@styled
def curves(row: Mapping[str, Any], path: Path) -> Path:
    """Draw every run against seconds, decoder gradients and epochs: nats below the optimum, or the ELBO."""
    key = "nats_below" if "nats_below" in row["arms"][0]["curve"] else "elbo"
    figure = Figure(figsize=(2.2 * WIDTH, 3.6), layout="constrained")
    panels = figure.subplots(1, 3, sharey=True)
    arms = list(dict.fromkeys(arm["arm"] for arm in row["arms"]))
    for axes, (axis, words) in zip(panels, AXES, strict=True):
        scale = 1 / row["rows_learnt"] if axis == "decoder_gradients" else 1.0
        for arm in row["arms"]:
            if arm["backend"] == "pyro":
                continue  # its seconds are another library's
            x, y = scale * np.array(arm["curve"][axis][1:]), np.array(arm["curve"][key][1:])
            first = arm["seed"] == row["arms"][0]["seed"]
            y = np.maximum(y, LEAST) if key == "nats_below" else y
            axes.plot(x, y, label=arm["arm"] if first else None, alpha=1.0 if first else 0.45, **look(arms, arm["arm"]))
        axes.set_xscale("log")
        axes.set_xlabel(words)
        axes.grid(visible=True)
    if key == "nats_below":
        panels[0].set_yscale("log")
        for target in (1.0, 0.1, 0.01):
            for axes in panels:
                axes.axhline(target, color=SOFT, linewidth=0.6)
    else:
        _from_where_it_matters(panels[0], row)
    panels[0].set_ylabel("nats a row below the optimum" if key == "nats_below" else "ELBO / nats a row")
    panels[0].set_title(f"{row['experiment']}, {row['case']} ({row['size']})")
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return save(figure, path)


def _from_where_it_matters(axes: Any, row: Mapping[str, Any]) -> None:
    """Cut off the first steps, which would flatten all the rest."""
    seen = [np.array(arm["curve"]["elbo"]) for arm in row["arms"]]
    low, high = min(c[len(c) // 4 :].min() for c in seen), max(c.max() for c in seen)
    axes.set_ylim(low - 0.05 * (high - low), high + 0.05 * (high - low))


@styled
def gaps(row: Mapping[str, Any], path: Path) -> Path:
    """Draw the amortization gap of every run, on training and on held-out rows."""
    rows = [arm for arm in row["arms"] if "train" in arm and arm["backend"] != "pyro"]
    arms = list(dict.fromkeys(arm["arm"] for arm in rows))
    figure, axes = panel(1.4 * WIDTH, 0.9 + 0.42 * len(arms))
    for shift, mark, colour, where in ((-0.13, "o", CYCLE[0], "train"), (0.13, "D", CYCLE[1], "held_out")):
        x = [max(arm[where]["amortization_gap"][0], LEAST) for arm in rows]
        y = [arms.index(arm["arm"]) + shift for arm in rows]
        axes.plot(x, y, mark, color=colour, label=where.replace("_", " ") + " rows", markersize=5, alpha=0.8)
    axes.set_xscale("log")
    axes.set_yticks(range(len(arms)), arms)
    axes.invert_yaxis()
    axes.grid(visible=True, axis="x")
    axes.set_xlabel(f"L(q*) − L(q) / nats a row; {LEAST:g} stands for all below")
    axes.set_title(f"{row['experiment']}, {row['case']} ({row['size']})")
    axes.legend(loc="best")
    return save(figure, path)
