"""What is said of a run: verdicts in words that change when the draws do."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import zoo
from zoo import diagnose as m
from zoo.card import Card, Site
from zoo.report import diagnosis as drawn

N = 30
SITES = (
    Site("loc", "latent", (), "real", "mean", unit="m"),
    Site("scale", "latent", (), "positive", "sd", unit="m"),
    Site("x", "observed", ("row",), "real", "height", unit="m"),
)


def card() -> Card:
    return Card(
        name="height_bayes",
        title="Gaussian with priors",
        lecture="",
        process="",
        formula="",
        sites=SITES,
        inputs={"x": ("row",)},
        datasets=(),
        exact={},
        hard="",
        references=(),
        dims=lambda data, options: {"row": len(data["x"])},
    )


def fake_run(method: str = "nuts", apart: float = 0.0, k_hat: float | None = None) -> SimpleNamespace:
    """Return a run whose chains' means lie `apart` standard deviations from each other."""
    rng = np.random.default_rng(0)
    lead = (4, 300) if method == "nuts" else (1, 1000)
    x = rng.normal(1.7, 0.1, size=N)
    loc = rng.normal(1.7, 0.02, size=lead) + 0.02 * apart * np.arange(lead[0])[:, None]
    scale = rng.lognormal(np.log(0.1), 0.05, size=lead)
    density = -0.5 * ((x - loc[..., None]) / scale[..., None]) ** 2 - np.log(scale[..., None])
    draws = {"loc": loc, "scale": scale}
    return SimpleNamespace(
        model=SimpleNamespace(name="height_bayes", card=card(), options={}),
        data={"x": x},
        observed={"x": x},
        draws=draws,
        relabelled=draws,
        sample_stats={"lp": rng.normal(size=lead), "diverging": np.zeros(lead, dtype=bool)},
        posterior_predictive=lambda num: {"x": rng.normal(1.7, 0.1, size=(num, N))},
        log_likelihood_draws=lambda: density,
        k_hat=lambda: k_hat,
        method=method,
        status="converged",
        latents=[site for site in card().sites if site.kind == "latent"],
        backend="numpyro",
        guide="mean_field",
        seed=0,
        versions={"numpyro": "0"},
    )


def test_chains_that_agree_are_trusted() -> None:
    found = m.diagnose(fake_run())
    assert found.trusted
    assert set(found.verdicts) == {
        "R-hat",
        "effective draws",
        "divergences",
        "leave-one-out",
        "replicated data",
    }
    assert "of loc" in found.verdicts["R-hat"] or "of scale" in found.verdicts["R-hat"]


def test_chains_that_disagree_are_not_trusted() -> None:
    found = m.diagnose(fake_run(apart=3.0))
    assert not found.trusted
    assert "of loc: not to be trusted" in found.verdicts["R-hat"]
    assert "of loc: not to be trusted" in found.verdicts["effective draws"]


def test_divergences_are_counted_and_not_trusted() -> None:
    run = fake_run()
    run.sample_stats["diverging"][1, :3] = True
    assert m.diagnose(run).verdicts["divergences"] == "3 of 1200 draws: not to be trusted"


@pytest.mark.parametrize(("k_hat", "trusted"), [(0.3, True), (0.93, False), (np.inf, False)])
def test_a_guide_is_judged_by_its_k_hat_and_never_by_r_hat(k_hat: float, trusted: bool) -> None:
    found = m.diagnose(fake_run("svi", k_hat=k_hat))
    assert found.trusted is trusted
    assert "R-hat" not in found.verdicts
    assert ("not to be trusted" in found.verdicts["k-hat of the guide"]) is not trusted


def test_learning_that_has_not_arrived_is_not_trusted() -> None:
    run = fake_run("svi", k_hat=0.3)
    run.status = "not converged: the last 10 steps still raised the ELBO by 2 nats per row"
    found = m.diagnose(run)
    assert not found.trusted
    assert "2 nats per row" in found.verdicts["learning"]


def test_a_run_of_an_earlier_version_is_not_said_to_have_arrived_or_not() -> None:
    run = fake_run("svi", k_hat=0.3)
    run.status = "complete"
    assert "earlier version" in m.diagnose(run).verdicts["learning"]
    assert m.diagnose(run).trusted


def test_the_distance_to_an_exact_fit_is_named(backend: str) -> None:
    """At loc 1.75 and scale 0.06 the ten heights' likelihood is a closed form, and so is its maximum."""
    run = zoo.fit("height", backend=backend, num_steps=1, dtype="float64")
    run.params = {"loc": np.array(1.75), "scale": np.array(0.06)}
    x = run.data["x"]
    short = (14.989761 - np.sum(-0.5 * np.log(2 * np.pi * 0.06**2) - (x - 1.75) ** 2 / (2 * 0.06**2))) / 10
    assert f"{short:.2g} nats per row below the exact maximum" in m.learning_verdict(run)


def test_replicates_unlike_the_data_are_named() -> None:
    run = fake_run()
    run.observed["x"] = run.observed["x"] + 1.0
    words = m.diagnose(run).verdicts["replicated data"]
    assert "mean of x" in words
    assert "sd of x" not in words


def test_of_many_statistics_the_verdict_names_a_few_and_counts_the_rest() -> None:
    rng, run = np.random.default_rng(1), fake_run()
    run.observed["wide"] = rng.standard_normal((N, 30))
    run.posterior_predictive = lambda num: {"wide": 5 + rng.standard_normal((num, N, 30))}
    found = m.diagnose(run)
    assert len(found.checks) == 120
    words = found.verdicts["replicated data"]
    assert words.count("wide[") == 3
    # No mean of the data is like theirs, shifted by 5; each other statistic may be odd or not.
    more = int(words.split(" and ")[1].split(" more of 120")[0])
    assert more >= 30 + 30 + 30 - 3
    assert [c["p"] for c in m.most_unlike(found.checks)] == [1.0] * 16


def test_the_share_above_counts_ties_half() -> None:
    rows = list(m.predictive_checks({"x": np.zeros((3, 2))}, {"x": np.zeros((10, 3, 2))}))
    assert {row["quantity"] for row in rows} == {"x[0]", "x[1]"}
    assert {row["p"] for row in rows} == {0.5}


@pytest.mark.parametrize(
    ("method", "names"),
    [
        ("nuts", {"forest-loc", "forest-scale", "trace", "rank", "pair", "pareto-k", "replicated-x"}),
        ("svi", {"forest-loc", "forest-scale", "pair", "pareto-k", "replicated-x"}),
    ],
)
def test_every_plot_is_written(method: Any, names: set[str], tmp_path: Any) -> None:
    run = fake_run(method, k_hat=0.2)
    paths = drawn.plots(run, m.diagnose(run), tmp_path)
    assert {path.stem for path in paths} == names
    assert all(path.stat().st_size > 5_000 for path in paths)


def test_a_pair_plot_keeps_to_sites_that_fit() -> None:
    rows: list[dict[str, Any]] = [{"site": "weights"}] * 3 + [{"site": "loc"}] * 5 + [{"site": "variance"}] * 5
    assert drawn.few_scalars(m.Diagnosis(rows, {}, None, [], None)) == ["weights", "loc"]


def test_steps_of_series_count_as_rows_and_what_was_not_seen_does_not() -> None:
    x = np.array([[[1.0, 5], [3, 7]], [[2, np.nan], [np.nan, np.nan]]])
    drawn = np.where(np.isnan(x), np.nan, np.stack([x + 1, x - 1, x - 2]))
    checks = {(c["quantity"], c["statistic"]): c for c in m.predictive_checks({"x": x}, {"x": drawn})}
    assert {quantity for quantity, _ in checks} == {"x[0]", "x[1]"}
    assert checks["x[0]", "mean"]["observed"] == pytest.approx(2)
    assert checks["x[1]", "max"]["observed"] == 7
    assert checks["x[1]", "max"]["replicated"] == pytest.approx((8 + 6 + 5) / 3)
    assert checks["x[0]", "mean"]["p"] == pytest.approx(1 / 3)
