"""Traps of Pyro: each test shows what the library does, and that our guard holds. See docs/pitfalls.md.

A test that fails because the library has been mended is good news: mend the page and drop the guard.
"""

import math
import warnings
from collections.abc import Iterator

import numpy as np
import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro import poutine
from pyro.distributions import constraints
from pyro.infer import SVI, Trace_ELBO
from pyro.infer.autoguide import AutoDiagonalNormal

import guides
import zoo
from guides.layout import Layout
from guides.rows_pyro import choices, row_log_joint
from guides.sites import learnt
from guides.trace_pyro import Hold, log_densities, sites
from zoo.models.gmm.model_pyro import model as gmm

X = torch.tensor([[-1.0, 0.5], [1.0, 2.0], [2.0, -1.0], [0.3, 0.1]])


@pytest.fixture(autouse=True)
def own_store() -> Iterator[None]:
    """Keep what a test learns from the next one."""
    with pyro.get_param_store().scope():
        yield


# --- the global parameter store ------------------------------------------------------------------------


def gaussian(x: torch.Tensor) -> None:
    loc = pyro.param("loc", torch.zeros(x.shape[1]))
    with pyro.plate("data", len(x)):
        pyro.sample("x", dist.Normal(loc, 1.0).to_event(1), obs=x)


def test_pyro_hands_one_model_the_parameters_of_another() -> None:
    poutine.trace(gaussian).get_trace(X)
    shape = pyro.param("loc", torch.zeros(3)).shape
    assert shape == (2,), "Pyro no longer keeps an earlier shape"


def test_our_trace_neither_reads_nor_writes_the_store() -> None:
    pyro.param("loc", torch.full((5,), 7.0))
    traced = sites(gaussian, (X,), {})
    assert traced[0].shape == (2,)
    np.testing.assert_array_equal(traced[0].value, np.zeros(2))
    assert set(pyro.get_param_store()) == {"loc"}
    assert pyro.param("loc").shape == (5,)


def test_our_second_fit_does_not_start_at_the_first_ones_end() -> None:
    first, _, again = (zoo.fit("height", backend="pyro", num_steps=steps) for steps in (20, 60, 20))
    np.testing.assert_array_equal(first.losses, again.losses)
    assert not len(pyro.get_param_store())


# --- plates --------------------------------------------------------------------------------------------


def test_pyro_refuses_to_open_a_plate_twice_but_lets_its_object_in_again() -> None:
    def twice() -> None:
        for name in ("a", "b"):
            with pyro.plate("components", 3):
                pyro.sample(name, dist.Normal(0.0, 1.0))

    with pytest.raises(RuntimeError, match="Multiple sample sites named 'components'"):
        poutine.trace(twice).get_trace()

    def again() -> None:
        plate = pyro.plate("components", 3)
        for name in ("a", "b"):
            with plate:
                pyro.sample(name, dist.Normal(0.0, 1.0))

    assert {"a", "b"} < set(poutine.trace(again).get_trace().nodes)


def test_our_guide_emits_sites_of_one_plate_one_after_the_other() -> None:
    def model(x: torch.Tensor) -> None:
        components = pyro.plate("components", 3)
        with components:
            loc = pyro.sample("loc", dist.Normal(0.0, 1.0))
        between = pyro.sample("between", dist.Normal(0.0, 1.0))
        with components:
            scale = pyro.sample("scale", dist.HalfNormal(1.0))
        with pyro.plate("data", len(x)):
            pyro.sample("x", dist.Normal(loc.mean() + between, scale.mean()), obs=x)

    guide = guides.build(model, guide="full_rank", backend="pyro", data=X[:, 0])
    assert math.isfinite(guide.objective().loss(model, guide, X[:, 0]))


def per_row(x: torch.Tensor, size: int | None = None) -> None:
    with pyro.plate("data", size or len(x), subsample_size=len(x)):
        z = pyro.sample("z", dist.Normal(0.0, 1.0))
        pyro.sample("x", dist.Normal(z, 0.1), obs=x)


def test_pyro_shares_latents_between_the_rows_of_different_batches() -> None:
    guide = AutoDiagonalNormal(per_row)
    for batch in (X[:2, 0], X[2:, 0]):
        assert math.isfinite(Trace_ELBO().loss(per_row, guide, batch, size=4))
    (loc,) = [value for name, value in guide.named_parameters() if name == "loc"]
    assert loc.shape == (2,), "four rows have two latents between them, without a word"


def test_our_guide_refuses_local_latents_that_it_cannot_serve() -> None:
    with pytest.raises(guides.GuideError, match="'z', which is continuous: take one of amortized"):
        guides.build(per_row, backend="pyro", data={"x": X[:2, 0], "size": 4})


# --- handing in values ---------------------------------------------------------------------------------


def holds_both() -> torch.Tensor:
    loc = pyro.param("loc", torch.tensor(0.0))
    return loc + pyro.sample("z", dist.Normal(0.0, 1.0))


def test_pyro_substitute_warns_of_names_that_are_not_there_and_condition_refuses_a_shared_site() -> None:
    with pytest.warns(UserWarning, match="did not find params"):
        poutine.substitute(holds_both, {"loc": torch.tensor(1.0), "other": torch.tensor(1.0)})()

    def guide() -> None:
        pyro.sample("z", dist.Normal(0.0, 1.0))

    conditioned = poutine.condition(guide, {"z": torch.tensor(1.0)})
    with pytest.raises(RuntimeError, match="site z must be sampled in trace"):
        Trace_ELBO().loss(holds_both, conditioned)


def test_our_hold_takes_more_names_than_there_are_and_leaves_a_latent_a_latent() -> None:
    hold = Hold({"loc": torch.tensor(2.0), "z": torch.tensor(3.0), "other": torch.tensor(1.0)})
    trace = poutine.trace(hold(holds_both)).get_trace()
    assert trace.nodes["_RETURN"]["value"] == 5.0
    assert not trace.nodes["z"]["is_observed"]

    def guide() -> None:
        pyro.sample("z", dist.Normal(1.0, 1.0))

    # log N(3; 1, 1) - log N(3; 0, 1)
    assert Trace_ELBO().loss(hold(holds_both), hold(guide)) == pytest.approx(2.5)


def test_pyro_reads_initial_parameters_in_an_inner_call_of_a_model() -> None:
    def guide() -> torch.Tensor:
        with poutine.block():
            return pyro.param("loc", torch.tensor(0.0))

    outer = Hold({"loc": torch.tensor(5.0)})
    assert outer(guide)() == 0.0, "the value handed in from outside does not reach the inner call"


def test_our_inner_call_takes_the_current_parameters_and_never_draws_a_latent() -> None:
    def model(x: torch.Tensor) -> None:
        loc = pyro.param("loc", torch.tensor(0.0))
        z = pyro.sample("z", dist.Normal(loc, 1.0))
        pyro.sample("x", dist.Normal(z, 1.0), obs=x)

    found = log_densities(model, (X[0, 0],), {}, {"loc": torch.tensor(5.0), "z": torch.tensor(5.0)})
    assert float(found["z"]) == pytest.approx(-0.5 * math.log(2 * math.pi))
    with pytest.raises(guides.GuideError, match="no value is given for 'z'"):
        log_densities(model, (X[0, 0],), {}, {"loc": torch.tensor(5.0)})


# --- parametrisations ----------------------------------------------------------------------------------


def test_pyro_params_have_other_coordinates_than_latents() -> None:
    weights = pyro.param("weights", torch.ones(3) / 3, constraint=constraints.simplex)
    factor = pyro.param("factor", torch.eye(3), constraint=constraints.lower_cholesky)
    assert weights.unconstrained().shape == (3,), "softmax over K, where NumPyro breaks a stick into K - 1"
    assert factor.unconstrained().shape == (3, 3), "a matrix, where NumPyro has a vector of 6"


def test_our_params_have_one_coordinate_a_degree_of_freedom() -> None:
    params = [learnt("weights", np.ones(3) / 3, "simplex"), learnt("factor", np.eye(3), "lower_cholesky")]
    assert Layout(params, {}).size == 2 + 6


def test_torch_clips_small_probabilities() -> None:
    probs = torch.tensor([1e-30, 1.0])
    clipped = dist.Categorical(probs).log_prob(torch.tensor(0))
    assert float(clipped) == pytest.approx(math.log(torch.finfo(torch.float32).eps))


def test_our_mixture_does_not() -> None:
    options = {"K": 2, "D": 2}
    values = {
        "weights": torch.tensor([1e-30, 1.0]),
        "loc": torch.zeros(2, 2),
        "scale_tril": torch.stack([torch.eye(2)] * 2),
    }
    traced = sites(gmm, (X,), options)
    _, prior, likelihood = row_log_joint(gmm, (X,), options, values, traced, "data")
    rows = prior + likelihood
    np.testing.assert_allclose(rows[:, 0] - rows[:, 1], math.log(1e-30), rtol=1e-6)


# --- objectives ----------------------------------------------------------------------------------------


def test_a_sampled_exact_posterior_is_noisy_and_ours_has_no_variance() -> None:
    log_share, means = torch.log(torch.tensor([0.3, 0.7])), torch.tensor([-1.0, 2.0])

    def model(x: torch.Tensor) -> None:
        shift = pyro.param("shift", torch.tensor(0.0))
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", dist.Categorical(logits=log_share))
            pyro.sample("x", dist.Normal(means[z] + shift, 1.0), obs=x)

    def sampled(x: torch.Tensor) -> None:
        shift = pyro.param("shift", torch.tensor(0.0))
        joint = log_share + dist.Normal(means + shift, 1.0).log_prob(x[:, None])
        with pyro.plate("data", len(x)):
            pyro.sample("z", dist.Categorical(logits=joint))

    def gradients(guide: object) -> np.ndarray:
        found = []
        for seed in range(30):
            pyro.clear_param_store()
            pyro.set_rng_seed(seed)
            Trace_ELBO().loss_and_grads(model, guide, X[:, 0])
            found.append(float(pyro.param("shift").grad))
        return np.array(found)

    ours = guides.build(model, backend="pyro", data=X[:, 0], local="exact")
    off = X[:, :1] - means
    share = torch.softmax(log_share - 0.5 * off**2, -1)
    exact = -float((share * off).sum())
    noisy = gradients(sampled)
    assert noisy.std() > 0.5
    assert noisy.mean() == pytest.approx(exact, abs=4 * noisy.std() / 30**0.5)  # four standard errors
    np.testing.assert_allclose(gradients(ours), exact, rtol=1e-5)


def test_a_point_over_a_latent_that_a_parameter_scales_is_refused() -> None:
    def model(x: torch.Tensor) -> None:
        tau = pyro.param("tau", torch.tensor(1.0), constraint=constraints.positive)
        z = pyro.sample("z", dist.Normal(0.0, tau))
        with pyro.plate("data", len(x)):
            pyro.sample("x", dist.Normal(z, 1.0), obs=x)

    def joint(tau: float) -> float:
        terms = log_densities(model, (X[:, 0],), {}, {"tau": torch.tensor(tau), "z": torch.tensor(0.0)})
        return sum(float(t.sum()) for t in terms.values())

    assert joint(1e-6) > joint(1e-3) > joint(1.0)
    for name in ("delta", "laplace"):
        with pytest.raises(guides.GuideError, match="unbounded.*give 'tau' a prior"):
            guides.build(model, guide=name, backend="pyro", data=X[:, 0])


def test_torch_hessian_uses_what_torch_deprecates_and_ours_does_not() -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        torch.func.hessian(lambda v: (v**3).sum())(torch.ones(2))
    assert any(issubclass(w.category, DeprecationWarning) for w in caught)
    run = zoo.fit("height_bayes", guide="laplace", backend="pyro", num_steps=200)  # warnings are errors here
    assert run.params["globals.scale_tril"].shape == (2, 2)


# --- cost ----------------------------------------------------------------------------------------------


def test_a_component_is_factored_once_and_not_once_a_row() -> None:
    (first, *_) = choices(sites(gmm, (X,), {"K": 2, "D": 2}), "data")
    assert first["z"].shape == (1,)


def test_our_guide_works_in_stock_svi() -> None:
    def model(x: torch.Tensor) -> None:
        loc = pyro.sample("loc", dist.Normal(0.0, 10.0))
        with pyro.plate("data", len(x)):
            pyro.sample("x", dist.Normal(loc, 1.0), obs=x)

    guide = guides.build(model, backend="pyro", data=X[:, 0])
    svi = SVI(model, guide, pyro.optim.Adam({"lr": 0.05}), guide.objective())
    losses = [svi.step(X[:, 0]) for _ in range(100)]
    assert np.mean(losses[-20:]) < np.mean(losses[:20])
