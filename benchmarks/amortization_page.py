"""The page of the amortization benchmark: tables in Markdown beside the JSON that they are read from, and figures."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.amortization_figures import curves, gaps

Row = Mapping[str, Any]
NOTHING = "—"
SETS = ("train", "held_out")
ELSEWHERE = """## What this page does not hold

- Peak memory and the time of a step against the number of rows, 10³ … 10⁶, at a fixed batch: `benchmarks.scaling`.
- At the reduced size: 20 row steps a visit, a wider encoder, 10 seeds, data of MNIST's size, codes of 50 numbers
  (whose log p(x) is a lower bound, by importance sampling or annealing, and is called one), 10⁴ rows of the
  hierarchical normal, and fits of 10⁴ new rows' φ in the autoencoder. All of it is in `--full`.
- Adam is row-wise in every per-datapoint arm: a row that is not visited does not move. A dense Adam would move it by
  momentum, which is another algorithm; see docs/pitfalls.md."""


def write(path: Path) -> list[Path]:
    """Write the page and the figures beside a result, and return their paths.

    Args:
        path: the JSON that the benchmark wrote.
    """
    found = json.loads(path.read_text(encoding="utf-8"))
    figures = []
    for row in found["rows"]:
        if "arms" in row:
            short = re.sub(r"\W+", "_", f"{row['experiment'][:2]}_{row['case']}").lower()
            figures.append((row, curves(row, path.with_name(f"{path.stem}_{short}.png"))))
            if "train" in row["arms"][0]:
                figures.append((row, gaps(row, path.with_name(f"{path.stem}_{short}_gaps.png"))))
    page = path.with_suffix(".md")
    page.write_text(text(found, figures), encoding="utf-8")
    return [page, *(figure for _, figure in figures)]


def text(found: Row, figures: Sequence[tuple[Row, Path]]) -> str:
    """Return the whole page."""
    rows = found["rows"]
    size = rows[0]["size"]
    seconds = next(row["seconds"] for row in rows if row["experiment"] == "time")
    parts = [
        f"# Per-datapoint against amortized guides ({size} size)",
        f"`{found['command']}`, {found['day']}, {found['device']}, {seconds / 60:.1f} minutes in all. "
        f"Versions: {', '.join(f'{k} {v}' for k, v in found['versions'].items())}.",
        "All ELBOs and gaps are nats a row, larger ELBOs being better, and totals where a table says so. Numbers are "
        "means over seeds, after ± the largest of a seed's Monte Carlo errors; the range over seeds is in the JSON. "
        "L_K is a lower bound of log p(x) for every K. "
        "A visit takes one decoder gradient of a row in the arms constant and amortized, one a row step in "
        "per_datapoint, and four in semi_amortized (three refine φ; second derivatives are not counted). "
        "k̂ above 0.7: the importance weights of that row are not to be trusted.",
        _must_hold(rows),
    ]
    for row in rows:
        if "arms" in row:
            parts += [f"## {row['experiment']}: {row['case']} ({size})", f"{row['quotes']}."]
            parts += _totals(row) if "evidence" in row else _experiment(row)
            parts += [f"![{_alt(row)}]({path.name})" for owner, path in figures if owner is row]
    parts += [_rates(rows), ELSEWHERE]
    return "\n\n".join(p for p in parts if p) + "\n"


def _must_hold(rows: Sequence[Row]) -> str:
    wrong = next(row["faults"] for row in rows if row["experiment"] == "must hold")
    tier = next(row["differences"] for row in rows if row["experiment"] == "tier A")
    said = "\n".join(f"- Does not hold: {fault}" for fault in wrong) or "- All that must hold does."
    worst = max(tier.values())
    return f"## Must hold\n\n{said}\n- log p(x) in float64 against closed forms, {', '.join(tier)}: within {worst:.1g}."


def _experiment(row: Row) -> list[str]:
    arms = [g for g in grouped(row["arms"]) if "train" in g[0]]
    exact = arms[0][0]["train"]["log_p_exact"]
    bound = "log p(x)" if exact else "log p(x) ≥"
    first = row["experiment"].startswith("E1")
    parts = []
    if first:
        said = f"The model is frozen (hash {row['model_hash']}{_teacher(row)}); "
        said += f"L(q*) by the looks' draws is {row['optimum']:.4f}."
        closed = row["closed_form"]
        if closed:
            each = "; ".join(f"{arm} {gap:.4f}" for arm, gap in closed["amortization_gaps"].items())
            said += f" Closed forms: mean-field gap {closed['mean_field_gap']:.4f}; amortization gaps of {each}."
        parts.append(said)
    else:
        parts.append("After learning, every decoder is judged by q*, a fresh fit of each row from the same starts.")
    few = {where: arms[0][0][where]["log_p_rows"] for where in SETS}
    count = {where: arms[0][0][where]["rows"] for where in SETS}
    parts.append(
        f"L(q), L(q*) and the amortization gap are those of {count['train']} training and {count['held_out']} held-out "
        f"rows, the same for all arms; log p(x) and the approximation gap of the first {few['train']} and "
        f"{few['held_out']} of them. per_datapoint fits the φ of held-out rows first, from the prior."
    )
    heads = [
        "arm",
        "rate",
        "L(q) train",
        "L(q) held out",
        "L(q*) train",
        "L(q*) held out",
        f"{bound} train, {few['train']} rows",
    ]
    heads += [f"{bound} held out, {few['held_out']} rows"]
    cells = []
    for group in arms:
        each = [[a[where][key] for a in group] for key in ("elbo", "best_elbo", "log_p") for where in SETS]
        cells.append([label(group), f"{group[0]['learning_rate']:g}", *map(over_seeds, each)])
    parts.append(table(heads, cells))
    heads = ["arm", "amort. gap train", "held out", "held out − train", f"approx. gap{'' if exact else ' ≥'} held out"]
    heads += ["held-out rows not to be trusted (k̂ > 0.7), q", "q*", "active units"]
    cells = []
    for group in arms:
        gap = [[a[where]["amortization_gap"] for a in group] for where in SETS]
        change = [[b[0] - a[0], math.hypot(a[1], b[1])] for a, b in zip(*gap, strict=True)]
        approximation = [a["held_out"]["approximation_gap"] for a in group]
        units = [a["train"]["active_units"] for a in group]
        shares = [_share([a["held_out"][key] for a in group]) for key in ("k_hat_above", "best_k_hat_above")]
        said = NOTHING if units[0] is None else ", ".join(f"{u[0]}/{u[1]}" for u in units)
        cells.append([label(group), *map(over_seeds, (*gap, change, approximation)), *shares, said])
    parts.append(table(heads, cells))
    parts.append(_ladder(arms))
    parts.append(_cost(row))
    if row.get("latency"):
        words = [
            [r["local"], f"{r['new_rows']}", f"{r['seconds']:.3g}", f"{r['rows_a_second']:.3g}"] for r in row["latency"]
        ]
        parts.append(table(["φ of new rows", "n′", "seconds", "rows a second"], words))
    return parts


def _teacher(row: Row) -> str:
    """Say whose decoder it is where it was learnt: its encoder has an advantage there."""
    return ", learnt by the amortized arm on the tuning seed" if row["case"].startswith("vae") else ""


def _ladder(arms: Sequence[Sequence[Row]]) -> str:
    ladder = [k for k in arms[0][0]["held_out"]["bounds"] if int(k) <= 1000]
    cells = [
        [
            label(g),
            *(over_seeds([a["held_out"][which][k] for a in g]) for which in ("bounds", "best_bounds") for k in ladder),
        ]
        for g in arms
    ]
    heads = ["held-out rows", *(f"L_{k}" for k in ladder), *(f"L_{k} of q*" for k in ladder)]
    return table(heads, cells)


def _cost(row: Row) -> str:
    """Return the table of sizes and of the time to each target, medians over seeds; a run that missed it is ∞."""
    heads = ["arm", "numbers in q", "even with a table at m", "µs a step", "did not finish"]
    targets = list(row["arms"][0].get("time_to_target", {}))
    heads += [f"to {t} nats: s; gradients a row; epochs" for t in targets]
    cells = []
    for group in grouped(row["arms"]):
        first, failed = group[0], sum(a["status"] != "complete" for a in group)
        even = first.get("break_even_rows")
        step = median([1e6 * a["curve"]["seconds"][-1] / max(1.0, a["curve"]["steps"][-1]) for a in group])
        line = [label(group), f"{first.get('variational_parameters', NOTHING)}", f"{even:.0f}" if even else NOTHING]
        line += [f"{step:.0f}", f"{failed} of {len(group)}"]
        for t in targets:
            reached = [a["time_to_target"][t] for a in group]
            scales = {"seconds": 1.0, "decoder_gradients": 1.0 / row["rows_learnt"], "epochs": 1.0}
            each = [median([r and r[axis] * scale for r in reached]) for axis, scale in scales.items()]
            line.append("∞" if math.isinf(each[0]) else "; ".join(f"{value:.3g}" for value in each))
        cells.append(line)
    return table(heads, cells)


def _totals(row: Row) -> list[str]:
    said = (
        f"Totals of {row['rows_learnt']} rows: evidence {row['evidence']:.4f} nats (closed form), the best mean-field "
        f"guide {row['mean_field_elbo']:.4f}, its gap {row['mean_field_gap']:.4f}. Targets are counted from it. "
        "Mean field takes theta and every z as independent, and under-states the variance of theta."
    )
    cells = [
        [label(g), f"{g[0]['learning_rate']:g}", over_seeds([[row["evidence"] - a["total_elbo"], 0.0] for a in g])]
        for g in grouped(row["arms"])
    ]
    return [said, table(["arm", "rate", "nats below the evidence, total"], cells), _cost(row)]


def _rates(rows: Sequence[Row]) -> str:
    found = next(row for row in rows if row["experiment"] == "learning rates")
    said = (
        f"## Learning rates\n\nThe same grid for every arm, on seed {found['tuning_seed']}, which no measured run has: "
        "the ELBO that each rate came to, nats a training row. The best one is taken."
    )
    heads = ["experiment and model", "arm", *(f"{rate:g}" for rate in found["grid"])]
    cells = [
        [name, arm, *(NOTHING if v is None else f"{v:.4f}" for v in each)]
        for name, arms in found["tried"].items()
        for arm, each in arms.items()
    ]
    return f"{said}\n\n{table(heads, cells)}" if cells else said


def grouped(arms: Iterable[Row]) -> list[list[Row]]:
    """Return the runs of each arm and backend, over seeds, in the order in which they come."""
    found: dict[tuple[str, str], list[Row]] = {}
    for arm in arms:
        found.setdefault((arm["arm"], arm["backend"]), []).append(arm)
    return list(found.values())


def label(group: Sequence[Row]) -> str:
    """Return what tables call an arm."""
    return group[0]["arm"] + (" (Pyro)" if group[0]["backend"] == "pyro" else "")


def over_seeds(pairs: Sequence[Sequence[float]]) -> str:
    """Write the mean over seeds, and the largest Monte Carlo error.

    >>> over_seeds([[1.0, 0.01], [2.0, 0.03]]), over_seeds([[1.0, 0.0]])
    ('1.50 ± 0.03', '1.0000')
    """
    value, error = sum(p[0] for p in pairs) / len(pairs), max(p[1] for p in pairs)
    if not error or error < 5e-5 or not math.isfinite(error):
        return f"{round(value, 4) + 0.0:.4f}"
    places = min(4, max(0, -math.floor(math.log10(error))))
    return f"{round(value, places) + 0.0:.{places}f} ± {error:.{places}f}"  # no −0


def median(values: Sequence[float | None]) -> float:
    """Return the median, a run that did not come there counting as infinite.

    >>> median([1.0, None, 2.0]), median([None, None, 1.0])
    (2.0, inf)
    """
    ordered = sorted(math.inf if v is None else v for v in values)
    half = len(ordered) // 2
    return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2


def table(heads: Sequence[str], cells: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table."""
    lines = [heads, ["---"] * len(heads), *cells]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _share(shares: Sequence[float | None]) -> str:
    known = [s for s in shares if s is not None]
    return f"{100 * sum(known) / len(known):.0f} %" if known else NOTHING


def _alt(row: Row) -> str:
    return f"{row['experiment']}, {row['case']}: {row['quotes']}"
