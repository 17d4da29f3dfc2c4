"""Both files against exact.py in every form, and runs: bounds below the evidence, codes that are nearest, priors."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import zoo
from zoo import codes
from zoo.models.vqvae import data, exact
from zoo.models.vqvae.options import Options
from zoo.models.vqvae.start import start

N = 4
SMALL = {"K": 3, "positions": 2, "code_size": 2, "hidden": 5, "units": 4, "D": 4, "floor": 0.2}
FORMS: list[dict[str, Any]] = [
    {},
    {"noise": "fixed", "depth": 2, "activation": "silu"},
    {"likelihood": "bernoulli", "prior": "categorical"},
    {"prior": "autoregressive", "activation": "tanh"},
]
# 512 vectors of codes, so that log p(x) is known.
WORDS: dict[str, Any] = {"K": 8, "positions": 3, "hidden": 24, "num_steps": 400, "batch_size": 60, "dtype": "float64"}
WORDS |= {"learning_rate": 0.01, "local_options": {"width": 24}}
ROWS = 300


def setting(form):
    options = {**SMALL, **form}
    o = Options(**options)
    rng = np.random.default_rng(2)
    return options, data.true_values(o) | {"z": rng.integers(3, size=(N, 2))}, data.simulate(1, N, **options)["x"]


@pytest.fixture
def run(fit, backend):
    """Return a run of the first digits with some prior."""

    def made(prior: str = "uniform", **words: Any) -> Any:
        # One array a session, as it is part of the request's name.
        kind = "digits_binary" if words.get("likelihood") == "bernoulli" else "digits"
        return fit("vqvae", backend, data=_first(kind), prior=prior, **{**WORDS, **words})

    return made


_DATA: dict[str, Any] = {}


def _first(kind: str) -> Any:
    return _DATA.setdefault(kind, {"x": data.load(kind)["x"][:ROWS]})


@pytest.mark.parametrize("form", FORMS, ids=str)
def test_log_density_is_exact(library, plain, form):
    options, values, x = setting(form)
    sites = library.sites(plain("vqvae"), values, x, **options)
    assert {name: site[0].shape for name, site in sites.items()} == {"z": (N,), "x": (N,)}
    answer = exact.log_joint(values, {"x": x}, **options)
    assert {name: site[0].sum() for name, site in sites.items()} == pytest.approx(answer, rel=1e-10)
    scaled = library.sites(plain("vqvae"), values, x, size=12, **options)
    assert {name: site[1] for name, site in scaled.items()} == pytest.approx({"z": 3.0, "x": 3.0})


@pytest.mark.parametrize("form", FORMS, ids=str)
def test_without_data_it_draws_codes_and_rows(library, plain, form):
    options = {**SMALL, **form}
    drawn = library.draw(plain("vqvae"), 0, size=70, **options)
    assert drawn["x"].shape == (70, 4)
    assert drawn["z"].shape == (70, 2)
    assert set(np.unique(drawn["z"])) == {0, 1, 2}
    card = zoo.model("vqvae", **options).card
    params = {s.name for s in card.active_sites({**vars(Options(**options))}) if s.kind == "param"}
    assert params == set(drawn) - {"x", "z"}
    # Codes that begin alike would stay alike.
    assert len(np.unique(drawn["codebook"].round(6), axis=0)) == 3


@pytest.mark.needs("pyro", "numpyro")
@pytest.mark.parametrize("form", FORMS, ids=str)
def test_both_are_one_model(form):
    check = zoo.crosscheck(zoo.model("vqvae", **{**SMALL, **form}), num_points=16, num_tail=4)
    assert check.ok, check.text()


@pytest.mark.slow
@pytest.mark.parametrize("prior", ["uniform", "autoregressive"])
def test_the_bound_is_below_the_evidence_by_the_posterior_of_what_was_chosen(run, prior):
    found = run(prior)
    options, params = found.model.options, found.model_params
    bound, evidence = found.elbo(), found.evidence()
    assert evidence.method == "exact"
    z = found.posterior().mode
    chosen = np.ravel_multi_index(z.T, (8,) * 3)
    share = exact.probabilities(found.data["x"], params, **options)[np.arange(ROWS), chosen]
    assert found.gap().value == pytest.approx(-np.log(share).sum(), rel=1e-9)
    assert found.gap().value > 1e-3 * ROWS
    assert bound.value == pytest.approx(sum(exact.log_joint({**params, "z": z}, found.data, **options).values()))
    assert bound.error == 0
    prior_term = -exact.log_prior(z, params, **options).sum()
    assert bound.kl == pytest.approx(prior_term, rel=1e-9)
    # It learnt: the noise alone, without codes, is the columns' own.
    flat = exact.log_given(
        found.data["x"], found.data["x"].mean(0), {"noise": found.data["x"].std()}, Options(**options)
    )
    assert bound.value > flat.sum() + 10 * ROWS
    assert -found.losses[-50:].mean() == pytest.approx(bound.value, rel=0.05)


@pytest.mark.slow
def test_the_codes_are_the_nearest_to_the_encoders_vectors(run):
    found = run()
    vectors = found.program.phi(found.params, found.data).reshape(ROWS, 3, 4)
    said = found.posterior()
    assert np.array_equal(said.mode, exact.nearest(vectors, found.params["codebook"]))
    assert said.mean.shape == (ROWS, 3, 8)
    assert np.array_equal(said.mean.argmax(-1), said.mode)
    assert said.draw(2).shape == (2, ROWS, 3)
    assert not said.sd.any()
    other = (said.mode + np.eye(3, dtype=int)[0]) % 8
    assert said.log_prob(np.stack([said.mode, other])).tolist() == [[0.0] * ROWS, [-np.inf] * ROWS]
    assert found.represent({"x": found.data["x"][:5]}).shape == (5, 3, 8)


@pytest.mark.slow
def test_a_run_draws_reconstructs_and_bounds(run):
    found = run("autoregressive")
    x = found.sample(9)["x"]
    assert x.shape == (9, 64)
    few = {"x": data.load()["x"][ROWS : ROWS + 20]}
    again = found.reconstruct(few)
    out = exact.means(found.posterior(few).mode, found.model_params, **found.model.options)
    assert again == pytest.approx(out, rel=1e-9, abs=1e-12)
    assert ((again - few["x"]) ** 2).mean() < 0.7 * few["x"].var(0).mean()
    known = found.log_likelihood(few)
    assert known.method == "exact"
    assert np.sum(known.value) > found.elbo(few).value


@pytest.mark.slow
def test_where_codes_are_too_many_the_likelihood_is_a_bound_and_says_so(run):
    found = run(positions=6, num_steps=3)
    assert found.evidence() is None
    bound = found.log_likelihood()
    assert bound.method == "lower bound, log p(x, z) at one choice of z"
    assert bound.value.sum() == pytest.approx(found.elbo().value, rel=1e-9)
    assert not bound.error.any()


@pytest.mark.slow
def test_a_learnt_prior_costs_less_and_changes_nothing_else(run):
    """Straight through, the encoder is told nothing of the prior: the same codes, whose price alone differs."""
    how = {"local_options": {"width": 24, "gradient": "straight_through"}}
    found = {prior: run(prior, **how) for prior in ("uniform", "categorical", "autoregressive")}
    bounds = {prior: r.elbo() for prior, r in found.items()}
    for prior in ("categorical", "autoregressive"):
        assert np.array_equal(found[prior].posterior().mode, found["uniform"].posterior().mode)
        assert bounds[prior].reconstruction == pytest.approx(bounds["uniform"].reconstruction, rel=1e-9)
    price = {prior: bound.kl / ROWS for prior, bound in bounds.items()}
    assert price["uniform"] == pytest.approx(3 * np.log(8))
    assert price["categorical"] < price["uniform"] - 0.1
    assert price["autoregressive"] < price["categorical"] - 0.1
    # The shares of each position are the maximum of the likelihood: no prior of independent positions costs less.
    z = found["uniform"].posterior().mode
    shares = [np.bincount(column, minlength=8) / ROWS for column in z.T]
    least = sum(-(s[s > 0] * np.log(s[s > 0])).sum() for s in shares)
    assert least <= price["categorical"] + 1e-9
    assert price["categorical"] == pytest.approx(least, abs=0.05)


@pytest.mark.slow
@pytest.mark.needs("pyro", "numpyro")
@pytest.mark.parametrize("prior", ["categorical", "autoregressive"])
def test_a_run_opens_in_the_other_backend(fit, prior, tmp_path):
    words = {**WORDS, "prior": prior, "likelihood": "bernoulli", "num_steps": 20}
    found = fit("vqvae", "numpyro", data=_first("digits_binary"), **words)
    there = zoo.load_run(found.save(tmp_path / "run"), backend="pyro")
    assert there.elbo().value == pytest.approx(found.elbo().value, rel=1e-9)
    assert np.array_equal(there.posterior().mode, found.posterior().mode)
    assert there.sample(3)["x"].shape == (3, 64)


@pytest.mark.slow
@pytest.mark.needs("pyro", "numpyro")
@pytest.mark.parametrize(
    ("gradient", "moves"), [("search", "gradient"), ("search", "ema"), ("straight_through", "gradient")]
)
def test_steps_lead_to_the_same_place_in_both_backends(fit, gradient, moves):
    """No step has a draw, so that 40 of them agree up to rounding: gradients, running means and restarts."""
    how = {"width": 24, "gradient": gradient, "moves": moves, "restart": 0.3, "decay": 0.8}
    words = {**WORDS, "num_steps": 40, "local_options": how}
    ends = [
        fit("vqvae", backend, data=_first("digits"), prior="categorical", **words) for backend in ("pyro", "numpyro")
    ]
    assert set(ends[0].params) == set(ends[1].params)
    for name, value in ends[0].params.items():
        np.testing.assert_allclose(value, ends[1].params[name], rtol=1e-6, atol=1e-7, err_msg=name)
    assert ends[0].losses == pytest.approx(ends[1].losses, rel=1e-8)


@pytest.mark.slow
def test_restarts_leave_fewer_codes_dead(run):
    """The same steps without them: codes that no vector was near to at first stay so."""
    far = {"K": 128, "positions": 2, "code_size": 16, "num_steps": 200}
    dead = [codes.used(run(**far, local_options={"width": 24, "decay": 0.9, "restart": r})).dead for r in (0.0, 0.05)]
    assert dead[0] > 10
    assert dead[1] < dead[0] / 2


@pytest.mark.slow
def test_running_means_learn_too(run, monkeypatch):
    """In any unit of learning's coordinates the codebook is what the means say."""

    def wider(*args: Any, **options: Any) -> Any:
        starts = start(*args, **options)
        return starts | {"codebook": replace(starts["codebook"], spread=2.0)}

    monkeypatch.setattr("zoo.models.vqvae.start.start", wider)
    found = run(local_options={"width": 24, "moves": "ema"})
    assert found.params["codebook"] == pytest.approx(found.params["local.total"] / found.params["local.usage"][:, None])
    assert "local.total" not in run().params
    assert found.elbo().value > run(num_steps=3).elbo().value + 10 * ROWS


@pytest.mark.slow
def test_a_refit_holds_the_codebook(run):
    found = run()
    again = found.refit(local="nearest", num_steps=100, learning_rate=0.01, local_options={"width": 24})
    assert again.model_hash == found.model_hash
    assert not np.array_equal(again.params["local.encoder.layer0.weight"], found.params["local.encoder.layer0.weight"])
    assert again.elbo().value < found.evidence().value


@pytest.mark.slow
def test_what_a_point_cannot_answer_is_refused(run):
    from zoo.gaps import gaps

    found = run()
    with pytest.raises(zoo.UserError, match="one choice"):
        gaps(found)
    with pytest.raises(zoo.UserError, match="does not take local='amortized'"):
        zoo.fit("vqvae", local="amortized")
    with pytest.raises(zoo.UserError, match="'moves'"):
        zoo.fit("vqvae", local_options={"move": "ema"})
