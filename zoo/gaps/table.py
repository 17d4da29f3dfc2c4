"""Gaps as tables of 80 columns, in words, and as plain values for JSON."""

from __future__ import annotations

import json
import math
import textwrap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from zoo.estimators import TRUSTED_K_HAT, Estimate

if TYPE_CHECKING:
    from zoo.gaps import Gaps
    from zoo.gaps.arm import Arm
    from zoo.gaps.evidence import Evidence
    from zoo.gaps.measure import Rows

WIDTH, GAP, NOTHING = 80, "  ", "—"
PLACES = 4  # most decimals: a ten-thousandth of a nat
ROUNDING = 1e-4  # nats a row: what single precision leaves
WORDS = {
    "ELBO": "L(q), the mean of log p(x, z) − log q(z) over draws of z from the guide",
    "approx. gap": "log p(x) − L(q*): what the family cannot express; q* is its best member for each row",
    "amort. gap": "L(q*) − L(q): what is lost because q is not q*; no gap while either of the two still rises",
    "log p(x|z)": "the first term of the ELBO, its mean over draws of z",
    "KL": "the second, from q to the prior of z: ELBO = log p(x|z) − KL",
    "k̂ > 0.7": "share of rows whose importance weights have so heavy a tail that they are not to be trusted",
    "worst k̂": "the largest over rows",
    "units": "numbers of z in use, Var over rows of E_q[z] > 0.01, of all",
    "L_K": "E log of the mean of K weights, from draws of q: K = 1 is the ELBO, and it grows to log p(x)",
}


def mean(each: Any, error: Any) -> tuple[float, float]:
    """Return the mean over rows, and its Monte Carlo error: the rows' draws are independent.

    >>> mean([1.0, 3.0], [0.3, 0.4])
    (2.0, 0.25)
    """
    each, error = np.asarray(each, np.float64), np.asarray(error, np.float64)
    return float(each.mean()), float(np.sqrt(np.sum(error**2)) / len(each))


def share_above(k_hat: np.ndarray | None) -> float | None:
    """Return the share of rows that are not to be trusted; NaN counts among them."""
    return None if k_hat is None else float(np.mean(~(k_hat <= TRUSTED_K_HAT)))


def row(arm: Arm, log_p: Evidence) -> dict[str, Any]:
    """Return an arm's means over rows, in nats a row, with their Monte Carlo errors; None where there is none."""
    value, error = mean(log_p.estimate.value, log_p.estimate.error)
    found: dict[str, Any] = {
        "local": arm.local,
        "local_guide": arm.local_guide or None,
        "refitted": arm.refitted,
        "num_parameters": arm.num_parameters,
        "log_p": value,
        "log_p_error": error,
        "log_p_exact": log_p.exact,
    }
    words = ("elbo", "reconstruction", "kl", "best_elbo", "approximation_gap", "amortization_gap", "difference")
    found |= dict.fromkeys((*words, "k_hat_above", "k_hat_worst", "best_k_hat_above", "active_units", "units"))
    found |= {"bounds": {}, "arrived": not (arm.rising or arm.joint), "rising": arm.rising or None}
    if arm.own is None or arm.best is None or arm.approximation is None or arm.difference is None:
        return found
    pairs = {
        "elbo": (arm.own.elbo, arm.own.error),
        "best_elbo": (arm.best.elbo, arm.best.error),
        "approximation_gap": (arm.approximation.value, arm.approximation.error),
        "difference": (arm.difference.value, arm.difference.error),
    }
    if arm.amortization is not None:
        pairs["amortization_gap"] = pairs["difference"]
    for word, pair in pairs.items():
        found[word], found[f"{word}_error"] = mean(*pair)
    found["reconstruction"], found["kl"] = float(arm.own.reconstruction.mean()), float(arm.own.kl.mean())
    found["bounds"] = {k: mean(arm.own.bounds[k], arm.own.bound_errors[k]) for k in sorted(arm.own.bounds)}
    found["k_hat_above"], found["best_k_hat_above"] = share_above(arm.own.k_hat), share_above(arm.best.k_hat)
    found["k_hat_worst"] = None if arm.own.k_hat is None else float(np.max(arm.own.k_hat))
    found["active_units"], found["units"] = arm.active or (None, None)
    return found


def plus(value: float | None, error: float | None) -> str:
    """Write a number to the first digit of its error, and to a ten-thousandth at most.

    >>> plus(0.97123, 0.0021), plus(-3.1, 0.0), plus(-12.345678, 0.31), plus(None, None)
    ('0.971 ± 0.002', '-3.1000', '-12.3 ± 0.3', '—')
    """
    if value is None or not math.isfinite(value):
        return NOTHING
    if not error or error < 0.5 * 10**-PLACES:
        return plain(value)
    if not math.isfinite(error):
        return f"{value:.4g} ± ?"
    places = min(PLACES, max(0, -math.floor(math.log10(error))))
    return f"{value:.{places}f} ± {error:.{places}f}"


def plain(value: float | None, places: int = PLACES) -> str:
    """Write a number; what there is not is a dash, and the k̂ of constant weights is −∞.

    >>> plain(1.23456, 2), plain(None), plain(float("-inf"))
    ('1.23', '—', '−∞')
    """
    if value is None or math.isnan(value):
        return NOTHING
    value = round(value, places) + 0.0  # no −0.0000
    return f"{value:.{places}f}" if math.isfinite(value) else "−∞" if value < 0 else "∞"


def lines(heads: Sequence[str], cells: Sequence[Sequence[str]]) -> list[str]:
    """Return a table's lines, its columns aligned: the first two to the left, those of numbers to the right.

    >>> lines(["local", "guide", "L"], [["exact", "", "1.5"]])
    ['local  guide    L', 'exact         1.5']
    """
    widths = [max(map(len, column)) for column in zip(heads, *cells, strict=True)]
    sides = [str.ljust, str.ljust, *[str.rjust] * (len(widths) - 2)]
    return [
        GAP.join(side(cell, width) for side, cell, width in zip(sides, line, widths, strict=True)).rstrip()
        for line in (heads, *cells)
    ]


def text(found: Gaps) -> str:
    """Return all of it in words; see `Gaps.text`."""
    rows, log_p = found.table(), found.log_p
    value = plus(*mean(log_p.estimate.value, log_p.estimate.error))
    count = len(found.rows)
    said = [
        f"{found.model}, model frozen (hash {found.model_hash}), {found.backend}: means over {count} {found.data}, "
        f"in nats a row; after ±, the Monte Carlo error from {found.num_draws} draws a row"
    ]
    if log_p.exact:
        said.append(f"log p(x) {value}, {log_p.estimate.method}")
    else:
        others = "; ".join(f"{name} {plain(v)}" for name, v in log_p.tried.items())
        said.append(f"log p(x) ≥ {value}, {log_p.estimate.method}. Chosen on other draws among: {others}")
    arrived = [arm.name for arm in found.arms if arm.own is not None and not (arm.rising or arm.joint)]
    said.append(f"learnt to their end: {'; '.join(arrived) or 'none'}")
    bound = "" if log_p.exact else " ≥"
    names = [[r["local"], r["local_guide"] or ""] for r in rows]
    gaps = [
        [*name, *(plus(r[word], r.get(f"{word}_error")) for word in ("elbo", "approximation_gap")), _amortization(r)]
        for name, r in zip(names, rows, strict=True)
    ]
    units = [f"{r['active_units']}/{r['units']}" if r["units"] else NOTHING for r in rows]
    terms = [
        [
            *name,
            *(plain(r[word]) for word in ("reconstruction", "kl")),
            plain(r["k_hat_above"], 2),
            plain(r["k_hat_worst"], 2),
            unit,
        ]
        for name, r, unit in zip(names, rows, units, strict=True)
    ]
    ladder = sorted({k for r in rows for k in r["bounds"]})
    bounds = _ladder(names, rows, ladder)
    while ladder and max(map(len, bounds)) > WIDTH and len(ladder) > 2:
        del ladder[1]
        bounds = _ladder(names, rows, ladder)
    parts = [
        _wrapped(said),
        lines(["local", "guide", "ELBO", f"approx. gap{bound}", "amort. gap"], gaps),
        lines(["local", "guide", "log p(x|z)", "KL", "k̂ > 0.7", "worst k̂", "units"], terms),
        bounds,
        _wrapped([f"{name}: {words}" for name, words in WORDS.items()]),
        _wrapped(warnings(found)),
    ]
    return "\n\n".join("\n".join(part) for part in parts if part)


def _amortization(row: Mapping[str, Any]) -> str:
    return plus(row["amortization_gap"], row.get("amortization_gap_error")) if row["arrived"] else "still rises"


def _ladder(names: Sequence[list[str]], rows: Sequence[Mapping[str, Any]], ladder: Sequence[int]) -> list[str]:
    """Return the table of L_K, the last one with its error."""
    nothing = (None, None)
    cells = []
    for name, r in zip(names, rows, strict=True):
        *some, last = (r["bounds"].get(k, nothing) for k in ladder) if ladder else [nothing]
        cells.append([*name, *(plain(value, 3) for value, _ in some), plus(*last)])
    return lines(["local", "guide", *(f"L_{k}" for k in ladder)], cells) if ladder else []


def warnings(found: Gaps) -> list[str]:
    """Return what is not to be trusted, in words."""
    said = []
    points = [arm.name for arm in found.arms if arm.own is None]
    if points:
        said.append(f"{'; '.join(points)}: points are no density, so they have no ELBO, gap or k̂")
    for arm in found.arms:
        if arm.rising and arm.difference is not None:
            value = plus(*mean(arm.difference.value, arm.difference.error))
            said.append(
                f"{arm.name} is not learnt to its end, so that its L(q*) − L(q) = {value} is no amortization gap: "
                f"{arm.rising}"
            )
        if arm.joint:
            said.append(f"{arm.name}, learnt with its model, has {arm.joint}; the gap is that of the encoder as it is")
    heavy = {arm.name: share_above(arm.own.k_hat) for arm in found.arms if arm.own is not None}
    counts = [
        f"{name} in {share * len(found.rows):.0f} of {len(found.rows)} rows" for name, share in heavy.items() if share
    ]
    if counts:
        said.append(
            f"k̂ is above {TRUSTED_K_HAT}: {'; '.join(counts)}. There the importance weights, and so L_K of large K and "
            "its error, are not to be trusted"
        )
    if not found.log_p.exact:
        said.append("log p(x) is a lower bound here, so that an approximation gap is at least what is printed")
    return said + [f"must not be: {fault}, by more than 3 Monte Carlo errors" for fault in found.faults]


def _wrapped(words: Sequence[str]) -> list[str]:
    return [line for w in words for line in textwrap.wrap(w, WIDTH, subsequent_indent="  ", break_on_hyphens=False)]


def as_dict(found: Gaps) -> dict[str, Any]:
    """Return everything as JSON holds it; see `Gaps.as_dict`."""
    log_p = found.log_p
    arms = [{**r, "by_row": _by_row(arm)} for arm, r in zip(found.arms, found.table(), strict=True)]
    whole = {
        "model": found.model,
        "options": found.options,
        "model_hash": found.model_hash,
        "backend": found.backend,
        "data": found.data,
        "rows": found.rows,
        "seed": found.seed,
        "num_draws": found.num_draws,
        "unit": "nats a row",
        "log_p": {
            **_estimate(log_p.estimate),
            "method": log_p.estimate.method,
            "exact": log_p.exact,
            "lower_bound": not log_p.exact,
            "tried": log_p.tried,
        },
        "arms": arms,
        "warnings": warnings(found),
        "faults": found.faults,
    }
    plain_values: dict[str, Any] = json.loads(json.dumps(_finite(whole), default=lambda v: np.asarray(v).tolist()))
    return plain_values


def _by_row(arm: Arm) -> dict[str, Any] | None:
    if arm.own is None or arm.best is None or arm.approximation is None or arm.difference is None:
        return None
    return {
        "q": _rows(arm.own),
        "best": _rows(arm.best),
        "approximation_gap": _estimate(arm.approximation),
        "amortization_gap": None if arm.amortization is None else _estimate(arm.amortization),
        "difference": _estimate(arm.difference),
    }


def _rows(rows: Rows) -> dict[str, Any]:
    return {
        "elbo": rows.elbo,
        "elbo_error": rows.error,
        "reconstruction": rows.reconstruction,
        "kl": rows.kl,
        "bounds": rows.bounds,
        "bound_errors": rows.bound_errors,
        "k_hat": rows.k_hat,
        # −∞ and ∞ are both null in JSON, and mean the best and the worst.
        "k_hat_above": None if rows.k_hat is None else ~(rows.k_hat <= TRUSTED_K_HAT),
    }


def _estimate(found: Estimate) -> dict[str, Any]:
    return {"value": found.value, "error": found.error}


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(k): _finite(v) for k, v in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        return _finite(value.tolist())
    if isinstance(value, list | tuple):
        return [_finite(v) for v in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
