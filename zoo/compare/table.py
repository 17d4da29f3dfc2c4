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
    "elbo_sd": "sd over\nseeds",
    "gap": "gap",
    "k_hat": "k-hat",
    "worst_mean_error": "mean\noff by",
    "worst_sd_error": "sd\noff by",
    "num_parameters": "para-\nmeters",
    "num_steps": "steps",
    "seconds_compile": "compile\ns",
    "seconds_learn": "learn\ns",
}
# What gives way where there is no room: first a column with the same in every row, said below the table.
_ALIKE = ("num_steps", "local", "fits", "backend")
_SPARE = ("num_steps", "seconds_compile", "num_parameters", "fits", "elbo_sd", "seconds_learn", "worst_sd_error")
_GAP = "  "


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
    late = [row for row in good if str(row.get("status", "")).startswith("not converged")]
    notes |= dict.fromkeys(f"seed {row['seed']} {row['status']}" for row in late)
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


def lines(summary: Sequence[Mapping[str, Any]], width: int | None = None) -> list[str]:
    """Return summary rows as lines with columns aligned, the headings first; empty columns are left out.

    Args:
        summary: rows of `over_seeds`.
        width: most characters of a row: columns give way until it fits, and lines at the end say which.
    """
    cells = dict(zip(_HEADINGS, zip(*(list(_shown(row)) for row in summary), strict=True), strict=True))
    columns = {name: [*_heading(name), *found] for name, found in cells.items() if set(found) != {NOTHING}}
    alike = [name for name in _ALIKE if len(summary) > 1 and len(set(cells[name])) == 1]
    said, gone = [], []
    for name in (name for name in dict.fromkeys([*alike, *_SPARE]) if name in columns):
        if width is None or sum(max(map(len, c)) + len(_GAP) for c in columns.values()) - len(_GAP) <= width:
            break
        del columns[name]
        words = " ".join(_HEADINGS[name].split()).replace("- ", "")
        if name in alike:
            said.append(f"{words} {cells[name][0]}")
        else:
            gone.append(words)
    padded = [[cell.ljust(max(map(len, column))) for cell in column] for column in columns.values()]
    notes = [f"in every row: {', '.join(said)}"] if said else []
    notes += [f"left out to fit: {', '.join(gone)}"] if gone else []
    return [_GAP.join(row).rstrip() for row in zip(*padded, strict=True)] + (["", *notes] if notes else [])


def _heading(name: str) -> list[str]:
    """Return a heading's two lines."""
    first, _, second = _HEADINGS[name].partition("\n")
    return [first, second]
