"""The figures of `zoo gaps`: what each arm loses, and how heavy the tails of its importance weights are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from zoo.estimators import TRUSTED_K_HAT
from zoo.report import style

if TYPE_CHECKING:
    from zoo.gaps import Gaps

PARTS = (
    ("approximation_gap", "approximation", style.BLUE, ""),
    ("amortization_gap", "amortization", style.ORANGE, "//"),
)
DASHES = ("-", (0, (4, 2)), (0, (1.2, 1.4)), (0, (5, 1.5, 1.2, 1.5)))
LEAST, MOST = -0.5, 1.5  # of k̂ in the histogram; what lies beyond is counted at the ends


@style.styled
def gap_bars(found: Gaps) -> Figure | None:
    """Draw each arm's approximation gap, and its amortization gap at the end of it; lines are ± 2 errors.

    An arm that still rises has no amortization gap: its L(q*) − L(q) is drawn open, and its name says so.

    Returns:
        The figure, or None where no arm has a gap.
    """
    pairs = [(arm, row) for arm, row in zip(found.arms, found.table(), strict=True) if arm.own is not None]
    pairs = [pair for pair in pairs if np.isfinite(pair[1]["approximation_gap"])]
    if not pairs:
        return None
    names = [f"{arm.name}\n(still rises)" if arm.rising else arm.name for arm, _ in pairs]
    figure, axes = style.panel(height=1.35 + 0.4 * len(names))
    left = np.zeros(len(names))
    for shift, (word, label, colour, hatch) in zip((-0.14, 0.14), PARTS, strict=True):
        value = np.array([np.nan if row[word] is None else row[word] for _, row in pairs])
        error = np.array([row.get(f"{word}_error") or 0.0 for _, row in pairs])
        axes.barh(range(len(names)), value, left=left, height=0.62, color=colour, hatch=hatch,
                  edgecolor=style.PAPER, linewidth=0.6, label=label)  # fmt: skip
        open_ = [(i, row["difference"]) for i, (_, row) in enumerate(pairs) if row[word] is None]
        if open_:
            places, lengths = zip(*open_, strict=True)
            axes.barh(places, lengths, left=left[list(places)], height=0.62, color="none", edgecolor=colour,
                      linestyle="--", linewidth=1.2, label="L(q*) − L(q), still rises")  # fmt: skip
        left = left + value
        axes.errorbar(left, np.arange(len(names)) + shift, xerr=2 * error, fmt="none", ecolor=style.INK,
                      elinewidth=1.2, capsize=2.5)  # fmt: skip
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.45, -0.55)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x")
    axes.set_axisbelow(True)
    axes.xaxis.set_major_locator(MaxNLocator(4))
    least = "" if found.log_p.exact else ", at least"
    axes.set_xlabel(f"gap{least} / nats a row, mean of {len(found.rows)}")
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower left", ncols=2)
    return figure


@style.styled
def k_hats(found: Gaps) -> Figure | None:
    """Draw how many rows have which Pareto k̂, by arm; the ground above 0.7 says what it means.

    Returns:
        The figure, or None where no arm has a k̂.
    """
    arms = [(arm.name, arm.own.k_hat) for arm in found.arms if arm.own is not None and arm.own.k_hat is not None]
    if not arms:
        return None
    figure, axes = style.panel(height=style.HEIGHT + 0.18 * max(0, len(arms) - 2))
    edges = np.linspace(LEAST, MOST, 41).tolist()
    for i, (name, k_hat) in enumerate(arms):
        # NaN is a tail that could not be fitted: it belongs with the worst.
        values = np.clip(np.where(np.isnan(k_hat), np.inf, k_hat), edges[0], edges[-1])
        axes.hist(values, edges, histtype="step", linewidth=1.6, color=style.CYCLE[i % len(style.CYCLE)],
                  linestyle=DASHES[i % len(DASHES)], label=name)  # fmt: skip
    axes.axvspan(TRUSTED_K_HAT, MOST, color=style.RULE, alpha=0.55, linewidth=0, zorder=0)
    axes.text((TRUSTED_K_HAT + MOST) / 2, 1.02, "not to be trusted", transform=axes.get_xaxis_transform(),
              ha="center", va="bottom", fontsize=9)  # fmt: skip
    axes.set_xlim(LEAST, MOST)
    axes.yaxis.set_major_locator(MaxNLocator(4, integer=True))
    axes.set_xlabel(f"Pareto k̂ of a row (limit {TRUSTED_K_HAT:g})")
    axes.set_ylabel("rows")
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower left", ncols=1)
    return figure
