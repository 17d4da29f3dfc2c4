"""The amortization benchmark: that it runs and writes what its page reads, and that a broken ordering is reported."""

import copy
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks import amortization, amortization_checks, amortization_figures, amortization_plan, results
from benchmarks.amortization_arms import build, learn
from benchmarks.amortization_cases import RANK_1, turned
from benchmarks.amortization_grid import GRID, TRIED, rate_of
from benchmarks.amortization_judge import paired, total
from zoo.models.hierarchical_normal import exact as hierarchical
from zoo.models.ppca import exact as linear

pytestmark = pytest.mark.needs("numpyro")

GOOD = {
    "elbo": [-2.0, 0.01],
    "best_elbo": [-1.5, 0.01],
    "amortization_gap": [0.5, 0.01],
    "approximation_gap": [0.1, 0.01],
    "log_p_exact": True,
    "bounds": {"1": [-2.0, 0.01], "10": [-1.8, 0.01], "100": [-1.7, 0.1]},
    "best_bounds": {"1": [-1.5, 0.01], "10": [-1.45, 0.01]},
}


def records(**changes: Any) -> list[dict[str, Any]]:
    found = copy.deepcopy(GOOD) | changes
    arm = {"arm": "amortized", "seed": 3, "status": "complete", "backend": "numpyro", "train": found}
    return [{"experiment": "E2 joint", "case": "vae", "arms": [arm]}]


def test_what_holds_is_not_reported() -> None:
    assert amortization_checks.faults(records()) == []
    # Within 3 errors an ordering may be wrong by chance.
    assert amortization_checks.faults(records(amortization_gap=[-0.02, 0.01])) == []


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"amortization_gap": [-0.5, 0.01]}, r"seed 3: L\(q\) is above L\(q\*\) on the train rows"),
        ({"approximation_gap": [-0.5, 0.01]}, r"L\(q\*\) is above log p\(x\) on"),
        ({"approximation_gap": [-0.5, 0.01], "log_p_exact": False}, r"above the lower bound of log p\(x\)"),
        ({"bounds": {"1": [-2.0, 0.01], "10": [-2.5, 0.01]}}, "L_10 is below L_1 on"),
    ],
)
def test_an_ordering_that_is_violated_is_one_line(changes: dict[str, Any], words: str) -> None:
    (fault,) = amortization_checks.faults(records(**changes))
    assert "\n" not in fault
    with pytest.raises(ValueError, match=words):
        raise ValueError(fault)


def test_no_two_arms_look_the_same() -> None:
    arms = [str(i) for i in range(12)]
    looks = [amortization_figures.look(arms, arm) for arm in arms]
    assert len({(one["color"], str(one["linestyle"])) for one in looks}) == len(arms)


def test_the_linear_model_is_held_to_its_closed_forms() -> None:
    closed = {"log_p": -2.0, "mean_field_gap": 0.7, "amortization_gaps": {"amortized": 0.0, RANK_1: 1.5}}
    lost = {"amortized": 0.002, RANK_1: 1.6, "constant": 9.0}
    arms = [
        {"arm": a, "seed": 0, "backend": "numpyro", "status": "complete", "curve": {"nats_below": [v]}}
        for a, v in lost.items()
    ]
    row = {"experiment": "E1 frozen", "case": "ppca", "optimum": -2.702, "closed_form": closed, "arms": arms}
    said = amortization_checks.faults([row])
    assert len(said) == 3
    nan = {**row, "optimum": np.nan, "arms": [{**a, "curve": {"nats_below": [np.nan]}} for a in arms]}
    assert len(amortization_checks.faults([nan])) == 3
    assert "mean-field gap" in said[0]
    assert "'amortized' loses 0.0020 nats a row (seed 0, numpyro), the closed form 0.0000" in said[1]
    assert RANK_1 in said[2]


def test_a_turned_code_has_the_same_likelihood_and_a_mean_field_gap() -> None:
    x = np.random.default_rng(0).normal(size=(50, 4)) * np.arange(1, 5)
    found = linear.fit({"x": x})
    assert found is not None
    assert linear.log_likelihood(x, turned(found)) == pytest.approx(linear.log_likelihood(x, found))
    assert linear.mean_field_gap(found) == pytest.approx(0, abs=1e-9)
    assert linear.mean_field_gap(turned(found)) > 0.05


def test_paired_draws_have_the_moments_of_every_pair() -> None:
    first, local = paired(64, 5, 1, 1, 0)
    each = local[:, 0, :, 0]
    assert (first**2).mean() == pytest.approx(1)
    assert (each**2).mean(0) == pytest.approx(np.ones(5))
    assert (first * each).mean(0) == pytest.approx(np.zeros(5), abs=1e-12)
    assert each.mean(0) == pytest.approx(np.zeros(5), abs=1e-12)


@pytest.mark.long
def test_learning_here_is_learning_by_fit() -> None:
    import zoo

    model = zoo.model("hierarchical_normal")
    words: dict[str, Any] = {"local": "per_datapoint", "num_steps": 40, "seed": 3}
    run = build(model, model.data(), words)
    curve = learn(run, 2, lambda _: 0.0)
    assert curve.steps == [0, 20, 40]
    same = zoo.fit(model, **words)
    for name, value in same.params.items():
        assert run.params[name] == pytest.approx(value, rel=1e-5, abs=1e-6)
    # The benchmark's balanced draws against plain ones, within 4 of their errors.
    plain, exact = run.elbo(num_draws=1000), total(run, run.params["local.phi"])
    assert plain is not None
    assert abs(exact - plain.value) < 4 * plain.error
    assert exact < hierarchical.mean_field({"x": model.data()["x"]}).elbo


def test_the_committed_rates_are_the_best_of_what_was_tried() -> None:
    plan = amortization_plan.reduced()
    for experiment, cases in (("frozen", plan.frozen), ("joint", plan.joint)):
        for case in cases:
            tried = TRIED[f"{experiment}: {case.name.split(',')[0]}"]
            assert set(tried) <= set(case.arms)
            assert all(len(each) == len(GRID) for each in tried.values())
            for arm, each in tried.items():
                chosen = each[GRID.index(rate_of(experiment, case.name, arm))]
                assert chosen == max(v for v in each if v is not None)


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("results")
    plan = amortization_plan.quick()
    cases: dict[str, Any] = {
        name: [replace(c, arms={"amortized": c.arms["amortized"]}) for c in getattr(plan, name)[:1]]
        for name in ("frozen", "totals", "joint")
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(results, "FOLDER", folder)
        patch.setattr(amortization_plan, "quick", lambda device: replace(plan, **cases, new_rows=(1,), device=device))
        code = amortization.main(["--quick"])
    found = json.loads((folder / "amortization_quick.json").read_text())
    wrong = next(row["faults"] for row in found["rows"] if row["experiment"] == "must hold")
    # So few steps do not bring the affine encoder to its optimum: that is said, and the exit code is 1.
    assert code == 1
    assert any("the encoder of 'amortized' loses" in fault for fault in wrong)
    return folder


@pytest.mark.long
def test_quick_writes_what_its_page_reads(measured: Path) -> None:
    found = json.loads((measured / "amortization_quick.json").read_text())
    kinds = [row["experiment"] for row in found["rows"]]
    assert kinds[:4] == ["tier A", "E1 frozen", "E1 frozen, totals", "E2 joint"]
    assert all(row["size"] == "quick" for row in found["rows"])
    assert max(found["rows"][0]["differences"].values()) < amortization_checks.TIER_A
    joint = found["rows"][3]
    assert len({tuple(arm["start_hash"]) for arm in joint["arms"]}) == 1
    assert {r["local"] for r in joint["latency"]} == {"amortized", "per_datapoint"}
    page = (measured / "amortization_quick.md").read_text()
    assert "(quick size)" in page
    assert "Does not hold" in page
    assert all((measured / name).exists() for name in page.split("](")[1:] for name in [name.split(")")[0]])
