"""E2: joint learning. Every arm begins at the same decoder and sees the same rows in the same order.

Afterwards all decoders are judged alike: by a fresh fit of every row's φ, from the same starts, on training and on
held-out rows. So an arm's own guide cannot flatter its decoder, nor spoil it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from benchmarks.amortization_arms import build, learn, phi_of, sizes_of
from benchmarks.amortization_cases import RANK_1, Case
from benchmarks.amortization_frozen import Say, axes, own_phi, rows_of, targets, words_of
from benchmarks.amortization_judge import Judge, record
from benchmarks.amortization_plan import Plan
from zoo.catalogue import Data
from zoo.run import Run
from zoo.storage import array_hash

REPEATS = 5


def joint(plan: Plan, case: Case, say: Say) -> dict[str, Any]:
    """Learn model and guide together by every arm and seed, and judge the decoders."""
    judge, sets = Judge(case, plan.device), rows_of(plan, case)
    index, some = sets["train"]
    target, arms, first = best_known(case), [], None
    for seed in plan.seeds:
        starts = set()
        for arm in case.arms:
            if arm == RANK_1:
                continue
            run = build(case.model, case.train, words_of(plan, case, arm, seed, "joint"))
            starts.add(array_hash(run.model_params))

            def look(run: Run) -> float:
                if run.program.guide.rows is None:
                    return float(np.mean(case.model.exact.log_likelihood(some["x"], run.params, **run.model.options)))
                judge.hold(run.params)
                return float(judge.quick(some, phi_of(run, some, index)).mean())

            curve = learn(run, plan.looks, look)
            say(f"E2 {case.name}: {arm}, seed {seed}: {curve.seen[-1]:.4f} nats a row")
            row: dict[str, Any] = {"arm": arm, "seed": seed, "backend": "numpyro", "status": curve.status}
            row |= {"learning_rate": run.request.learning_rate, "compile_seconds": curve.compile_seconds}
            row |= {"model_hash": run.model_hash, "start_hash": sorted(starts)}
            row["curve"] = axes(case, arm, curve.steps, curve.seconds, curve.seen)
            if target is not None:
                below = {**row["curve"], "nats_below": [target - v for v in curve.seen]}
                row["time_to_target"] = targets(below)
            row["curve"]["elbo"] = row["curve"].pop("nats_below")
            if run.program.guide.rows is not None:
                row |= sizes_of(run)
                row |= judged(plan, case, judge, run, sets, arm)
                if arm == "amortized" and seed == plan.seeds[0]:
                    first = run
            arms.append(row)
    found: dict[str, Any] = {"experiment": "E2 joint", "case": case.name, "quotes": case.quotes, "arms": arms}
    found |= {"rows_learnt": len(next(iter(case.train.values()))), "best_known": target}
    found["latency"] = latency(plan, case, judge, first) if first is not None else []
    return found


def judged(plan: Plan, case: Case, judge: Judge, run: Run, sets: Any, arm: str) -> dict[str, Any]:
    """Return what a decoder is worth on each index set by q*, and by the arm's own guide."""
    judge.hold(run.params)
    found = {}
    for name, (places, data) in sets.items():
        own = own_phi(judge, run, data, places if name == "train" else None, case.arms[arm])
        best = judge.best(data, [], 0)
        few = {key: x[: plan.quadrature_rows] for key, x in data.items()} if case.name.startswith("vae") else data
        estimate, exact = judge.log_p(few, best[: len(next(iter(few.values())))], 0, plan.draws)
        found[name] = record(judge.measure(data, own, best, 1, plan.draws), estimate, exact=exact)
    return found


def best_known(case: Case) -> float | None:
    """Return the largest mean ELBO of the training rows that any mean-field guide and parameters reach, if known.

    At the linear model's maximum of the likelihood, by principal axes, mean field loses nothing.
    """
    if case.name != "ppca":
        return None
    exact, options = case.model.exact, case.model.bind(case.train).options
    best = exact.fit(case.train, **options)
    return float(exact.log_likelihood(case.train["x"], best, **options).mean())


def latency(plan: Plan, case: Case, judge: Judge, run: Run) -> list[dict[str, Any]]:
    """Return seconds until n' new rows have their φ: by the encoder, and by a fit of each, compilation apart."""
    from zoo.rows import fit_phi, prior_phi

    judge.hold(run.params)
    found = []
    for count in plan.new_rows:
        times = -(-count // len(next(iter(case.test.values()))))
        data: Data = {n: np.concatenate([x] * times)[:count] for n, x in case.test.items()}
        found.append(_timed("amortized", count, partial(run.program.phi, run.params, data), REPEATS))
        if count <= plan.most_fitted.get(case.name, count):
            start = prior_phi(judge.run, count)
            found.append(_timed("per_datapoint", count, partial(fit_phi, judge.run, data, start), 1))
    return found


def _timed(how: str, count: int, run: Callable[[], Any], repeats: int) -> dict[str, Any]:
    run()
    each = []
    for _ in range(repeats):
        began = time.perf_counter()
        run()
        each.append(time.perf_counter() - began)
    seconds = float(np.median(each))
    return {"local": how, "new_rows": count, "seconds": seconds, "rows_a_second": count / seconds}
