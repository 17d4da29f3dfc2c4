"""E1: inference alone. The model is frozen, its hash printed; the arms differ in where φ comes from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.amortization_arms import build, learn, phi_of, row_gradients, sizes_of
from benchmarks.amortization_cases import Case, Words
from benchmarks.amortization_grid import TUNING_SEED, rate_of
from benchmarks.amortization_judge import Judge, record, total
from benchmarks.amortization_plan import Plan
from zoo.backends.state import Values
from zoo.catalogue import Data
from zoo.run import Run
from zoo.storage import array_hash

TARGETS = (1.0, 0.1, 0.01)  # nats a row below the exact per-datapoint optimum
Say = Callable[[str], None]


def rows_of(plan: Plan, case: Case) -> dict[str, tuple[np.ndarray, Data]]:
    """Return the fixed index sets: places and rows, of the training and of the held-out rows."""
    found = {}
    for name, data in (("train", case.train), ("held_out", case.test)):
        count = min(plan.rows, case.most_rows, len(next(iter(data.values()))))
        index = np.arange(len(next(iter(data.values()))))[:count]
        found[name] = index, {key: x[index] for key, x in data.items()}
    return found


def frozen_params(plan: Plan, case: Case) -> Values:
    """Return the parameters that E1 holds: the case's own, or learnt once, from a seed that no arm has."""
    if case.frozen is not None:
        return case.frozen
    teacher = "exact" if "exact" in case.arms else "amortized"
    words = {**words_of(plan, case, teacher, TUNING_SEED, "joint"), "num_steps": case.steps}
    if teacher == "exact":
        # Its likelihood has many maxima: the card's restarts find the best, as `zoo.fit` does.
        words.pop("restarts")
        import zoo

        return zoo.fit(case.model, data=case.train, **words).model_params
    run = build(case.model, case.train, words)
    learn(run, 1, lambda _: 0.0)
    return run.model_params


def words_of(plan: Plan, case: Case, arm: str, seed: int, experiment: str, backend: str = "numpyro") -> Words:
    """Return the words of `zoo.fit` of one arm and seed."""
    return {
        **case.arms[arm],
        "backend": backend,
        "seed": seed,
        "num_steps": case.steps,
        "batch_size": case.batch,
        "learning_rate": rate_of(experiment, case.name, arm),
        "restarts": 1,
        "device": plan.device,
    }


def frozen(plan: Plan, case: Case, say: Say) -> dict[str, Any]:
    """Run every arm and seed on the frozen model; return q*, log p and what each arm loses."""
    params, judge = frozen_params(plan, case), Judge(case, plan.device)
    judge.hold(params)
    sets = rows_of(plan, case)
    inferring = {name: arm for name, arm in case.arms.items() if name != "exact"}
    backends = [("numpyro", seed, arm) for seed in plan.seeds for arm in inferring]
    backends += [("pyro", plan.seeds[0], arm) for arm in plan.on_pyro.get(case.name, ())]
    index, some = sets["train"]
    # The optimum that targets are counted from, by the looks' own draws: a look's noise is then common to both.
    encoders: list[Run] = []
    runs = []
    for backend, seed, arm in backends:
        run = build(case.model, case.train, words_of(plan, case, arm, seed, "frozen", backend), params)

        def look(run: Run) -> float:
            return float(judge.quick(some, phi_of(run, some, index)).mean())

        runs.append((backend, seed, arm, run, learn(run, plan.looks, look)))
        say(f"E1 {case.name}: {arm}, seed {seed}, {backend}: {runs[-1][4].seen[-1]:.4f} nats a row")
        if arm == "amortized" and len(encoders) < 1:
            encoders.append(run)
    best, log_p = {}, {}
    for name, (_, data) in sets.items():
        starts = [phi_of(run, data, None) for run in encoders]
        best[name] = judge.best(data, starts, 0)
        few = {key: x[: plan.quadrature_rows] for key, x in data.items()} if case.name.startswith("vae") else data
        log_p[name] = judge.log_p(few, best[name][: len(next(iter(few.values())))], 0, plan.draws)
    optimum = float(judge.quick(some, best["train"]).mean())
    say(f"E1 {case.name}: q* {optimum:.4f} nats a row, frozen model {array_hash(params)}")
    arms = []
    for backend, seed, arm, run, curve in runs:
        row: dict[str, Any] = {"arm": arm, "seed": seed, "backend": backend, "status": curve.status}
        row |= {"learning_rate": run.request.learning_rate, "compile_seconds": curve.compile_seconds, **sizes_of(run)}
        row["curve"] = axes(case, arm, curve.steps, curve.seconds, [optimum - value for value in curve.seen])
        row["time_to_target"] = targets(row["curve"])
        for name, (places, data) in sets.items():
            phi = own_phi(judge, run, data, places if name == "train" else None, case.arms[arm])
            found = judge.measure(data, phi, best[name], 1, plan.draws)
            estimate, exact = log_p[name]
            row[name] = record(found, estimate, exact=exact)
        arms.append(row)
    closed = case.closed(params, some["x"]) if case.closed else {}
    return {
        "experiment": "E1 frozen",
        "case": case.name,
        "quotes": case.quotes,
        "model_hash": array_hash(params),
        "rows_learnt": len(next(iter(case.train.values()))),
        "optimum": optimum,
        "closed_form": closed,
        "arms": arms,
    }


def own_phi(judge: Judge, run: Run, data: Data, places: np.ndarray | None, words: Words) -> np.ndarray:
    """Return an arm's φ of rows; a table has none of held-out rows, which are fitted from the prior."""
    if words["local"] == "per_datapoint" and places is None:
        from zoo.rows import fit_phi, prior_phi

        return fit_phi(judge.run, data, prior_phi(judge.run, len(next(iter(data.values())))), run.seed)
    return phi_of(run, data, places)


def axes(case: Case, arm: str, steps: list[int], seconds: list[float], below: list[float]) -> dict[str, list[float]]:
    """Return a curve against its three axes: seconds, decoder gradients of a row, epochs."""
    rows = len(next(iter(case.train.values())))
    batch = case.batch or rows
    visits = [step * batch for step in steps]
    each = row_gradients(case.arms[arm])
    return {
        "steps": [float(s) for s in steps],
        "seconds": list(seconds),
        "decoder_gradients": [float(v * each) for v in visits],
        "epochs": [v / rows for v in visits],
        "nats_below": below,
    }


def targets(curve: dict[str, list[float]]) -> dict[str, dict[str, float] | None]:
    """Return where each target was first reached, on each axis; None where it was not: infinite in a median.

    >>> curve = {"seconds": [0.0, 1.0], "decoder_gradients": [0.0, 9.0], "epochs": [0.0, 3.0], "nats_below": [2, 0.05]}
    >>> targets(curve)["0.1"], targets(curve)["0.01"]
    ({'seconds': 1.0, 'decoder_gradients': 9.0, 'epochs': 3.0}, None)
    """
    found: dict[str, dict[str, float] | None] = {}
    for target in TARGETS:
        at = next((i for i, value in enumerate(curve["nats_below"]) if value <= target), None)
        found[f"{target:g}"] = (
            None if at is None else {axis: curve[axis][at] for axis in ("seconds", "decoder_gradients", "epochs")}
        )
    return found


def with_globals(plan: Plan, case: Case, say: Say) -> dict[str, Any]:
    """Run every arm of a model with global latents: totals against its evidence and the best mean-field guide."""
    data = case.train
    options = case.model.bind(data).options
    exact, rows = case.model.exact, len(next(iter(data.values())))
    evidence, optimum = exact.evidence(data, **options), exact.mean_field(data, **options).elbo
    arms = []
    for seed in plan.seeds:
        for arm in case.arms:
            run = build(case.model, data, words_of(plan, case, arm, seed, "frozen"))

            def look(run: Run) -> float:
                return total(run, phi_of(run, data, np.arange(rows)))

            curve = learn(run, plan.looks, look)
            say(f"E1 {case.name}: {arm}, seed {seed}: {evidence - curve.seen[-1]:.4f} nats below the evidence")
            row: dict[str, Any] = {"arm": arm, "seed": seed, "backend": "numpyro", "status": curve.status}
            row |= {"learning_rate": run.request.learning_rate, "compile_seconds": curve.compile_seconds}
            row |= {**sizes_of(run), "total_elbo": curve.seen[-1]}
            # Targets are nats a row, so that they mean the same for 6 rows and for 1,000.
            below = [(optimum - value) / rows for value in curve.seen]
            row["curve"] = axes(case, arm, curve.steps, curve.seconds, below)
            row["time_to_target"] = targets(row["curve"])
            arms.append(row)
    return {
        "experiment": "E1 frozen, totals",
        "case": case.name,
        "quotes": case.quotes,
        "rows_learnt": rows,
        "evidence": evidence,
        "mean_field_elbo": optimum,
        "mean_field_gap": exact.mean_field_gap(data, **options),
        "arms": arms,
    }
