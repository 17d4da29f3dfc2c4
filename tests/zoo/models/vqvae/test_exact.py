"""Sums over codes against sums written out; priors that sum to one; what is not known."""

import numpy as np
import pytest
from scipy.special import expit, logsumexp
from scipy.stats import bernoulli, norm

from zoo.models.vqvae import data, exact
from zoo.models.vqvae.options import Options

SMALL = {"K": 3, "positions": 2, "code_size": 2, "hidden": 5, "units": 4, "D": 4}
PRIORS = ("uniform", "categorical", "autoregressive")


def setting(**form):
    options = {**SMALL, **form}
    o = Options(**options)
    return options, o, data.true_values(o), data.simulate(1, 6, **options)["x"]


@pytest.mark.parametrize("prior", PRIORS)
def test_the_prior_sums_to_one(prior):
    options, o, values, _ = setting(prior=prior)
    mass = np.exp(exact.log_prior(exact.every_code(o), values, **options))
    assert mass.shape == (9,)
    assert mass.sum() == pytest.approx(1, rel=1e-12)
    assert (len(np.unique(mass.round(9))) == 1) == (prior == "uniform")
    # What comes later has no part in the shares of the first position.
    if prior != "uniform":
        first = values["prior.bias"][0]
        if prior == "autoregressive":
            first = first + np.tanh(values["prior.inner"]) @ values["prior.out"][0]
        assert mass.reshape(3, 3).sum(1) == pytest.approx(np.exp(first - logsumexp(first)), rel=1e-12)


@pytest.mark.parametrize("form", [{"prior": "autoregressive"}, {"likelihood": "bernoulli", "depth": 2}], ids=str)
def test_sums_over_codes_by_hand(form):
    options, o, values, x = setting(**form)
    table = np.zeros((len(x), 9))
    for k, z in enumerate(exact.every_code(o)):
        out = exact.forward(values, np.concatenate([values["codebook"][c] for c in z])[None], "relu")[0]
        given = bernoulli(expit(out)).logpmf(x) if "likelihood" in form else norm(out, np.hypot(0.05, 0.1)).logpdf(x)
        table[:, k] = given.sum(1) + exact.log_prior(z[None], values, **options)[0]
    assert exact.log_likelihood(x, values, **options) == pytest.approx(logsumexp(table, 1), rel=1e-10)
    posterior = np.exp(table - logsumexp(table, 1, keepdims=True))
    assert exact.probabilities(x, values, **options) == pytest.approx(posterior, rel=1e-8, abs=1e-12)


def test_chunks_of_rows_make_no_difference(monkeypatch):
    options, _, values, x = setting()
    whole = exact.log_likelihood(x, values, **options)
    monkeypatch.setattr(exact, "CHUNK", 9 * 4)
    assert exact.log_likelihood(x, values, **options) == pytest.approx(whole, rel=1e-9)


def test_what_is_not_known_is_none():
    options, _, values, x = setting()
    for ask in (exact.log_likelihood, exact.probabilities):
        assert ask(x, values, **{**options, "K": 257}) is None
    assert exact.evidence({"x": x}) is exact.posterior({"x": x}) is exact.fit({"x": x}) is None
    with pytest.raises(TypeError, match="k"):
        exact.evidence({"x": x}, k=3)
