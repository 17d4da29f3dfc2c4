"""The page of benchmarks.defaults: tables in Markdown beside the JSON that they are read from."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.defaults_cases import MANY, SOME, cases
from zoo import backends

Row = Mapping[str, Any]
SHORT, BELOW = (
    0.01,
    0.05,
)  # nats per row: below the truth, and below ten times the steps; with priors the first for both
LONGER = 10
LIKELIHOODS = ("log likelihood", "lower bound of it")  # what is compared of a model without priors
NOTHING = "—"
ABOUT = """Rows are drawn from each model at known parameters and fitted with no option but those that the data cannot
say. All numbers are nats per row, of the training rows; larger is better. "Short by" is the truth less what was learnt;
the program's docstring says what is compared. "Below 10 × steps" is the ELBO of a fit of ten times the steps (the log
likelihood where nothing is drawn) less that of the fit. Bold is short: more than 0.01 below the truth or more than 0.05
below ten times the steps, and more than two standard errors, which come from judging 1,000 rows of more and from draws.
"Predictive short by" compares the rows' predictive density, or of lda a bound at the mean topics, with that at the
truth; a prior that the truth is not drawn from pulls it down, rightly, if rows are few. Peers are classic libraries
on the same rows, at their point estimates, by likelihood or predictive density. Seconds are the processor's, of all
threads together, for the fit and its compilation; those of the wall's clock, on a machine that may have been busy, are
in the JSON."""


def key(row: Row) -> tuple[Any, ...]:
    """Return what tells cells apart."""
    return (*(row[name] for name in ("model", "case", "rows", "arm", "seed")), bool(row.get("long")))


def short(row: Row, longer: Row | None = None) -> bool:
    """Whether a fit is below the truth, or below one of ten times its steps, or has no number.

    >>> short({"short": 0.02, "error": 0.001}), short({"short": 0.02, "error": 0.015}), short({"short": -0.3})
    (True, False, False)
    >>> short({"short": -0.3, "elbo": -2.0}, {"elbo": -1.9})
    True
    """
    return behind(row) or (longer is not None and cut_off(row, longer))


def behind(row: Row) -> bool:
    """Whether a fit is below the truth by more than 0.01 nats per row and two standard errors, or has no number."""
    apart = row.get("short")
    return apart is None or not apart <= max(SHORT, 2 * row.get("error", 0.0))


def cut_off(row: Row, longer: Row) -> bool:
    """Whether a fit is below one of ten times its steps by more than 0.05 nats per row and two standard errors."""
    apart = below(row, longer)
    return apart is not None and not apart[0] <= max(BELOW, 2 * apart[1])


def below(row: Row, longer: Row) -> tuple[float, float] | None:
    """Return how far a fit is below one of more steps, and the error: of ELBOs, or of likelihoods at the parameters."""
    for name, error in (("elbo", "elbo_error"), ("learnt", "error")):
        if name in row and name in longer:
            both = (row.get(error, 0.0) ** 2 + longer.get(error, 0.0) ** 2) ** 0.5
            return longer[name] - row[name], both
    return None


def line(row: Row) -> str:
    """Return what is printed of a cell."""
    arm = f"{row['arm']}, {LONGER} times the steps" if row.get("long") else row["arm"]
    took = f"{_seconds(row)} s"
    where = f"{row['model']:20} {row['case'][:44]:44} {row['rows']:6d}  {arm:26}"
    mark = "  SHORT" if behind(row) and not row.get("long") else ""
    said = f"ELBO {number(row.get('elbo'))}" if row.get("long") else f"short by {number(row.get('short')):>8}"
    return f"{where} {said}  {took:>8}  {row['status']}{mark}"


def number(value: float | None) -> str:
    """Write nats per row.

    >>> number(0.01234), number(-1234.5678), number(None)
    ('0.0123', '-1234.57', '—')
    """
    if value is None:
        return NOTHING
    return f"{round(value, 4) + 0.0:.4f}" if abs(value) < 1000 else f"{value:.2f}"


def write(path: Path) -> Path:
    """Write the page beside a result, and return its path."""
    page = path.with_suffix(".md")
    page.write_text(text(json.loads(path.read_text(encoding="utf-8"))), encoding="utf-8")
    return page


def text(found: Row) -> str:
    """Return the whole page."""
    rows = found["rows"]
    ours = [r for r in rows if r["arm"] in backends.names() and not r.get("long")]
    longer = {_place(r): r for r in rows if r.get("long")}
    bad = [r for r in ours if short(r, longer.get(_place(r)))]
    reasons = {(c.model, c.name): c.reason for c in cases()}
    lost = sum(not reasons.get((r["model"], r["case"])) for r in bad)
    parts = [
        "# Fits with defaults, on rows drawn from the models themselves",
        f"`{found['command']}`, {found['day']}, {found['device']}. "
        f"Versions: {', '.join(f'{k} {v}' for k, v in found['versions'].items())}.",
        ABOUT,
        f"{len(ours) - len(bad)} of {len(ours)} fits are not short; of the {len(bad)} others {lost} have no reason "
        "beside them.",
        "## Against the truth, and against ten times the steps",
        against(rows, ours, longer, reasons),
        against_evidence(ours),
        by_time(ours),
    ]
    return "\n\n".join(p for p in parts if p) + "\n"


def against(
    rows: Sequence[Row],
    ours: Sequence[Row],
    longer: Mapping[tuple[Any, ...], Row],
    reasons: Mapping[tuple[str, str], str],
) -> str:
    """Return the first table: a line per fit of ours, with the peers of its case and rows."""
    peers: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        if row["arm"] not in backends.names():
            peers.setdefault(_place(row), []).append(row)
    heads = ["model", "case", "rows", "backend", "compared", "at the truth", "learnt", "short by", "error"]
    heads += [
        f"below {LONGER} × steps",
        "error",
        "status",
        "seconds",
        "predictive short by",
        "peers: short by, seconds",
    ]
    heads += ["reason"]
    cells = []
    for row in ours:
        other = longer.get(_place(row))
        beside = [f"{p['arm']} {number(p.get('short'))}, {_seconds(p)}" for p in peers.get(_place(row), [])]
        why = reasons.get((row["model"], row["case"])) or "no reason is known"
        cells.append(
            [
                *(row["model"], row["case"], f"{row['rows']}", row["arm"], row.get("compared", NOTHING)),
                *(number(row.get("truth")), number(row.get("learnt")), _bold(row.get("short"), behind(row))),
                number(row["error"]) if row.get("error") else "",
                *_below(row, other),
                *(row["status"], _seconds(row)),
                number(row["predictive"]["short"]) if "predictive" in row else "",
                *("; ".join(beside), why if short(row, other) else ""),
            ]
        )
    return table(heads, cells, right=(2, 5, 6, 7, 8, 9, 10, 12, 13))


def _below(row: Row, longer: Row | None) -> tuple[str, str]:
    apart = longer and below(row, longer)
    if not longer or not apart:
        return longer["status"] if longer and "status" in row and row.get("steps") else "", ""
    return _bold(apart[0], cut_off(row, longer)), number(apart[1]) if apart[1] else ""


def _bold(value: float | None, bold: bool) -> str:
    return f"**{number(value)}**" if bold else number(value)


def against_evidence(ours: Sequence[Row]) -> str:
    """Return the table of ELBOs beside the exact evidence; empty if there are none."""
    cells = [
        [
            *(row["model"], row["case"], f"{row['rows']}", row["arm"]),
            *(number(row["evidence"]), number(row["elbo"]), number(row["evidence"] - row["elbo"])),
            number(row["elbo_error"]),
        ]
        for row in ours
        if "evidence" in row and "elbo" in row
    ]
    if not cells:
        return ""
    said = "## Against the exact evidence\n\nThe gap is the default guide's approximation and what learning left."
    heads = ["model", "case", "rows", "backend", "evidence", "ELBO", "gap", "error"]
    return f"{said}\n\n{table(heads, cells, right=(2, 4, 5, 6, 7))}"


def by_time(ours: Sequence[Row]) -> str:
    """Return the table of seconds by rows, and their growth from 1,000 to 100,000 rows."""
    each: dict[tuple[str, str, str], dict[int, Row]] = {}
    for row in ours:
        each.setdefault((row["model"], row["case"], row["arm"]), {})[row["rows"]] = row
    sizes = sorted({row["rows"] for row in ours})
    cells = []
    for place, at in each.items():
        seconds = [_seconds(at[n]) if n in at else "" for n in sizes]
        some, many = (at.get(n, {}).get("processor") for n in (SOME, MANY))
        cells.append([*place, *seconds, f"× {many / some:.1f}" if some and many else ""])
    heads = ["model", "case", "backend", *(f"{n} rows" for n in sizes), f"{SOME} to {MANY}"]
    said = f"## Seconds\n\nTime that grows linearly is at most × {MANY // SOME} from {SOME} to {MANY} rows."
    return f"{said}\n\n{table(heads, cells, right=range(3, len(heads)))}"


def table(heads: Sequence[str], cells: Sequence[Sequence[str]], right: Sequence[int] = ()) -> str:
    """Return a Markdown table whose columns are aligned in the text too.

    >>> print(table(["n", "word"], [["1", "a"], ["10", "b"]], right=(0,)))
    |  n | word |
    |---:|------|
    |  1 | a    |
    | 10 | b    |
    """
    cells = [[words.replace("|", r"\|") for words in each] for each in cells]
    widths = [max(map(_width, column)) for column in zip(heads, *cells, strict=True)]
    pad: list[Callable[[str, int], str]] = [_right if i in right else _left for i in range(len(heads))]
    lines = [
        "| " + " | ".join(p(c, w) for p, c, w in zip(pad, each, widths, strict=True)) + " |" for each in (heads, *cells)
    ]
    rule = "|" + "|".join("-" * (w + 1) + ":" if i in right else "-" * (w + 2) for i, w in enumerate(widths)) + "|"
    return "\n".join([lines[0], rule, *lines[1:]])


def _left(words: str, width: int) -> str:
    return words + " " * (width - _width(words))


def _right(words: str, width: int) -> str:
    return " " * (width - _width(words)) + words


def _width(words: str) -> int:
    return sum(not unicodedata.combining(c) for c in words)


def _place(row: Row) -> tuple[Any, ...]:
    return row["model"], row["case"], row["rows"], row["seed"]


def _seconds(row: Row) -> str:
    spent = row.get("processor")
    return NOTHING if spent is None else f"{spent:.1f}" if spent < 100 else f"{spent:.0f}"
