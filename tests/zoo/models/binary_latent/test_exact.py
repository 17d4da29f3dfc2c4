"""Sums over codes against sums written out, and against Monte Carlo."""

from itertools import product

import numpy as np
import pytest
from scipy.special import expit, logsumexp
from scipy.stats import bernoulli

from zoo.models.binary_latent import data, exact

H, D = 4, 3
OPTIONS = {"latent": H, "D": D}
RNG = np.random.default_rng(6)
VALUES = {"weight": 2 * RNG.normal(size=(D, H)), "bias": RNG.normal(size=D)}
X = np.array(list(product((0.0, 1.0), repeat=D)))


def joint(x, z):
    """Return p(x, z), term by term."""
    p = [expit(sum(VALUES["weight"][d, j] * z[j] for j in range(H)) + VALUES["bias"][d]) for d in range(D)]
    return 0.5**H * np.prod([p[d] if x[d] else 1 - p[d] for d in range(D)])


def test_every_code_has_its_number():
    every = exact.codes(H)
    assert (every @ 2 ** np.arange(H)).tolist() == list(range(2**H))


def test_sums_over_codes_by_hand():
    table = np.array([[joint(x, z) for z in exact.codes(H)] for x in X])
    assert exact.log_likelihood(X, VALUES, **OPTIONS) == pytest.approx(np.log(table.sum(1)), rel=1e-12)
    posterior = table / table.sum(1, keepdims=True)
    assert exact.configurations(X, VALUES, **OPTIONS) == pytest.approx(posterior, rel=1e-10)
    on = np.array(
        [[sum(p for p, z in zip(row, exact.codes(H), strict=True) if z[j]) for j in range(H)] for row in posterior]
    )
    assert exact.probabilities(X, VALUES, **OPTIONS) == pytest.approx(on, rel=1e-10)
    assert table.sum() == pytest.approx(1)


def test_chunks_of_rows_make_no_difference(monkeypatch):
    whole = exact.configurations(X, VALUES, **OPTIONS), exact.log_likelihood(X, VALUES, **OPTIONS)
    monkeypatch.setattr(exact, "CHUNK", 3 * 2**H)
    assert exact.configurations(X, VALUES, **OPTIONS) == pytest.approx(whole[0])
    assert exact.log_likelihood(X, VALUES, **OPTIONS) == pytest.approx(whole[1])


def test_log_joint_by_scipy():
    z = RNG.integers(2, size=(len(X), H))
    probs = expit(z @ VALUES["weight"].T + VALUES["bias"])
    assert exact.log_joint(VALUES | {"z": z}, {"x": X}, **OPTIONS) == {
        "z": pytest.approx(bernoulli.logpmf(z, 0.5).sum(), rel=1e-12),
        "x": pytest.approx(bernoulli.logpmf(X, probs).sum(), rel=1e-12),
    }


def test_twelve_causes_against_monte_carlo():
    values = data.true_values(12, 10)
    x = data.simulate(4, 6, latent=12, D=10)["x"]
    log_odds = np.random.default_rng(0).integers(2, size=(200_000, 12)) @ values["weight"].T + values["bias"]
    terms = x @ log_odds.T - np.logaddexp(0, log_odds).sum(1)
    mean = logsumexp(terms, axis=1) - np.log(terms.shape[1])
    error = np.exp(terms - mean[:, None]).std(1) / terms.shape[1] ** 0.5
    assert (np.abs(exact.log_likelihood(x, values, latent=12, D=10) - mean) < 5 * error).all()


def test_what_is_not_known_is_none():
    values = data.true_values(17, D)
    for ask in (exact.log_likelihood, exact.configurations, exact.probabilities):
        assert ask(X, values, latent=17, D=D) is None
    assert exact.evidence({"x": X}) is exact.posterior({"x": X}) is exact.fit({"x": X}) is None
