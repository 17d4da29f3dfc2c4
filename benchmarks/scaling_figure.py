"""The figure of scaling.py: step time and memory as measured, parameters as counted, against the number of rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from zoo.report.style import BACKEND_COLOURS, BACKEND_MARKS, BACKEND_TITLES, SOFT, WIDTH, save, styled

LINES: dict[str, Any] = {
    "per_datapoint": "-",
    "amortized": (0, (6, 2)),
    "table": (0, (4, 1.5, 1.2, 1.5)),
    "stock": (0, (1.2, 1.4)),
}
WORDS = {
    "per_datapoint": "zoo, per_datapoint",
    "amortized": "zoo, amortized",
    "table": "its table's update alone",
    "stock": "stock SVI, whole table",
}


@styled
def draw(measured: Sequence[Mapping[str, Any]], counted: Sequence[Mapping[str, Any]], path: Path) -> Path:
    """Draw three panels against m, and save them.

    Args:
        measured: rows of "arm", "rows", "microseconds", "peak_bytes".
        counted: rows of `scaling.arithmetic`.
        path: of a PNG, SVG or PDF file.
    """
    figure = Figure(figsize=(2.3 * WIDTH, 4.2), layout="constrained")
    step, memory, parameters = figure.subplots(1, 3)
    for arm in dict.fromkeys(row["arm"] for row in measured):
        backend, local = arm.split()
        rows = [row for row in measured if row["arm"] == arm]
        m = [row["rows"] for row in rows]
        look = {"color": BACKEND_COLOURS[backend], "marker": BACKEND_MARKS[backend], "linestyle": LINES[local]}
        step.plot(m, [row["microseconds"] for row in rows], label=f"{BACKEND_TITLES[backend]}, {WORDS[local]}", **look)
        memory.plot(m, [row["peak_bytes"] / 2**20 for row in rows], markersize=4, **look)
    m = np.array([row["rows"] for row in counted])
    memory.plot(
        m[m <= max(row["rows"] for row in measured)],
        [row["table bytes"] / 2**20 for row in counted if row["rows"] <= max(r["rows"] for r in measured)],
        color=SOFT,
        label="counted: the table alone",
    )
    parameters.plot(m, [row["table parameters"] for row in counted], color="black", label="table: 2 × latent × m")
    encoder = counted[0]["encoder parameters"]
    parameters.axhline(encoder, color="black", linestyle=LINES["amortized"], label=f"encoder: {encoder:,}")
    even = encoder * m[0] / counted[0]["table parameters"]
    parameters.plot([even], [encoder], "o", color="black", label=f"break even: m = {even:,.0f}")
    for axes, what in (
        (step, "time of a step / µs (measured)"),
        (memory, "peak memory / MiB (measured)"),
        (parameters, "variational parameters (arithmetic)"),
    ):
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_xlabel("rows of data, m")
        axes.set_ylabel(what)
        axes.grid(visible=True)
    parameters.legend(loc="upper left")
    memory.legend(loc="lower right")
    step.set_title("digits VAE, batch of 128 rows")
    figure.legend(*step.get_legend_handles_labels(), loc="outside lower center", ncols=4)
    return save(figure, path)
