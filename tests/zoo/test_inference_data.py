"""Draws to ArviZ data: groups, dimensions and shapes, in ArviZ 0.23 and 1.x alike."""

import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from zoo import inference_data as m
from zoo.card import Card, Site
from zoo.errors import UserError

K, D, N = 3, 2, 7


def fake_card(**changes: Any) -> Card:
    words: dict[str, Any] = {
        "name": "mixture",
        "title": "A mixture",
        "lecture": "",
        "process": "",
        "formula": "",
        "sites": (
            Site("floor", "param", (), "positive", "a parameter"),
            Site("weights", "latent", ("component",), "simplex", "shares"),
            Site("loc", "latent", ("component", "feature"), "real", "means"),
            Site("z", "latent", ("row",), "category", "allocation"),
            Site("x", "observed", ("row", "feature"), "real", "data"),
        ),
        "inputs": {"x": ("row", "feature")},
        "datasets": (),
        "exact": {},
        "hard": "",
        "references": (),
        "dims": lambda data, options: {"row": len(data["x"]), "feature": data["x"].shape[1], "component": K},
        "exchangeable": "component",
        "label_sites": ("loc",),
    }
    return Card(**words | changes)


def fake_run(method: str = "svi", num_chains: int = 1, num_draws: int = 100, **changes: Any) -> SimpleNamespace:
    rng = np.random.default_rng(0)
    lead = (num_chains, num_draws)
    draws = {"weights": rng.dirichlet(np.ones(K), size=lead), "loc": rng.normal(size=(*lead, K, D))}
    words: dict[str, Any] = {
        "model": SimpleNamespace(name="mixture", card=fake_card(), options={"K": K, "center": np.zeros(D)}),
        "data": {"x": rng.normal(size=(N, D))},
        "draws": draws,
        "relabelled": {"weights": draws["weights"][..., ::-1], "loc": draws["loc"]},
        "sample_stats": {"lp": rng.normal(size=lead), "lq": rng.normal(size=lead)},
        "posterior_predictive": lambda num: {"x": rng.normal(size=(num, N, D))},
        "prior": lambda num: {
            "weights": rng.dirichlet(np.ones(K), size=num),
            "loc": rng.normal(size=(num, K, D)),
            "z": rng.integers(K, size=(num, N)),
            "x": rng.normal(size=(num, N, D)),
        },
        "log_likelihood_draws": lambda: -2 - 0.1 * np.random.default_rng(1).normal(size=(*lead, N)) ** 2,
        "method": method,
        "guide": "mean_field",
        "backend": "numpyro",
        "seed": 4,
        "versions": {"numpyro": "0.22.0"},
    }
    return SimpleNamespace(**words | changes)


def test_groups_dimensions_and_values():
    run = fake_run()
    data = m.inference_data(run, num_predictive=20)
    expected = {
        "posterior": {"weights": ("component",), "loc": ("component", "feature")},
        "posterior_raw": {"weights": ("component",), "loc": ("component", "feature")},
        "posterior_predictive": {"x": ("row", "feature")},
        "prior": {"weights": ("component",), "loc": ("component", "feature"), "z": ("row",)},
        "prior_predictive": {"x": ("row", "feature")},
        "log_likelihood": {"x": ("row",)},
        "sample_stats": {"lp": (), "lq": ()},
    }
    for group, sites in expected.items():
        assert {n: v.dims for n, v in data[group].data_vars.items()} == {
            n: ("chain", "draw", *dims) for n, dims in sites.items()
        }
    assert data["observed_data"]["x"].dims == ("row", "feature")
    assert data["posterior_predictive"].sizes["draw"] == 20
    np.testing.assert_array_equal(data["posterior"]["weights"].values, run.relabelled["weights"])
    np.testing.assert_array_equal(data["posterior_raw"]["weights"].values, run.draws["weights"])
    np.testing.assert_array_equal(data["posterior"]["component"].values, [0, 1, 2])
    assert data["posterior"].attrs["model"] == "mixture"


def test_it_survives_the_disk(tmp_path):
    az = m.arviz()
    data = m.inference_data(fake_run(num_chains=2))
    data.to_netcdf(str(tmp_path / "draws.nc"))
    back = az.from_netcdf(str(tmp_path / "draws.nc"))
    np.testing.assert_array_equal(back["posterior_raw"]["loc"].values, data["posterior_raw"]["loc"].values)
    assert back["posterior"].attrs["seed"] == 4
    assert float(az.rhat(back["posterior"]["weights"].values[..., 0])) == pytest.approx(1, abs=0.2)


@pytest.mark.parametrize("exchangeable", ["component", ""])
def test_written_chains_are_read_back_as_they_came(tmp_path, exchangeable):
    run = fake_run("nuts", num_chains=2)
    run.model.card = fake_card(exchangeable=exchangeable)
    if not exchangeable:
        run.relabelled = run.draws
    m.write(run, tmp_path / "draws.nc")
    draws, stats = m.read_chains(tmp_path / "draws.nc")
    assert draws.keys() == run.draws.keys()
    assert stats.keys() == run.sample_stats.keys()
    for name, values in (run.draws | run.sample_stats).items():
        np.testing.assert_array_equal((draws | stats)[name], values)


def test_no_raw_group_without_exchangeable_labels_and_no_posterior_without_latents():
    run = fake_run()
    run.model.card = fake_card(exchangeable="")
    names = m.inference_data(run)
    assert "posterior_raw" not in group_names(names)
    run = fake_run(draws={}, relabelled={})
    assert not {"posterior", "posterior_raw"} & group_names(m.inference_data(run))


def group_names(data: Any) -> set[str]:
    return set(data.groups()) if callable(data.groups) else {g.strip("/") for g in data.groups if g != "/"}


def test_only_the_groups_asked_for_are_drawn():
    def never(num: int) -> dict:
        raise AssertionError("not asked for")

    run = fake_run(prior=never, posterior_predictive=never)
    assert group_names(m.inference_data(run, groups=("log_likelihood", "posterior"))) == {
        "posterior",
        "log_likelihood",
    }


@pytest.mark.parametrize(
    ("attribute", "wrong", "site"),
    [
        ("relabelled", {"loc": np.zeros((1, 100, D, K))}, "loc"),
        ("relabelled", {"weights": np.zeros((1, 100, K, 1))}, "weights"),
        ("sample_stats", {"lp": np.zeros((1, 100, 1))}, "lp"),
        ("posterior_predictive", lambda num: {"x": np.zeros((num, D, N))}, "x"),
        ("log_likelihood_draws", lambda: np.zeros((1, 100, N - 1)), "x"),
    ],
)
def test_a_shape_that_disagrees_with_the_card_is_an_error(attribute, wrong, site):
    with pytest.raises(ValueError, match=f"site '{site}' has values of shape .*; the card says"):
        m.inference_data(fake_run(**{attribute: wrong}))


def test_summary_of_guide_draws_has_no_chain_diagnostics():
    run = fake_run()
    rows = {row["name"]: row for row in m.summary(run)}
    assert list(rows)[:4] == ["weights[0]", "weights[1]", "weights[2]", "loc[0, 0]"]
    values = run.relabelled["loc"][0, :, 2, 1]
    row = rows["loc[2, 1]"]
    assert row["mean"] == pytest.approx(values.mean())
    assert row["mcse"] == pytest.approx(values.std(ddof=1) / math.sqrt(100))
    assert (row["low"], row["high"]) == pytest.approx(tuple(np.quantile(values, [0.03, 0.97])))
    assert all(r[key] is None for r in rows.values() for key in ("r_hat", "ess_bulk", "ess_tail"))


def test_summary_of_chains_sees_a_chain_that_is_elsewhere():
    run = fake_run("nuts", num_chains=4)
    assert all(0.97 < row["r_hat"] < 1.1 and row["ess_bulk"] > 100 for row in m.summary(run))
    run.relabelled["loc"] = run.relabelled["loc"].copy()
    run.relabelled["loc"][0, :, 1, 0] += 9
    r_hat = {row["name"]: row["r_hat"] for row in m.summary(run)}
    assert r_hat.pop("loc[1, 0]") > 1.3
    assert max(r_hat.values()) < 1.1


def test_summary_of_an_entry_that_does_not_vary_has_no_nan():
    run = fake_run("nuts", num_chains=2)
    run.relabelled["weights"] = np.ones_like(run.relabelled["weights"])
    row = m.summary(run)[0]
    assert (row["mean"], row["sd"], row["mcse"], row["r_hat"]) == (1.0, 0.0, 0.0, None)


def test_loo_by_hand():
    # With weights all but equal, leaving a row out costs the log of the mean of 1 / likelihood.
    run = fake_run(num_draws=900)
    result = m.loo(run)
    likelihood = np.exp(run.log_likelihood_draws()[0])
    assert result.elpd == pytest.approx(-np.log(np.mean(1 / likelihood, axis=0)).sum(), abs=0.02)
    assert result.note == "good"
    assert result.pareto_k.shape == (N,)


def test_loo_says_when_it_is_not_to_be_trusted():
    rng = np.random.default_rng(2)
    tail = -3 * rng.exponential(size=(1, 900, N))
    result = m.loo(fake_run(num_draws=900, log_likelihood_draws=lambda: tail))
    assert result.note == f"not to be trusted: k̂ > 0.7 at {N} of {N} rows"


def test_loo_of_maximum_likelihood_names_the_remedy():
    with pytest.raises(UserError, match="Bayesian twin"):
        m.loo(fake_run(draws={}, relabelled={}))
