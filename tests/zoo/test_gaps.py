"""Gaps against closed forms, their orderings, annealing against exact evidence, and what is said of them.

Every comparison of an estimate allows 4 Monte Carlo errors of a mean, a false alarm in 16,000, and seeds are fixed.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

import zoo
from zoo import cli, estimators
from zoo.errors import UserError
from zoo.gaps import Evidence, annealing, below_zero, gaps, table
from zoo.gaps.best import best_phi
from zoo.gaps.measure import draw, noise, summary
from zoo.inference import run_request
from zoo.learnt import CONVERGED
from zoo.models.ppca import exact
from zoo.models.random_walk import exact as random_walk
from zoo.models.random_walk.data import simulate
from zoo.report.gaps import gap_bars, k_hats
from zoo.request import Request
from zoo.rows import prior_phi
from zoo.settle import balanced

ERRORS = 4.0
WIDE = {"weight": np.array([[1, 0.5], [0.5, 1], [0.3, -0.2]]), "loc": np.zeros(3), "scale": np.array(0.5)}
GAP = 0.223815  # exact.mean_field_gap(WIDE), as in the model's own tests
ROWS = 40


def plane(size: int = ROWS) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    return {"x": rng.normal(rng.standard_normal((size, 2)) @ WIDE["weight"].T, 0.5)}


def held(backend: str, family: str, steps: int, **words: Any) -> Any:
    """Return a run of ppca with its parameters held at WIDE, and only the encoder learnt."""
    data = plane()
    asked = Request(
        backend=backend,
        num_steps=steps,
        local="amortized",
        local_guide=family,
        learning_rate=0.02,
        local_options={"depth": 0},
        dtype="float64",
        **words,
    )
    run = run_request(zoo.model("ppca").bind(data), data, asked, frozen=WIDE)
    # What is looked at is the gap of an encoder as it is; what a status does has tests of its own.
    run.status = CONVERGED
    return run


@pytest.fixture(scope="module", params=[pytest.param(b, marks=pytest.mark.needs(b)) for b in ("numpyro", "pyro")])
def rough(request: pytest.FixtureRequest) -> Any:
    """Return a run whose encoder has not arrived."""
    return held(request.param, "mean_field", 60)


@pytest.fixture(scope="module")
def found(rough: Any) -> Any:
    return gaps(rough, local=("amortized", "exact"), num_draws=5000)


def test_q_star_of_a_linear_model_is_the_closed_form(rough: Any) -> None:
    data = plane()
    phi = best_phi(rough, data, [prior_phi(rough, ROWS)], 0).phi
    # A balanced design of draws integrates quadratics, and so these ELBOs, without error.
    drawn = np.repeat(np.sqrt(2) * np.array([[1, 0], [-1, 0], [0, 1], [0, -1]])[:, None], ROWS, 1)
    lost = exact.log_likelihood(data["x"], WIDE) - summary(rough, draw(rough, data, phi, drawn)).elbo
    assert lost == pytest.approx(np.full(ROWS, GAP), abs=1e-3)


def test_q_star_of_many_latents_is_the_closed_form(backend: str) -> None:
    data, T = simulate(1, 10, T=20), 20
    run = zoo.fit("random_walk", data=data, backend=backend, local="constant", num_steps=1, dtype="float64")
    phi = best_phi(run, data, [prior_phi(run, 10)], 0).phi
    elbo = draw(run, data, phi, balanced(np.random.default_rng(1), 80, 10, T)).bounds.mean(0)
    lost = random_walk.log_likelihood(data["x"], {}, T=T) - elbo
    assert lost == pytest.approx(np.full(10, random_walk.mean_field_gap(T=T)), abs=1e-3)


def test_the_approximation_gap_is_the_closed_form(found: Any) -> None:
    row = found.table()[0]
    assert exact.mean_field_gap(WIDE) == pytest.approx(GAP, abs=1e-6)
    assert row["approximation_gap_error"] < 2e-3
    assert abs(row["approximation_gap"] - GAP) < ERRORS * row["approximation_gap_error"] + 1e-3


def test_the_gaps_add_up_and_the_orderings_hold(found: Any) -> None:
    assert found.faults == []
    assert found.log_p.exact
    first, posterior = found.arms
    whole = found.log_p.estimate.value - first.own.elbo
    assert first.amortization.value + first.approximation.value == pytest.approx(whole, abs=1e-9)
    assert first.amortization.value.mean() > 0.01
    ladder = [first.own.bounds[k].mean() for k in sorted(first.own.bounds)]
    assert sorted(first.own.bounds) == [1, 10, 100, 1000, 5000]
    assert np.all(np.diff(ladder) >= 0)
    assert first.own.reconstruction - first.own.kl == pytest.approx(first.own.elbo)
    assert first.active == (2, 2)
    assert not first.refitted
    assert posterior.approximation.value == pytest.approx(np.zeros(ROWS), abs=1e-9)
    assert np.all(posterior.own.k_hat == -np.inf)


@pytest.mark.needs("numpyro")
def test_an_affine_encoder_of_full_rank_has_no_gaps() -> None:
    row = gaps(held("numpyro", "full_rank", 3000), num_draws=1000).table()[0]
    assert abs(row["amortization_gap"]) < 1e-3
    assert abs(row["approximation_gap"]) < 1e-3


@pytest.mark.needs("numpyro")
def test_step_sizes_are_learnt_where_the_encoder_is_right_already() -> None:
    """Steps of a fixed 0.1 along one draw's gradient add noise to φ, which costs 0.20 nats a row here."""
    arms = gaps(
        held("numpyro", "mean_field", 1),
        local="semi_amortized",
        num_draws=1000,
        num_steps=1500,
        learning_rate=0.02,
        local_options={"step_size": 0.1},
    )
    assert abs(arms.table()[0]["amortization_gap"]) < 0.02


def test_k_hat_has_the_sign_of_larger_is_more_important(rough: Any) -> None:
    data = plane()
    narrow = prior_phi(rough, ROWS)
    narrow[:, 2:] = -4.0
    drawn = noise({"": 2}, 2000, ROWS, "k", 0)("")
    rows = summary(rough, draw(rough, data, narrow, drawn))
    assert np.median(rows.k_hat) > 0.7
    assert table.share_above(np.array([0.2, 0.71, np.nan, -np.inf])) == 0.5


def test_annealing_is_unbiased_and_its_log_a_lower_bound(rough: Any) -> None:
    data = plane()
    truth = exact.log_likelihood(data["x"], WIDE)
    start = prior_phi(rough, ROWS)
    _, steps, _ = annealing.ais(rough, data, start, seed=1, num_temperatures=60)
    weights, used, rates = annealing.ais(rough, data, start, steps, seed=2)  # T is that of the steps
    assert weights.shape == (annealing.CHAINS, ROWS)
    assert np.array_equal(used, steps) or used == pytest.approx(steps)
    assert 0.4 < rates[-10:].mean() < 0.9
    ratio = np.exp(weights - truth)
    assert abs(ratio.mean() - 1) < ERRORS * ratio.std() / np.sqrt(ratio.size)
    assert ratio.std() < 1.0  # from the prior alone, without transitions, it is near 3
    bound = estimators.importance(weights)
    assert (np.asarray(bound.value) - truth).mean() < ERRORS * table.mean(bound.value, bound.error)[1]


@pytest.mark.needs("numpyro")
def test_an_unknown_evidence_is_a_bound_and_said_to_be_one(monkeypatch: pytest.MonkeyPatch) -> None:
    run = held("numpyro", "mean_field", 60)
    truth = exact.log_likelihood(plane()["x"], WIDE)
    monkeypatch.setattr("zoo.bounds.exact_rows", lambda run, data: None)
    found = gaps(run, num_draws=1000)
    value, error = table.mean(found.log_p.estimate.value, found.log_p.estimate.error)
    assert not found.log_p.exact
    assert "lower bound" in found.log_p.estimate.method
    assert len(found.log_p.tried) == 3
    assert abs(value - truth.mean()) < ERRORS * error + 0.02
    assert "≥" in found.text()
    assert "lower bound here" in found.text()
    assert found.as_dict()["log_p"]["lower_bound"]


@pytest.mark.needs("numpyro")
def test_a_mixture_is_exact(fit: Any) -> None:
    run = fit("gmm", "numpyro", local="amortized", num_steps=50)
    found = gaps(run, local=("amortized", "marginal"), rows=30, num_draws=1000)
    arm, summed = found.arms
    assert arm.approximation.value == pytest.approx(np.zeros(30), abs=1e-4)
    assert np.all(arm.amortization.error == 0)
    assert np.all(arm.amortization.value > -1e-4)
    assert arm.own.k_hat is None
    assert found.faults == []
    assert np.all(summed.amortization.value == 0)


@pytest.mark.long
@pytest.mark.needs("numpyro")
def test_points_have_no_gap_and_rows_may_be_held_out(fit: Any) -> None:
    run = fit("ppca", "numpyro", num_steps=50)
    found = gaps(run, local_guide=("mean_field", "delta"), data=run.data["x"][:9], num_draws=100, num_steps=20)
    assert found.data == "held-out rows"
    assert found.arms[1].own is None
    assert found.table()[1]["elbo"] is None
    assert "—" in found.text()
    assert "no density" in found.text()
    assert max(map(len, found.text().split("\n"))) <= 80
    known = json.loads(json.dumps(found.as_dict(), allow_nan=False))
    assert known["arms"][0]["by_row"]["difference"]["value"] == found.arms[0].difference.value.tolist()
    assert known["arms"][1]["by_row"] is None
    assert gap_bars(found) is not None
    assert k_hats(found) is not None


def test_rows_are_the_same_for_every_seed() -> None:
    from zoo.gaps import _index

    assert _index(5, 100).tolist() == _index(5, 100).tolist()
    assert _index(500, 3).tolist() == [0, 1, 2]
    assert _index([7, 2], 8).tolist() == [7, 2]
    for wrong in (0, [8], [-1], [], [0.5]):
        with pytest.raises(UserError, match="rows"):
            _index(wrong, 8)  # type: ignore[arg-type]


def test_a_fault_is_more_than_three_errors() -> None:
    error = np.full(4, 0.2)  # of the mean: 0.1
    assert below_zero(np.full(4, -0.31), error)
    assert not below_zero(np.full(4, -0.29), error)
    assert not below_zero(np.full(4, -5e-5), np.zeros(4))


@pytest.mark.needs("numpyro")
def test_what_has_no_gaps_by_row_is_refused(fit: Any) -> None:
    whole = fit("hierarchical_normal", "numpyro", num_steps=20)
    with pytest.raises(UserError, match="global latents"):
        gaps(whole)
    with pytest.raises(UserError, match="no latents"):
        gaps(fit("height", "numpyro", num_steps=20))
    run = fit("ppca", "numpyro", num_steps=50)
    for words, message in (
        ({"local": "amortised"}, "did you mean 'amortized'"),
        ({"local_guide": "ful_rank"}, "did you mean 'full_rank'"),
        ({"local_options": {"dept": 1}}, "did you mean 'depth'"),
        ({"backend": "pyro"}, "all arms share"),
        ({"num_draws": 3}, "at least 20"),
    ):
        with pytest.raises(UserError, match=message):
            gaps(run, **words)


@pytest.mark.needs("numpyro")
def test_the_command(fit: Any, tmp_path: Path) -> None:
    folder = fit("ppca", "numpyro", num_steps=50).save(tmp_path / "run")
    words = ["gaps", str(folder), "--rows", "8", "--num-draws", "100", "--json", str(tmp_path / "a.json")]
    done = CliRunner().invoke(cli.main, words)
    assert done.exit_code == 0, done.stderr or repr(done.exception)
    assert "amort. gap" in done.stdout
    assert json.loads((tmp_path / "a.json").read_text())["model"] == "ppca"
    assert sorted(p.name for p in (folder / "gaps").iterdir()) == ["gaps.png", "k_hat.png"]
    again = CliRunner().invoke(cli.main, words)
    assert again.exit_code == 2
    assert "--json" in again.stderr


def digits(backend: str) -> Any:
    """Return a small autoencoder of 120 digits, learnt far enough that its encoder is worth something."""
    data = zoo.model("vae").data()["x"][:120]
    words = {"num_steps": 800, "learning_rate": 0.01, "batch_size": 40, "local_options": {"width": 32}}
    return zoo.fit("vae", data=data, backend=backend, latent=2, hidden=16, **words)


@pytest.mark.needs("numpyro")
def test_the_readmes_line_free_numbers_lose_no_more_than_the_encoder(tmp_path: Path) -> None:
    check_the_readmes_line("numpyro", tmp_path)


@pytest.mark.long
@pytest.mark.needs("pyro")
def test_the_readmes_line_in_pyro(tmp_path: Path) -> None:
    check_the_readmes_line("pyro", tmp_path)


def check_the_readmes_line(backend: str, tmp_path: Path) -> None:
    folder = digits(backend).save(tmp_path / "run")
    words = ["gaps", str(folder), "--local", "per_datapoint", "--local", "amortized", "--rows", "30"]
    done = CliRunner().invoke(cli.main, [*words, "--num-draws", "1000"])
    assert done.exit_code == 0, done.stderr or repr(done.exception)
    said = " ".join(done.stdout.split())
    assert "learnt to their end: per_datapoint, mean_field local guide" in said
    assert "amortized, mean_field, learnt with its model, has not converged: " in said
    assert "is no amortization gap" not in said
    free, encoder = json.loads((folder / "gaps" / "gaps.json").read_text())["arms"]
    assert free["arrived"]
    assert not encoder["refitted"]
    difference = free["elbo"] - encoder["elbo"]
    assert difference > -3 * np.hypot(free["elbo_error"], encoder["elbo_error"])
    # Five rounds that gain less than 0.01 may be left to a row.
    assert abs(free["amortization_gap"]) < 0.05 + 3 * free["amortization_gap_error"]
    assert encoder["amortization_gap"] > free["amortization_gap"]


@pytest.mark.needs("numpyro")
def test_what_still_rises_has_no_amortization_gap(tmp_path: Path) -> None:
    """Free φ after 5 steps: their L(q*) − L(q) says how far they are from their end, and nothing of amortization."""
    run = held("numpyro", "mean_field", 60)
    found = gaps(run, local=("per_datapoint", "amortized"), num_draws=1000, num_steps=5)
    free, own = found.arms
    assert free.amortization is None
    assert free.difference.value.mean() > 1
    assert "its φ still rise" in free.rising
    assert own.rising == ""
    assert own.amortization is own.difference
    assert not own.refitted
    row = found.table()[0]
    assert row["amortization_gap"] is None
    assert not row["arrived"]
    assert row["difference"] == pytest.approx(free.difference.value.mean())
    lines = found.text().split("\n")
    assert [line.split()[0] for line in lines if line.endswith("  still rises")] == ["per_datapoint"]
    assert "learnt to their end: amortized, mean_field" in lines
    assert "per_datapoint, mean_field is not learnt to its end" in found.text()
    assert max(map(len, found.text().split("\n"))) <= 80
    known = json.loads(json.dumps(found.as_dict(), allow_nan=False))["arms"][0]
    assert known["by_row"]["amortization_gap"] is None
    assert known["rising"] == free.rising
    figure = gap_bars(found)
    assert figure is not None
    # Two arms: their approximation gaps, the amortization gap of the one that arrived, and the other's open bar.
    widths = [bar.get_width() for bar in figure.axes[0].patches]
    assert np.isfinite(widths).sum() == 4
    assert widths[-1] == pytest.approx(free.difference.value.mean())


@pytest.mark.needs("numpyro")
@pytest.mark.parametrize(
    ("status", "rising"),
    [("converged", ""), ("not converged: the ELBO still rises", "not converged: the ELBO still rises")],
)
def test_an_arm_is_as_its_run_says(status: str, rising: str) -> None:
    run = held("numpyro", "mean_field", 60)
    run.status = status
    arm = gaps(run, rows=8, num_draws=100).arms[0]
    assert rising in arm.rising
    assert (arm.amortization is None) == bool(rising)


@pytest.mark.needs("numpyro")
def test_a_q_star_that_is_cut_off_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("zoo.settle.MOST_ROUNDS", 1)
    monkeypatch.setattr("zoo.settle.FIRST", (0.01, 2, 0.1))
    arm = gaps(held("numpyro", "mean_field", 1), rows=8, num_draws=100).arms[0]
    assert "q* still rises: φ of" in arm.rising


def test_evidence_without_a_density_is_nan_and_not_a_number_in_words() -> None:
    nothing = Evidence(estimators.Estimate(np.full(2, np.nan), np.full(2, np.nan), "not known"), False, {})
    assert table.plus(*table.mean(nothing.estimate.value, nothing.estimate.error)) == "—"
