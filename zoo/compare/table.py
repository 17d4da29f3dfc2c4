"""A comparison's rows over seeds, and how they are printed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from zoo.compare.cells import KEYS

NOTHING = "—"
# Over seeds: the mean, or the worst for what a reader must not be spared.
_WORST = ("k_hat", "worst_mean_error", "worst_sd_error")
_MEANS = ("elbo", "evidence", "gap", "num_parameters", "num_steps", "seconds_compile", "seconds_learn")
_ERRORS = ("elbo_error", "gap_error")
_HEADINGS = {
    "guide": "guide",
    "local": "local",
    "backend": "backend",
    "fits": "fits",
    "elbo": "ELBO",
    "elbo_sd": "sd over seeds",
    "gap": "gap",
    "k_hat": "k-hat",
    "worst_mean_error": "mean off by",
    "worst_sd_error": "sd off by",
    "num_parameters": "parameters",
    "num_steps": "steps",
    "seconds_compile": "compile s",
    "seconds_learn": "learn s",
}


def over_seeds(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return one row for the cells that differ in their seed alone."""
    good = [row for row in rows if row["error"] is None]
    result: dict[str, Any] = {key: rows[0][key] for key in KEYS[:-1]}
    result |= {"fits": len(good), "failed": len(rows) - len(good)}

    def values(column: str) -> np.ndarray:
        return np.array([row[column] for row in good if row[column] is not None], dtype=np.float64)

    for column in (*_MEANS, *_WORST, *_ERRORS):
        found = values(column)
        if not found.size:
            result[column] = None
        elif column in _MEANS:
            result[column] = float(found.mean())
        elif column in _WORST:
            result[column] = float(found.max())
        else:
            result[column] = float(np.sqrt(np.sum(found**2)) / len(found))
    elbos = values("elbo")
    result["elbo_sd"] = float(elbos.std(ddof=1)) if len(elbos) > 1 else None
    notes = dict.fromkeys(f"gap {row['gap_note']}" for row in good if row["gap_note"])
    if any(row["k_hat_note"] == "not to be trusted" for row in good):
        notes[f"k̂ {result['k_hat']:.2f}: not to be trusted"] = None
    notes |= dict.fromkeys(f"seed {row['seed']} failed: {row['error']}" for row in rows if row["error"])
    return result | {"notes": list(notes)}


def _shown(row: Mapping[str, Any]) -> Iterator[str]:
    """Yield a summary row's cells as they are printed."""
    for column in _HEADINGS:
        value, error = row[column], row.get(f"{column}_error")
        if column == "fits" and row["failed"]:
            yield f"{value} of {value + row['failed']}"
        elif value is None:
            yield NOTHING
        elif error is not None:
            yield f"{value:.4f} ± {error:.4f}"
        elif column == "elbo_sd":
            yield f"{value:.2g}"
        elif isinstance(value, float):
            yield f"{value:.0f}" if column.startswith("num_") else f"{value:.2f}"
        else:
            yield str(value)


def lines(summary: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return summary rows as lines with columns aligned, the headings first; empty columns are left out."""
    rows = [list(_HEADINGS.values()), *(list(_shown(row)) for row in summary)]
    columns = [column for column in zip(*rows, strict=True) if set(column[1:]) != {NOTHING}]
    padded = [[cell.ljust(max(map(len, column))) for cell in column] for column in columns]
    return ["  ".join(cells).rstrip() for cells in zip(*padded, strict=True)]
