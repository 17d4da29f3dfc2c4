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
    rows = mixture.data["x"][:3] + 0.1
    exact = mixture.model.exact.log_likelihood(rows, mixture.params, **mixture.model.options)
    np.testing.assert_allclose(mixture.log_likelihood({"x": rows}).value, exact, rtol=2e-4, atol=2e-4)


def test_a_rows_likelihood_is_the_mean_over_draws(bayes):
    each = bayes.log_likelihood_draws()
    assert each.shape == (1, 1000, 10)
    first = {name: v[0] for name, v in bayes.flat.items()}
    exact = bayes.model.exact.log_likelihood(bayes.data["x"], first, **bayes.model.options)
    np.testing.assert_allclose(each[0, 0], exact, rtol=2e-4, atol=2e-4)  # single precision
    density, found = np.exp(each[0].astype(np.float64)), bayes.log_likelihood()
    np.testing.assert_allclose(found.value, np.log(density.mean(0)), rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(found.error, density.std(0, ddof=1) / density.mean(0) / 1000**0.5, rtol=1e-3)


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
    rows = mixture.data["x"][50:53] + 0.5
    exact_new = mixture.model.exact.responsibilities(rows, mixture.params, **mixture.model.options)
    np.testing.assert_allclose(mixture.posterior({"x": rows}).probs, exact_new, atol=1e-4)
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
    # Nearly certain rows: the mean over draws of the mixed means is near the mix of the mean means.
    about = run.posterior().probs @ run.relabelled["loc"].mean((0, 1))
    np.testing.assert_allclose(run.reconstruct(), about, rtol=0.1)


def test_reconstructions_are_the_mixed_means(mixture):
    expected = mixture.posterior().probs @ mixture.params["loc"]
    np.testing.assert_allclose(mixture.reconstruct(), expected, rtol=1e-4)


def test_samples_look_like_the_model(mixture):
    drawn = mixture.sample(4000)["x"]
    weights, loc = mixture.params["weights"], mixture.params["loc"]
    error = mixture.data["x"].std(0) / 4000**0.5
    assert (np.abs(drawn.mean(0) - weights @ loc) < 4.5 * error).all()  # false alarm in 1 of 70,000 seeds
    np.testing.assert_array_equal(mixture.sample(5, seed=3)["x"], mixture.sample(5, seed=3)["x"])
    assert (mixture.sample(5, seed=3)["x"] != mixture.sample(5, seed=4)["x"]).any()
    with pytest.raises(UserError, match="n=0"):
        mixture.sample(0)


def test_bayesian_samples_are_the_predictive(bayes):
    drawn = bayes.sample(1500)["x"]
    assert drawn.shape == (1500,)
    # The predictive is t₁₄(1.684545, 0.0554599); its sd is 0.0554599 √(14/12).
    sd = 0.0554599 * (14 / 12) ** 0.5
    assert drawn.mean() == pytest.approx(1.684545, abs=4.5 * sd / 1500**0.5 + 1e-3)
    assert drawn.std() == pytest.approx(sd, rel=4 / 3000**0.5 * 1.5)  # 1.5: a t's tails, and the guide's shape


def test_replicated_data_share_one_draw_of_the_globals_each(bayes):
    """A data set's mean has the variances of loc and of a mean of ten, b_n / (a_n − 1) (1/11 + 1/10)."""
    means = bayes.posterior_predictive(400)["x"].mean(1)
    assert means.shape == (400,)
    # Four standard errors of an sd of 400 are a seventh of it; the guide's own error is within the rest.
    assert means.std() == pytest.approx((0.01973636 / 6 * (1 / 11 + 1 / 10)) ** 0.5, rel=0.2)


def test_prior_draws_are_the_priors(bayes):
    """The prior of loc is t₄(1.7, 0.05): its median distance from 1.7 is 0.05 × 0.7407."""
    drawn = bayes.prior(600)
    assert drawn["variance"].shape == (600,)
    assert drawn["x"].shape == (600, 10)
    # A standard error of that median is 5 percent of it at 600 draws.
    assert np.median(np.abs(drawn["loc"] - 1.7)) == pytest.approx(0.037035, rel=0.2)


def test_the_elbo_is_its_two_terms(bayes):
    found = bayes.elbo()
    assert found.value == pytest.approx(found.reconstruction - found.kl, abs=1e-3)
    noise = np.zeros((1, bayes.program.guide.noise_size))
    assert bayes.elbo(noise=noise).draws == 1


def test_the_elbos_error_is_its_spread_over_seeds(bayes):
    """The sd of 30 estimates is off by a factor of 1.5 in 1 of 500 tries, and a weight's tail adds to that."""
    found = [bayes.elbo(num_draws=100, seed=seed) for seed in range(30)]
    assert {e.draws for e in found} == {100}
    spread, error = np.std([e.value for e in found], ddof=1), np.mean([e.error for e in found])
    assert 0.5 < spread / error < 2.0


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
    assert other.num_parameters == 2 + 3  # the mode, and the curvature's triangle
    assert other.backend == bayes.backend
    with pytest.raises(UserError, match="did you mean 'guide'"):
        bayes.refit(guid="flow")


def test_a_refit_keeps_what_it_is_not_told(backend):
    words = {"seed": 4, "dtype": "float64", "num_draws": 50}
    first = zoo.fit("height_bayes", backend=backend, num_steps=1, **words)
    other = first.refit(guide="full_rank", num_steps=1)
    assert {name: getattr(other.request, name) for name in words} == words
    assert (other.backend, other.request.device, other.guide) == (backend, first.request.device, "full_rank")
    assert first.refit(seed=5, num_steps=1).seed == 5


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
        assert (back.state.count, back.seconds, back.status) == (run.state.count, run.seconds, run.status)
        for part in ("v", "mean", "square"):
            np.testing.assert_array_equal(getattr(back.state, part), getattr(run.state, part))
        for key, value in run.params.items():
            np.testing.assert_array_equal(back.params[key], value)
        for key, value in run.draws.items():
            np.testing.assert_array_equal(back.draws[key], value)
    said = json.loads((tmp_path / "a" / "run.json").read_text())
    assert said["status"] == bayes.status
    assert said["request"]["guide"] == "full_rank"
    assert {"python", "numpy"} <= set(said["versions"])
    with pytest.raises(UserError, match="exists"):
        bayes.save(tmp_path / "a")
    said["versions"]["numpy"] = "0.1"
    (tmp_path / "a" / "run.json").write_text(json.dumps(said))
    assert zoo.load_run(tmp_path / "a").versions["numpy"] == "0.1"


def test_a_frozen_model_comes_back_frozen(backend, tmp_path):
    run = zoo.fit("gmm", backend=backend, K=3, restarts=1, num_steps=1).refit(local="exact")
    back = zoo.load_run(run.save(tmp_path / "run"))
    assert back.model.options["K"] == 3
    assert back.num_parameters == run.num_parameters == 0
    assert back.local == back.program.guide.local == "exact"
    for key, value in run.frozen.items():
        np.testing.assert_array_equal(back.frozen[key], value)


def test_other_data_in_a_runs_folder_are_noticed(mixture, bayes, tmp_path):
    folder, other = mixture.save(tmp_path / "a"), bayes.save(tmp_path / "b")
    (folder / "data.safetensors").write_bytes((other / "data.safetensors").read_bytes())
    with pytest.raises(UserError, match="do not have the hash"):
        zoo.load_run(folder)


def test_chains_come_back_whole(fit, backend, tmp_path):
    run = fit("height_bayes", backend, method="nuts", num_chains=2, num_warmup=20, num_draws=20)
    back = zoo.load_run(run.save(tmp_path / "run"))
    for key, value in run.draws.items():
        np.testing.assert_array_equal(back.draws[key], value)
    assert set(back.sample_stats) == set(run.sample_stats)
    for key, value in run.sample_stats.items():
        np.testing.assert_array_equal(back.sample_stats[key], value)


def test_lp_of_chains_is_the_log_joint_in_their_coordinates(fit, backend):
    """Those are loc and the variance's log, moved and scaled: a constant apart, in single precision."""
    run = fit("height_bayes", backend, method="nuts", num_chains=2, num_warmup=20, num_draws=20)
    flat, exact = run.flat, run.model.exact
    each = [{name: v[i] for name, v in flat.items()} for i in range(40)]
    joint = np.array([sum(exact.log_joint(one, run.data, **run.model.options).values()) for one in each])
    offset = run.sample_stats["lp"].ravel() - joint - np.log(flat["variance"])
    assert np.ptp(offset) < 1e-3


def test_every_chain_and_every_seed_has_noise_of_its_own(fit, backend):
    program = fit("height_bayes", backend, method="nuts", num_chains=2, num_warmup=20, num_draws=20).program
    found = [program.nuts({}, np.zeros((2, 2)), 10, 5, seed).draws["loc"] for seed in (0, 1)]
    for one, other in ((found[0][0], found[0][1]), (found[0], found[1])):
        assert (one != other).any()


def test_chains_tell_how_far_they_have_come_and_draw_the_same(fit, backend):
    """Two draws of warm-up leave step sizes that are too long, so that there are divergences to count."""
    program = fit("height_bayes", backend, method="nuts", num_chains=2, num_warmup=20, num_draws=20).program
    told = []
    alone, watched = (program.nuts({}, np.zeros((2, 2)), 2, 20, 0, watch) for watch in (None, told.append))
    assert (watched.draws["loc"] == alone.draws["loc"]).all()
    assert told[-1].draws.tolist() == [22, 22]
    assert told[-1].divergences.tolist() == watched.stats["diverging"].sum(1).tolist() != [0, 0]
    assert (told[-1].step_sizes > 0).all()
    sums = [told_of.draws.sum() for told_of in told]
    assert sums == sorted(sums)
    assert len(told) in {22, 44}  # all chains at once, or one after the other


@pytest.mark.parametrize("guide", ["laplace", "flow"])
@pytest.mark.long
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


def test_a_run_without_a_param_that_its_guide_needs_is_one_line(mixture, tmp_path):
    """Such as one that an earlier version wrote."""
    from safetensors.numpy import load_file, save_file

    path = mixture.save(tmp_path / "run") / "params.safetensors"
    params = load_file(path)
    lost = sorted(params)[0]
    save_file({name: values for name, values in params.items() if name != lost}, path)
    with pytest.raises(UserError, match=f"has no '{lost}', which its guide needs; fit it again"):
        zoo.load_run(path.parent).elbo()


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


@pytest.mark.needs("numpyro")
def test_other_parameters_have_other_draws():
    run = zoo.fit("height_bayes", num_steps=2, num_draws=10)
    before, stats = run.draws["loc"], run.sample_stats["lp"]
    run.params = {**run.params, "globals.loc": run.params["globals.loc"] + 1.0}
    assert not np.array_equal(run.draws["loc"], before)
    assert not np.array_equal(run.sample_stats["lp"], stats)
