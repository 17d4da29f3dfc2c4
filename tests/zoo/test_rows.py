"""What a run with numbers for each row says of rows: training rows, new rows, another backend."""

import numpy as np
import pytest
from scipy.stats import multivariate_normal

import zoo
from zoo import rows, settle
from zoo.bounds import evaluate
from zoo.errors import UserError

STEPS = 600


@pytest.mark.parametrize("local", ["per_datapoint", "amortized", "semi_amortized", "constant", "exact"])
def test_a_run_answers_for_old_and_new_rows(local, backend):
    run = zoo.fit("ppca", backend=backend, local=local, num_steps=20)
    old, new = run.data["x"], run.data["x"][:4] + 0.1
    assert run.represent().shape == (len(old), 2)
    assert run.reconstruct(new).shape == new.shape
    assert run.sample(3)["x"].shape == (3, 4)
    assert run.posterior(new).draw(5).shape == (5, 4, 2)
    assert run.log_likelihood(new).method == "exact"
    assert np.isfinite(run.elbo(new).value)
    assert run.elbo().value < run.evidence().value + 3 * run.elbo().error + 1e-3


@pytest.mark.parametrize(
    "family",
    ["mean_field", *(pytest.param(name, marks=pytest.mark.long) for name in ("full_rank", "low_rank", "flow"))],
)
def test_a_codes_density_is_that_of_the_draw_that_it_was(family, backend):
    """The guide says log q of its own draws as it makes them; asked of the bare values, it says the same."""
    words = {"local": "amortized", "local_guide": family, "dtype": "float64", "learning_rate": 0.05}
    run = zoo.fit("ppca", backend=backend, num_steps=100, **words)
    rows = {"x": run.data["x"][:5]}
    drawn = evaluate(run, 3, "posterior", 7, data=rows, keep=True)
    said = run.posterior(rows["x"])
    np.testing.assert_allclose(said.draw(3, seed=7), drawn.local_values["z"])
    np.testing.assert_allclose(said.log_prob(drawn.local_values["z"]), drawn.row_log_q, rtol=1e-11)
    some = evaluate(run, 200, "posterior", 0, data=rows).row_log_q.max(0)
    assert (said.log_prob(said.mode) >= some - 1e-11 * np.abs(some)).all()


def test_the_exact_treatments_density_and_mode_are_the_closed_forms(backend):
    run = zoo.fit("ppca", backend=backend, local="exact", num_steps=100, dtype="float64")
    x = run.data["x"][:5]
    mean, covariance = run.model.exact.local_posterior(x, run.model_params)
    said, away = run.posterior(x), np.array([0.3, -0.2])
    normal = multivariate_normal(mean=np.zeros(2), cov=covariance)
    np.testing.assert_allclose(said.log_prob(mean + away), np.full(5, normal.logpdf(away)), rtol=1e-10)
    np.testing.assert_allclose(said.mode, mean, rtol=1e-10)


def test_a_point_has_no_density_and_a_value_out_of_reach_has_none(backend):
    run = zoo.fit("ppca", backend=backend, local="amortized", num_steps=5)
    said = run.refit(local="per_datapoint", local_guide="delta", num_steps=5).posterior()
    np.testing.assert_allclose(said.mode, said.mean, rtol=1e-5)
    with pytest.raises(UserError, match="is a point and has no density"):
        said.log_prob(said.mode)
    with pytest.raises(UserError, match="row 0's value: no noise of the guide leads to it"):
        run.posterior().log_prob(np.full((150, 2), np.nan))


def test_the_exact_treatments_elbo_is_the_evidence_whatever_is_drawn(backend):
    run = zoo.fit("ppca", backend=backend, local="exact", num_steps=20, dtype="float64")
    bound = run.elbo(num_draws=5)
    assert bound.value == pytest.approx(run.evidence().value, rel=1e-9)
    assert bound.error < 1e-9


def test_new_rows_come_to_the_same_numbers_as_old_ones(backend):
    """φ fitted to copies of training rows, on a frozen model, against the closed-form mean field, in nats a row."""
    run = zoo.fit("ppca", backend=backend, local="exact", num_steps=STEPS).refit(
        local="per_datapoint", num_steps=1, backend=backend
    )
    rows = run.data["x"][:10]
    gap = run.model.exact.mean_field_gap(run.model_params)
    best = run.log_likelihood(rows).value - gap
    found = run.elbo(rows, num_draws=2000)
    # The stopping rule leaves 0.01 nats per row.
    assert found.value / 10 == pytest.approx(best.mean(), abs=0.01 + 4 * found.error / 10)


@pytest.fixture(scope="module", params=[pytest.param(b, marks=pytest.mark.needs(b)) for b in ("numpyro", "pyro")])
def free(request):
    """Return a run of 22 irises with a frozen model and φ of each row's own, at the prior but for one step."""
    run = zoo.fit("ppca", backend=request.param, data=zoo.model("ppca").data()["x"][::7], local="exact", num_steps=300)
    return run.refit(local="per_datapoint", num_steps=1)


def lost(run, phi):
    """Return what each row's φ loses beside the best of its family, by a balanced design that is exact here."""
    count = len(phi)
    drawn = np.repeat(np.sqrt(2) * np.array([[1, 0], [-1, 0], [0, 1], [0, -1]])[:, None, None], count, 2)
    found = evaluate(run, 4, "", 0, phi=phi, noise=(np.zeros((4, 0)), drawn)).bounds.mean(0)
    known = run.model.log_likelihood(run.data, run.model_params) - run.model.exact.mean_field_gap(run.model_params)
    return known - found


def test_rows_settle_at_their_best_in_blocks_of_one_length(free, monkeypatch):
    """22 rows in 3 blocks of 8: all arrive at the closed form, which the last rounds leave by less than 0.01 nats."""
    monkeypatch.setattr(settle, "BLOCK", 10)
    lengths = set()
    climb = free.program.fit_rows

    def watched(params, data, phi, *rest):
        lengths.add(len(phi))
        return climb(params, data, phi, *rest)

    monkeypatch.setattr(free.program, "fit_rows", watched)
    found = settle.settle(free.program, free.params, free.data, rows.prior_phi(free, 22))
    assert found.arrived
    assert not found.rising.any()
    assert lengths == {8}
    assert lost(free, found.phi).max() < 0.02
    assert lost(free, found.phi).mean() < 0.01


def test_a_row_that_no_longer_gains_is_left_out_of_later_rounds(free, monkeypatch):
    start = settle.settle(free.program, free.params, free.data, rows.prior_phi(free, 22)).phi
    start[3] = 0.0
    monkeypatch.setattr(settle, "BLOCK", 8)
    calls = []
    climb = free.program.fit_rows

    def watched(params, data, phi, rates, *rest):
        calls.append(len(rates))
        return climb(params, data, phi, rates, *rest)

    monkeypatch.setattr(free.program, "fit_rows", watched)
    found = settle.settle(free.program, free.params, free.data, start, seed=5)
    assert found.arrived
    # Three blocks, and then one for the row that was moved away.
    assert 4 <= calls.count(settle.FIRST[1]) < 6
    assert lost(free, found.phi).mean() < 0.01


def test_rows_that_are_cut_off_say_how_many_still_rise_and_by_how_much(free, monkeypatch):
    monkeypatch.setattr(settle, "MOST_ROUNDS", 1)
    monkeypatch.setattr(settle, "FIRST", (0.01, 2, 0.1))
    found = settle.settle(free.program, free.params, free.data, rows.prior_phi(free, 22))
    assert not found.arrived
    assert found.rising.sum() > 10
    assert str(found).startswith(f"φ of {found.rising.sum()} of 22 rows still rise, by ")
    assert (found.gain[~found.rising] == 0).all()


def test_a_fit_whose_rows_are_cut_off_has_not_converged(backend, monkeypatch):
    monkeypatch.setattr(settle, "MOST_ROUNDS", 1)
    monkeypatch.setattr(settle, "FIRST", (0.01, 2, 0.1))
    run = zoo.fit("ppca", backend=backend, local="per_datapoint", num_steps=2, finish=True, num_draws=2)
    assert run.status.startswith("not converged: φ of ")
    assert run.phases[-1].name == "rows"


@pytest.mark.needs("pyro", "numpyro")
@pytest.mark.parametrize("local", ["per_datapoint", "amortized", "semi_amortized"])
def test_a_run_of_one_backend_opens_in_the_other(local, tmp_path):
    """Same parameters, same noise: the same ELBO to 1e-9 of its size in double precision."""
    run = zoo.fit("vae", local=local, num_steps=3, hidden=8, latent=2, dtype="float64", data=digits())
    here = run.elbo(num_draws=3).value
    there = zoo.load_run(run.save(tmp_path / "run"), backend="pyro")
    assert there.elbo(num_draws=3).value == pytest.approx(here, rel=1e-9)
    assert there.represent().shape == (40, 2)


def digits() -> np.ndarray:
    return zoo.model("vae").data()["x"][:40]


def test_a_batch_moves_the_rows_it_visits_and_no_others(backend):
    run = zoo.fit("ppca", backend=backend, local="per_datapoint", batch_size=10, num_steps=2)
    table = run.state.table
    visited = table[:, -1] > 0
    assert visited.sum() == 20
    assert (run.params["local.phi"][~visited] == 0).all()
    assert (run.params["local.phi"][visited] != 0).any(-1).all()


def test_row_steps_are_counted_by_row(backend):
    run = zoo.fit(
        "ppca", backend=backend, local="per_datapoint", batch_size=10, num_steps=2, local_options={"row_steps": 5}
    )
    assert set(run.state.table[:, -1]) == {0.0, 5.0}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"local": "marginal"}, "does not take local='marginal'"),
        ({"local_guide": "flwo"}, "did you mean 'flow'"),
        ({"local_guide": "delta"}, "refit a run with it"),
        ({"local_options": {"depht": 2}}, "did you mean 'depth'"),
        ({"local_options": {"activation": "gelu"}}, "activation 'gelu'"),
        ({"local": "exact", "local_guide": "flow"}, "has no effect"),
        ({"local": "constant", "local_options": {"depth": 2}}, "local option 'depth'"),
    ],
)
def test_what_cannot_be_is_said_in_one_line(words, message, backend):
    with pytest.raises(zoo.UserError, match=message) as error:
        zoo.fit("ppca", backend=backend, num_steps=1, **words)
    assert "\n" not in str(error.value)


def test_chains_draw_a_rows_latents_with_the_others(backend):
    """The posterior mean of theta against its closed form, up to 5 Monte Carlo errors of 200 draws."""
    run = zoo.fit("hierarchical_normal", backend=backend, method="nuts", num_chains=1, num_warmup=100, num_draws=200)
    exact = run.model.exact.posterior(run.data, **run.model.options)["theta"]
    assert run.draws["z"].shape == (1, 200, 6)
    assert run.draws["theta"].mean() == pytest.approx(float(exact["mean"]), abs=5 * float(exact["sd"]) / 50**0.5)
