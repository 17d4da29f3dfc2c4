"""The figure of `zoo compare`: what each guide loses, by backend."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matplotlib.figure import Figure

from zoo.report.plots import Score, guide_gaps

if TYPE_CHECKING:
    from zoo.compare import Comparison


def figure(comparison: Comparison) -> Figure | None:
    """Draw the gap of every guide to the evidence; where that is not known, to the best ELBO of the grid.

    Returns:
        The figure, or None where no cell has an ELBO.
    """
    rows = [row for row in comparison.summary if row["elbo"] is not None]
    if not rows:
        return None
    known = all(row["gap"] is not None for row in rows)
    best = max(row["elbo"] for row in rows)
    several = len({row["local"] for row in rows}) > 1
    scores = [
        Score(
            f"{row['guide']}, {row['local']}" if several else row["guide"],
            row["backend"],
            row["gap"] if known else best - row["elbo"],
            row["gap_error" if known else "elbo_error"] or 0.0,
        )
        for row in rows
    ]
    words = "evidence − ELBO" if known else "ELBO below the best of the grid"
    return guide_gaps(scores, f"{words} / nats", {"exact": 0.0} if known else {})
