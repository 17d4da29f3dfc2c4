"""What is given and not modelled, on its way through a run: a conditional random field with and without priors."""

from typing import Any

import numpy as np
import pytest

import zoo
from zoo.inference_data import inference_data, loo
from zoo.models.crf import steps
from zoo.models.crf.data import simulate

K, D, ROWS = 3, 2, 40
DATA = simulate(0, ROWS, K=K, D=D)
NEW = simulate(1, 7, K=K, D=D)
SHORT: dict[str, Any] = {"num_steps": 60, "num_draws": 50, "dtype": "float64"}

_RUNS: dict[tuple[str, str], zoo.Run] = {}


@pytest.fixture(params=["crf", "crf_bayes"])
def run(request: pytest.FixtureRequest, backend: str) -> zoo.Run:
    key = (request.param, backend)
    if key not in _RUNS:
        _RUNS[key] = zoo.fit(request.param, data=DATA, backend=backend, **SHORT)
    return _RUNS[key]


def test_data_are_told_apart(run: zoo.Run) -> None:
    assert list(run.observed) == ["y"]
    assert list(run.covariates) == ["x"]
    assert run.model.options["K"] == K
    assert run.model.options["D"] == D


def test_drawn_rows_stand_beside_what_they_were_drawn_for(run: zoo.Run) -> None:
    drawn = run.sample(7, seed=3)
    assert {name: x.shape for name, x in drawn.items()} == {"x": (7, 6, D), "y": (7, 6)}
    known = {row.tobytes() for row in DATA["x"]}
    assert all(row.tobytes() in known for row in drawn["x"])
    assert len({row.tobytes() for row in drawn["x"]}) > 3
    assert not drawn["y"][~steps(drawn["x"])].any()
    np.testing.assert_array_equal(run.sample(7, seed=3)["y"], drawn["y"])
    given = run.sample(7, given={"x": NEW["x"]})
    np.testing.assert_array_equal(given["x"], NEW["x"])
    assert not given["y"][~steps(NEW["x"])].any()


def test_drawn_labels_follow_from_the_covariates(run: zoo.Run) -> None:
    """One string many times: its labels' frequencies are the marginals, of the parameters' draws with a prior."""
    one, count = NEW["x"][:1], 600
    y = run.sample(count, given={"x": np.repeat(one, count, 0)})["y"]
    values = [{name: v[s] for name, v in run.flat.items()} for s in range(50)] if run.latents else [run.params]
    exact = run.model.exact
    probs = np.mean([exact.marginals(one, v, **run.model.options)[0] for v in values], 0)
    there = steps(one)[0]
    found = (y[..., None] == np.arange(K)).mean(0)
    # 18 cells at 5 standard errors: a false alarm in 90,000; draws of the parameters are seen 12 times each.
    error = np.sqrt(probs * (1 - probs) / count)
    assert (np.abs(found - probs)[there] <= 5 * error[there] + 1 / count).all()


@pytest.mark.parametrize(
    ("n", "given", "words"),
    [
        (3, lambda x: {"x": x}, "n=3, and the covariate 'x' has 7 rows"),
        (7, lambda x: {"y": x[..., 0]}, "array 'y' is unknown in the covariates of model"),
        (7, lambda x: {"x": x[..., :1]}, "new rows 'x' have"),
        (7, lambda x: {"x": np.where(x > 1, np.inf, x)}, "rows that are not finite"),
    ],
)
def test_covariates_are_checked(run: zoo.Run, n: int, given: Any, words: str) -> None:
    with pytest.raises(zoo.UserError, match=words):
        run.sample(n, given=given(NEW["x"]))


def test_a_model_without_covariates_is_given_none(fit: Any, backend: str) -> None:
    made = fit("height", backend, num_steps=500)
    assert list(made.sample(3)) == ["x"]
    assert made.covariates == {}
    with pytest.raises(zoo.UserError, match="array 'x' is unknown in the covariates of model 'height'"):
        made.sample(3, given={"x": np.ones(3)})


def test_arrays_agree_in_the_dimensions_that_they_share() -> None:
    with pytest.raises(zoo.UserError, match="data 'y' has step 5, and 'x' has 6; give both the same step"):
        zoo.fit("crf", data={"x": DATA["x"], "y": DATA["y"][:, :5]})
    with pytest.raises(zoo.UserError, match="data 'y' has row 39, and 'x' has 40; give both the same row"):
        zoo.fit("crf", data={"x": DATA["x"], "y": DATA["y"][1:]})


def test_new_rows_are_judged_by_the_exact_density(run: zoo.Run) -> None:
    found = run.log_likelihood(NEW)
    values = [{name: v[s] for name, v in run.flat.items()} for s in range(50)] if run.latents else [run.params]
    each = [run.model.exact.log_likelihood(NEW, v, **run.model.options) for v in values]
    np.testing.assert_allclose(found.value, np.logaddexp.reduce(each) - np.log(len(each)), rtol=1e-9)
    assert run.model.log_likelihood(NEW, values[0]) == pytest.approx(each[0])


def test_a_label_that_is_none_has_no_probability(run: zoo.Run) -> None:
    y = NEW["y"].copy()
    y[0, 0] = K
    found = run.log_likelihood({"x": NEW["x"], "y": y}).value
    assert found[0] == -np.inf
    assert np.isfinite(found[1:]).all()


def test_arviz_has_them_as_constant_data(run: zoo.Run) -> None:
    data = inference_data(run, num_predictive=5)
    np.testing.assert_array_equal(data["constant_data"]["x"].values, DATA["x"])
    assert data["constant_data"]["x"].dims == ("row", "step", "feature")
    assert list(data["observed_data"].data_vars) == ["y"]
    assert data["posterior_predictive"]["y"].shape == (1, 5, ROWS, 6)
    assert data["prior_predictive"]["y"].shape == (1, 5, ROWS, 6)
    assert "constant_data" not in inference_data(run, 5, ("observed_data",))
    assert data["log_likelihood"]["y"].shape == (1, 50 if run.latents else 1, ROWS)
    if run.latents:
        assert data["prior"]["transition"].shape == (1, 5, K, K)
        assert loo(run).pareto_k.shape == (ROWS,)


@pytest.mark.needs("pyro", "numpyro")
@pytest.mark.parametrize("name", ["crf", "crf_bayes"])
def test_a_run_opens_in_the_other_backend(name: str, tmp_path: Any) -> None:
    here = _RUNS.get((name, "numpyro")) or zoo.fit(name, data=DATA, backend="numpyro", **SHORT)
    there = zoo.load_run(here.save(tmp_path / "run"), backend="pyro")
    np.testing.assert_array_equal(there.data["x"], DATA["x"])
    np.testing.assert_allclose(there.log_likelihood(NEW).value, here.log_likelihood(NEW).value, rtol=1e-9)
    noise = None if not here.latents else np.random.default_rng(0).standard_normal((4, here.program.guide.noise_size))
    assert there.elbo(noise=noise).value == pytest.approx(here.elbo(noise=noise).value, rel=1e-9)


def test_a_batch_counts_for_all_rows(backend: str) -> None:
    """The mean loss over all subsets of 4 of 6 strings is the whole loss, to rounding."""
    from itertools import combinations

    some = {name: x[:6] for name, x in DATA.items()}
    made = zoo.fit("crf", data=some, backend=backend, batch_size=4, K=K, **{**SHORT, "num_steps": 1})
    state = made.state
    whole = made.program.learn(state, np.zeros(1), None, 0)[1][0]
    rows = np.array(list(combinations(range(6), 4)), dtype=np.int32)
    each = [made.program.learn(state, np.zeros(1), one[None], 0)[1][0] for one in rows]
    assert np.mean(each) == pytest.approx(whole, rel=1e-10)
    assert np.std(each) > 0.01
