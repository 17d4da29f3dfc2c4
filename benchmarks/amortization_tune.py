"""Try every learning rate of the grid by every arm, on a seed that no measured run has."""

from __future__ import annotations

import numpy as np

from benchmarks.amortization_arms import build, learn, phi_of
from benchmarks.amortization_cases import RANK_1, Case
from benchmarks.amortization_frozen import Say, frozen_params, words_of
from benchmarks.amortization_grid import GRID, TUNING_SEED, Tried, key
from benchmarks.amortization_judge import Judge, total
from benchmarks.amortization_plan import Plan
from zoo.run import Run


def tune(plan: Plan, say: Say) -> Tried:
    """Return the last ELBO of every arm at each rate of the grid, nats a training row; None where learning failed."""
    found: Tried = {}
    for case in plan.frozen:
        found |= {key("frozen", case.name): _arms(plan, case, "frozen", say)}
    for case in plan.totals[:1]:
        found |= {key("frozen", case.name): _arms(plan, case, "totals", say)}
    for case in plan.joint:
        found |= {key("joint", case.name): _arms(plan, case, "joint", say)}
    return found


def _arms(plan: Plan, case: Case, experiment: str, say: Say) -> dict[str, tuple[float | None, ...]]:
    params = frozen_params(plan, case) if experiment == "frozen" else None
    judge, found = Judge(case, plan.device), {}
    places = np.arange(min(200, len(next(iter(case.train.values())))))
    some = {name: x[places] for name, x in case.train.items()}

    def look(run: Run) -> float:
        if run.program.guide.rows is None:
            return float(np.mean(case.model.exact.log_likelihood(some["x"], run.params, **run.model.options)))
        phi = phi_of(run, some, places)
        if experiment == "totals":
            return total(run, phi) / len(places)
        judge.hold(run.params)
        return float(judge.quick(some, phi).mean())

    for arm in case.arms:
        if (arm == RANK_1 and experiment == "joint") or (arm == "exact" and experiment == "frozen"):
            continue
        run = build(case.model, case.train, words_of(plan, case, arm, TUNING_SEED, experiment), params)
        each: list[float | None] = []
        for rate in GRID:
            curve = learn(run, 1, look, rate)
            each.append(round(curve.seen[-1], 4) if curve.status == "complete" else None)
        found[arm] = tuple(each)
        say(f"{experiment} {case.name}: {arm}: {each}")
    return found
