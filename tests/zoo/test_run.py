"""What a run answers, keeps and gives back, in each backend and across them."""

import copy
import json

import numpy as np
import pytest

import zoo
from zoo.backends.state import Chains
from zoo.errors import UserError


@pytest.fixture
def mixture(fit, backend):
    return fit("gmm", backend, restarts=1)


@pytest.fixture
def bayes(fit, backend):
    return fit("height_bayes", backend, guide="full_rank", num_steps=1000)


def test_likelihoods_are_the_exact_ones(mixture):
    exact = mixture.model.exact.log_likelihood(mixture.data["x"], mixture.params, **mixture.model.options)
    found = mixture.log_likelihood()
    assert found.method == "exact"
    np.testing.assert_allclose(found.value, exact, rtol=2e-4, atol=2e-4)  # single precision
    new = mixture.log_likelihood({"x": mixture.data["x"][:3] + 0.1})
    assert new.value.shape == (3,)


def test_responsibilities_are_the_exact_ones(mixture):
    exact = mixture.model.exact.responsibilities(mixture.data["x"], mixture.params, **mixture.model.options)
    posterior = mixture.posterior()
    np.testing.assert_allclose(posterior.probs, exact, atol=1e-4)
    np.testing.assert_array_equal(posterior.mode, exact.argmax(-1))
    np.testing.assert_allclose(mixture.represent(), posterior.mean)
    drawn = posterior.draw(2000, seed=1)
    assert drawn.shape == (2000, 272)
    # 4 standard errors of a share, with a floor for shares of which none was drawn.
    error = 4 * np.sqrt(exact[:, 1] * (1 - exact[:, 1]) / 2000) + 2e-3
    assert (np.abs(drawn.mean(0) - exact[:, 1]) < error).all()
    chosen = posterior.log_prob(posterior.mode)
    np.testing.assert_allclose(np.exp(chosen), exact.max(-1), atol=1e-4)


def test_labels_switched_between_chains_are_aligned_before_averaging(fit, backend):
    """Raw labels would average to one half in every row; 200 draws of some 1,000 are averaged."""
    run = fit("gmm_bayes", backend, guide="full_rank", data="old_faithful_8", num_steps=500, restarts=1)
    other = copy.copy(run)
    other.__dict__ = {k: v for k, v in run.__dict__.items() if k not in {"draws", "_labels"}}
    both = {name: np.concatenate([v, v[:, :, ::-1]]) for name, v in run.draws.items()}
    other.chains = Chains(both, {"lp": np.zeros((2, 1000))})
    np.testing.assert_allclose(other.posterior().probs, run.posterior().probs, atol=0.1)
    assert run.posterior().probs.max() > 0.9


def test_reconstructions_are_the_mixed_means(mixture):
    expected = mixture.posterior().probs @ mixture.params["loc"]
    np.testing.assert_allclose(mixture.reconstruct(), expected, rtol=1e-4)


def test_samples_look_like_the_model(mixture):
    drawn = mixture.sample(4000)["x"]
    weights, loc = mixture.params["weights"], mixture.params["loc"]
    error = mixture.data["x"].std(0) / 4000**0.5
    assert (np.abs(drawn.mean(0) - weights @ loc) < 4.5 * error).all()  # false alarm in 1 of 70,000 seeds
    np.testing.assert_array_equal(mixture.sample(5, seed=3)["x"], mixture.sample(5, seed=3)["x"])
    with pytest.raises(UserError, match="n=0"):
        mixture.sample(0)


def test_bayesian_samples_are_the_predictive(bayes):
    drawn = bayes.sample(1500)["x"]
    assert drawn.shape == (1500,)
    # The predictive is t₁₄(1.684545, 0.0554599); its sd is 0.0554599 √(14/12).
    sd = 0.0554599 * (14 / 12) ** 0.5
    assert drawn.mean() == pytest.approx(1.684545, abs=4.5 * sd / 1500**0.5 + 1e-3)
    assert bayes.posterior_predictive(7)["x"].shape == (7, 10)
    assert bayes.prior(6)["variance"].shape == (6,)


def test_the_elbo_is_its_two_terms(bayes):
    found = bayes.elbo()
    assert found.value == pytest.approx(found.reconstruction - found.kl, abs=1e-3)
    noise = np.zeros((1, bayes.program.guide.noise_size))
    assert bayes.elbo(noise=noise).draws == 1


def test_what_a_model_lacks_is_one_line(bayes, mixture):
    with pytest.raises(UserError, match="no local latents"):
        bayes.posterior()
    with pytest.raises(UserError, match="has .*columns|new rows"):
        mixture.log_likelihood({"x": np.ones((4, 3))})
    with pytest.raises(UserError, match="no global latents"):
        mixture.refit(guide="flow")


def test_a_refit_holds_the_model(mixture):
    other = mixture.refit(local="exact", num_steps=20)
    assert other.model_hash == mixture.model_hash
    assert other.num_parameters == 0


def test_a_refit_swaps_the_guide(bayes):
    other = bayes.refit(guide="laplace", num_steps=300)
    assert other.guide == "laplace"
    assert other.backend == bayes.backend
    with pytest.raises(UserError, match="did you mean 'guide'"):
        bayes.refit(guid="flow")


def test_the_same_seed_gives_the_same_run(backend):
    words = {"backend": backend, "guide": "mean_field", "num_steps": 50}
    first, again, other = (zoo.fit("height_bayes", seed=s, **words) for s in (4, 4, 5))
    np.testing.assert_array_equal(first.losses, again.losses)
    np.testing.assert_array_equal(first.draws["loc"], again.draws["loc"])
    assert (first.losses != other.losses).any()


def test_a_run_comes_back_whole(bayes, mixture, tmp_path):
    for run, name in ((bayes, "a"), (mixture, "b")):
        run.save(tmp_path / name)
        back = zoo.load_run(tmp_path / name)
        assert back.request == run.request
        assert back.elbo().value == run.elbo().value
        np.testing.assert_array_equal(back.losses, run.losses)
        for key, value in run.params.items():
            np.testing.assert_array_equal(back.params[key], value)
        for key, value in run.draws.items():
            np.testing.assert_array_equal(back.draws[key], value)
    said = json.loads((tmp_path / "a" / "run.json").read_text())
    assert said["status"] == "complete"
    assert said["request"]["guide"] == "full_rank"
    assert {"python", "numpy"} <= set(said["versions"])
    with pytest.raises(UserError, match="exists"):
        bayes.save(tmp_path / "a")


def test_chains_come_back_whole(fit, backend, tmp_path):
    run = fit("height_bayes", backend, method="nuts", num_chains=2, num_warmup=20, num_draws=20)
    back = zoo.load_run(run.save(tmp_path / "run"))
    for key, value in run.draws.items():
        np.testing.assert_array_equal(back.draws[key], value)
    assert set(back.sample_stats) == set(run.sample_stats)


@pytest.mark.parametrize("guide", ["laplace", "flow"])
@pytest.mark.needs("pyro", "numpyro")
def test_a_run_of_one_backend_opens_in_the_other_with_the_same_elbo(guide, tmp_path):
    """Same parameters and same noise: equal to 1e-9 in double precision."""
    run = zoo.fit(
        "gmm_bayes",
        guide=guide,
        data="old_faithful_8",
        num_steps=60,
        restarts=1,
        dtype="float64",
        num_draws=50,
    )
    other = zoo.load_run(run.save(tmp_path / "run"), backend="pyro")
    assert other.backend == "pyro"
    assert other.elbo(num_draws=50).value == pytest.approx(run.elbo(num_draws=50).value, rel=1e-9)
    np.testing.assert_allclose(other.log_weights, run.log_weights, rtol=1e-8)
    np.testing.assert_allclose(other.draws["loc"], run.draws["loc"], rtol=1e-10)


def damage(folder, name, text):
    (folder / name).write_bytes(text)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("run.json", b"{", "is damaged"),
        ("params.safetensors", b"garbage", "is damaged"),
        ("run.json", b'{"format": 9}', "damaged|format 9"),
    ],
)
def test_a_damaged_run_is_one_line(name, content, message, mixture, tmp_path):
    folder = mixture.save(tmp_path / "run")
    (folder / name).write_bytes(content)
    with pytest.raises(UserError, match=message) as error:
        zoo.load_run(folder)
    assert "\n" not in str(error.value)


def test_a_folder_that_is_no_run_is_one_line(tmp_path):
    with pytest.raises(UserError, match="is not a run"):
        zoo.load_run(tmp_path)


def test_the_users_own_rows_have_any_number_of_columns(backend):
    rows = np.random.default_rng(1).normal(size=(30, 3)) + 5 * (np.arange(30) % 2)[:, None]
    run = zoo.fit("gmm", backend=backend, data=rows, restarts=1, num_steps=200)
    assert run.params["loc"].shape == (2, 3)
    assert run.sample(4)["x"].shape == (4, 3)
