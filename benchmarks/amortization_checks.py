"""What must hold at the end of a run, each within 3 Monte Carlo errors; a failure is one line of words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from itertools import pairwise
from math import hypot
from typing import Any

import numpy as np

from benchmarks.amortization_arms import build
from zoo import bounds
from zoo.catalogue import model as find

ERRORS = 3.0
ROUNDING = 1e-4  # nats a row: what single precision leaves
AFFINE, MEAN_FIELD, RANK, TIER_A = 1e-3, 1e-3, 0.02, 1e-5


def faults(rows: Sequence[dict[str, Any]]) -> list[str]:
    """Return what does not hold in a run's records, a line each.

    >>> faults([{"experiment": "tier A", "differences": {"ppca, numpyro": 1e-12, "gmm, pyro": 0.1}}])
    ['tier A: log p of gmm, pyro is 0.1 nats from the closed form, more than 1e-05']
    """
    found: list[str] = []
    for row in rows:
        kind = row["experiment"]
        if kind == "tier A":
            found += [
                f"tier A: log p of {name} is {value:.3g} nats from the closed form, more than {TIER_A:g}"
                for name, value in row["differences"].items()
                if not value <= TIER_A
            ]
        for arm in row.get("arms", []):
            found += [f"{kind}, {row['case']}, {arm['arm']}, seed {arm['seed']}: {f}" for f in _arm(row, arm)]
        if "mean_field_gap" in row.get("closed_form", {}):
            found += [f"{kind}, {row['case']}: {words}" for words in _linear(row)]
    return found


def _arm(row: dict[str, Any], arm: dict[str, Any]) -> Iterator[str]:
    # A run whose loss was not finite is a failure of learning: the page counts it, and no ordering hangs on it.
    for name in ("train", "held_out"):
        if name in arm:
            yield from _orderings(arm[name], name.replace("_", "-") + " rows")
    if "total_elbo" in arm:
        # The mean-field optimum is known, and the ELBO's draws integrate it exactly.
        over = arm["total_elbo"] - row["mean_field_elbo"]
        if over > ROUNDING * row["rows_learnt"]:
            yield f"the ELBO is {over:.3g} nats above the best mean-field guide's"


def _orderings(found: dict[str, Any], where: str) -> Iterator[str]:
    for words, key in (("L(q) is above L(q*)", "amortization_gap"), (_above(found), "approximation_gap")):
        value, error = found[key]
        if value < -ERRORS * error - ROUNDING:
            yield f"{words} on the {where}, by {-value:.3g} ± {error:.1g} nats a row"
    for which in ("bounds", "best_bounds"):
        ladder = sorted((int(k), pair) for k, pair in found[which].items())
        for (k, (low, low_error)), (after, (high, high_error)) in pairwise(ladder):
            if high < low - ERRORS * hypot(low_error, high_error) - ROUNDING:
                yield f"L_{after} is below L_{k} on the {where}, by {low - high:.3g} nats a row"


def _above(found: dict[str, Any]) -> str:
    return "L(q*) is above log p(x)" if found["log_p_exact"] else "L(q*) is above the lower bound of log p(x)"


def _linear(row: dict[str, Any]) -> Iterator[str]:
    """Compare a linear model with its closed forms; looks integrate its ELBO exactly, so no error is allowed for."""
    closed = row["closed_form"]
    gap = closed["log_p"] - row["optimum"]
    if not abs(gap - closed["mean_field_gap"]) <= MEAN_FIELD:
        yield f"the mean-field gap is {gap:.5f}, the closed form {closed['mean_field_gap']:.5f}"
    for arm in row["arms"]:
        lost, known = arm["curve"]["nats_below"][-1], closed["amortization_gaps"].get(arm["arm"])
        if known is not None and not abs(lost - known) <= (RANK * known or AFFINE):
            who = f"seed {arm['seed']}, {arm['backend']}"
            yield f"the encoder of {arm['arm']!r} loses {lost:.4f} nats a row ({who}), the closed form {known:.4f}"


def tier_a() -> dict[str, Any]:
    """Compare log p(x) of every backend that is here, in float64, with the closed form: the largest difference."""
    here = [b for b, library in (("numpyro", "numpyro"), ("pyro", "pyro")) if find_spec(library)]
    found = {}
    for name, options in (("ppca", {}), ("gmm", {"K": 3}), ("hierarchical_normal", {})):
        model = find(name, **options)
        data = model.data()
        for backend in here:
            run = build(model, data, {"local": "exact", "dtype": "float64", "backend": backend, "restarts": 1})
            seen = bounds.evaluate(run, 2, "tier a", 0)
            first = {key: v[0] for key, v in seen.values.items()}
            exact = model.exact.log_likelihood(data["x"], {**run.model_params, **first}, **run.model.options)
            log_p = seen.rows[0] - seen.row_log_q[0]
            found[f"{name}, {backend}"] = float(np.abs(log_p - exact).max())
    return {"experiment": "tier A", "differences": found}
