"""Rows that are held out: which they are, that nothing is learnt from them, and how they are said to fare."""

import json
import math
from typing import Any

import numpy as np
import pytest

import zoo
from zoo import catalogue, held_out, rows
from zoo.cli_runs import facts
from zoo.errors import UserError
from zoo.held_out import NewRows
from zoo.request import Request


def held(rows: int, share: float, seed: int = 0) -> np.ndarray:
    return Request(held_out=share, seed=seed).split({"x": np.arange(rows)})[1]["x"]


def test_rows_are_split_whole_and_by_the_seed() -> None:
    data = {"x": np.arange(20.0), "y": np.arange(20.0)[:, None] * [1.0, -1.0]}
    kept, new = Request(held_out=0.25).split(data)
    assert (len(kept["x"]), len(new["x"])) == (15, 5)
    np.testing.assert_array_equal(np.sort(np.concatenate([kept["x"], new["x"]])), data["x"])
    for part in (kept, new):
        np.testing.assert_array_equal(part["y"][:, 1], -part["x"])
        assert (np.diff(part["x"]) > 0).all()
    np.testing.assert_array_equal(held(20, 0.25), new["x"])
    assert (held(20, 0.25, seed=1) != new["x"]).any()
    assert Request().split(data) == (data, {})


@pytest.mark.parametrize("share", [0, 1, 1.5, -0.1, math.nan, True, "0.1", 0.04, 0.96])
def test_a_share_that_leaves_no_rows_is_one_line(share: Any) -> None:
    with pytest.raises(UserError, match=f"held_out={share!r}") as error:
        zoo.fit("height", held_out=share)
    assert "\n" not in str(error.value)


def test_a_seed_that_is_none_is_said_before_rows_are_drawn() -> None:
    with pytest.raises(UserError, match="seed=-1"):
        zoo.fit("height", held_out=0.2, seed=-1)


def test_options_are_measured_on_what_is_learnt_from_and_counted_on_all() -> None:
    x = np.arange(10.0)[:, None]
    bound = catalogue.model("gmm_bayes").bind({"x": x[:5]}, held_out={"x": x[5:]})
    assert np.ravel(bound.options["center"]) == pytest.approx([2.0])
    assert bound.options["D"] == 1
    y = np.array([[0.0, 1.0], [1.0, 0.0], [0.0, 3.0]])
    data = {"x": np.ones((3, 2, 1)), "y": y}
    some, last = ({n: v[s] for n, v in data.items()} for s in (slice(0, 2), slice(2, 3)))
    assert catalogue.model("crf").bind(some).options["K"] == 2
    assert catalogue.model("crf").bind(some, held_out=last).options["K"] == 4


def test_the_numbers_are_the_means_of_both_kinds(backend: str) -> None:
    """By the known density of a normal, in the precision of single floats."""
    x = np.random.default_rng(0).normal(1.7, 0.1, 40)
    run = zoo.fit("height", data=x, held_out=0.25, num_steps=200, finish=True, backend=backend)
    assert (len(run.data["x"]), len(run.held_out["x"])) == (30, 10)
    assert float(run.params["loc"]) == pytest.approx(run.data["x"].mean(), rel=1e-5)
    found = run.new_rows()
    assert (found.rows, found.training_rows, found.method) == (10, 30, "exact")
    for data, mean, error in (
        (run.held_out, found.held_out, found.held_out_error),
        (run.data, found.training, found.training_error),
    ):
        z = (data["x"] - run.params["loc"]) / run.params["scale"]
        each = -0.5 * (z**2 + np.log(2 * np.pi * run.params["scale"] ** 2))
        assert mean == pytest.approx(each.mean(), abs=1e-4)
        assert error == pytest.approx(each.std(ddof=1) / math.sqrt(len(z)), rel=1e-3)


def test_networks_on_few_rows_say_that_new_rows_fare_worse(backend: str) -> None:
    model = zoo.model("vae", hidden=16, latent=2)
    run = zoo.fit(model, data=model.data()["x"][:50], held_out=0.1, num_steps=400, backend=backend)
    found = run.new_rows()
    assert found.worse
    assert found.held_out < found.training - 10
    assert facts(run)["held-out rows"] == str(found)
    assert "nats per row of 5, training" in str(found)
    assert ": new rows fare worse by " in str(found)


def test_more_parameters_than_rows_are_said(backend: str) -> None:
    model = zoo.model("vae", hidden=8, latent=3)
    run = zoo.fit(model, data=model.data()["x"][:20], num_steps=1, backend=backend)
    assert "give held_out=0.1" in facts(run)["new rows"]
    assert "new rows" not in facts(zoo.fit("height", num_steps=1, backend=backend))
    with pytest.raises(UserError, match="no rows were held out"):
        run.new_rows()


def test_what_is_held_out_is_saved_and_goes_on_to_a_refit(backend: str, tmp_path: Any) -> None:
    words = {"held_out": 0.2, "num_steps": 2, "backend": backend}
    run = zoo.fit("gmm_bayes", data="old_faithful_8", num_draws=20, restarts=1, **words)
    folder = run.save(tmp_path / "run")
    back = zoo.load_run(folder)
    for name, x in run.held_out.items():
        np.testing.assert_array_equal(back.held_out[name], x)
    assert back.model.options == run.model.options
    assert back.new_rows() == run.new_rows()
    other = back.refit(guide="full_rank", num_steps=2)
    assert other.request.held_out == 0.2
    np.testing.assert_array_equal(other.held_out["x"], run.held_out["x"])
    with pytest.raises(UserError, match="a refit holds out"):
        back.refit(guide="full_rank", held_out=0.5)
    (folder / "held_out.safetensors").write_bytes((folder / "data.safetensors").read_bytes())
    with pytest.raises(UserError, match="do not have the hash"):
        zoo.load_run(folder)
    (folder / "held_out.safetensors").unlink()
    with pytest.raises(UserError, match="damaged"):
        zoo.load_run(folder)


def test_a_run_of_before_rows_were_held_out_opens(backend: str, tmp_path: Any) -> None:
    folder = zoo.fit("height", num_steps=1, backend=backend, out=tmp_path / "run") and tmp_path / "run"
    said = json.loads((folder / "run.json").read_text())
    del said["held_out_hash"], said["request"]["held_out"]
    (folder / "run.json").write_text(json.dumps(said))
    assert not (folder / "held_out.safetensors").exists()
    assert zoo.load_run(folder).held_out == {}


@pytest.mark.parametrize(
    ("name", "words", "nuts"),
    [
        ("crf", {}, False),
        ("hmm", {}, False),
        ("hierarchical_normal", {"local": "per_datapoint"}, True),
        ("lda", {}, False),
    ],
)
def test_any_model_says_how_new_rows_fare(
    name: str, words: Any, nuts: bool, backend: str, small_model: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of several arrays, of series, with rows' own numbers, of chains; fewer rows of each kind than there are."""
    monkeypatch.setattr(held_out, "MOST", 2)
    model = small_model(name)
    chosen = "simulated" if name == "hmm" else None  # its first data set is one series
    data = {key: x[:8] for key, x in model.data(chosen).items()}
    common = {"data": data, "held_out": 0.5, "backend": backend, "num_draws": 10}
    runs = [zoo.fit(model, num_steps=2, restarts=1, **words, **common)]
    if nuts:
        runs.append(zoo.fit(model, method="nuts", num_chains=1, num_warmup=5, **common))
    for run in runs:
        found = run.new_rows()
        assert (found.rows, found.training_rows) == (2, 2)
        assert np.isfinite([found.held_out, found.training, found.short]).all()


def test_rows_that_keep_their_own_numbers_are_not_fitted_again(backend: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(held_out, "MOST", 4)
    run = zoo.fit("gmm", local="per_datapoint", held_out=0.01, num_steps=2, restarts=1, finish=False, backend=backend)
    index = np.array([3, 8])
    some = rows.some_rows(run, index)
    monkeypatch.setattr("zoo.rows.fit_phi", None)
    np.testing.assert_array_equal(run.params_for(some)["local.phi"], run.params["local.phi"][index])


@pytest.mark.parametrize(
    ("found", "worse", "words"),
    [
        (
            NewRows(-122.0, 3.1, -3.1, 0.2, 5, 45, "exact"),
            True,
            "-122.0 ± 3.1 nats per row of 5, training -3.10 ± 0.20",
        ),
        (NewRows(-3.5, 0.3, -3.1, 0.2, 5, 45, "exact"), False, "-3.50 ± 0.30 nats per row of 5"),
        (NewRows(-9.0, math.nan, -3.1, 0.2, 1, 45, "exact"), False, "-9 nats per row of 1,"),
        (NewRows(-math.inf, math.nan, -3.1, 0.2, 5, 45, "exact"), True, "fare worse by inf"),
    ],
)
def test_a_difference_is_said_beyond_twice_its_error(found: NewRows, worse: bool, words: str) -> None:
    assert found.worse == worse
    assert words in str(found)
    assert ("new rows fare worse" in str(found)) == worse
