"""Figures of series with hidden states: what was observed, what the states say of it, and how sure they are."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from zoo.report import style

STATES = (style.SKY, style.ORANGE, style.PURPLE, style.GREEN, style.BLUE)  # told apart by their order too


@style.styled
def states(
    x: np.ndarray,
    time: np.ndarray,
    path: np.ndarray,
    level: np.ndarray,
    probs: np.ndarray,
    names: Sequence[str],
    xlabel: str,
    ylabel: str,
) -> Figure:
    """Draw a series over its states' levels along the most probable path, and below it each state's probability.

    Args:
        x: the series (T,).
        time: of its steps (T,).
        path: the most probable state of each step (T,).
        level: mean of each state (K,), the states in the order in which they are to be stacked.
        probs: of each state at each step (T, K).
        names: of the states, for the legend.
        xlabel, ylabel: with units.
    """
    figure = Figure(figsize=(style.WIDTH, style.HEIGHT + 1.1), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(2, 1))
    above.plot(time, x, color=style.OBSERVED, linewidth=0.9, zorder=1)
    for k, name in enumerate(names):
        here = path == k
        colour = STATES[k % len(STATES)]
        above.scatter(time[here], x[here], s=11, color=colour, label=name, zorder=3, linewidths=0)
    edges = np.append(time, time[-1] + (time[-1] - time[-2])) - 0.5 * (time[1] - time[0])
    above.stairs(level[path], edges, baseline=None, color=style.INK, linewidth=1.4, zorder=2)
    above.set_ylabel(ylabel)
    above.legend(ncols=len(names), loc="lower left", bbox_to_anchor=(0, 1), borderaxespad=0.2, handletextpad=0.2)
    above.margins(x=0.01)
    below.stackplot(time, probs.T, colors=[STATES[k % len(STATES)] for k in range(len(names))], step="mid")
    below.set_ylim(0, 1)
    below.set_ylabel("probability")
    below.set_xlabel(xlabel)
    return figure


@style.styled
def ahead(states_: np.ndarray, settled: np.ndarray, names: Sequence[str], xlabel: str) -> Figure:
    """Draw how the states' probabilities move from what is known now to what holds in the long run.

    Args:
        states_: probability of each state by step ahead (steps, K).
        settled: probabilities in the long run (K,).
        names: of the states.
        xlabel: what a step is.
    """
    figure, axes = style.panel()
    steps = np.arange(1, len(states_) + 1)
    for k, name in enumerate(names):
        colour = STATES[k % len(STATES)]
        axes.plot(steps, states_[:, k], color=colour, marker="osD^v"[k % 5], markersize=4, label=name)
        axes.axhline(settled[k], color=colour, linewidth=0.9, linestyle=":")
    axes.set_ylim(0, 1)
    axes.set_xlabel(xlabel)
    axes.set_ylabel("probability")
    axes.legend()
    return figure
