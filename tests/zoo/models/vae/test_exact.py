"""Densities against SciPy's, and integrals over codes against closed forms, finer grids and Monte Carlo."""

import numpy as np
import pytest
from scipy.special import logsumexp
from scipy.stats import bernoulli, multivariate_normal, norm

from guides.nets import mlp
from zoo.models.vae import data, exact, quadrature
from zoo.models.vae.layers import sizes

LIKELIHOODS = [("gaussian", "diagonal"), ("gaussian", "low_rank"), ("bernoulli", "diagonal")]
D, RANK, FLOOR = 4, 3, 0.3


def decoder(latent, likelihood, covariance, hidden=6, depth=1, seed=4):
    values = mlp.initial("decoder", sizes(latent, hidden, depth, likelihood, covariance, RANK, D), seed)
    values["decoder.layer0.bias"] += np.random.default_rng(0).normal(size=hidden)
    return values


def options(latent, likelihood, covariance, **others):
    return {"latent": latent, "likelihood": likelihood, "covariance": covariance, "rank": RANK} | {
        "floor": FLOOR,
        "D": D,
        **others,
    }


def rows(likelihood, count=5):
    x = np.random.default_rng(1).normal(size=(count, D))
    return (x > 0).astype(float) if likelihood == "bernoulli" else x


def by_scipy(x, out, likelihood):
    """Return log p(x | out) of one row at one output, term by term."""
    if likelihood == "bernoulli":
        return bernoulli.logpmf(x, 1 / (1 + np.exp(-out))).sum()
    scale = np.sqrt(FLOOR**2 + np.log1p(np.exp(out[D : 2 * D])) ** 2)
    if len(out) == 2 * D:
        return norm.logpdf(x, out[:D], scale).sum()
    factor = np.array([np.tanh(out[2 * D + RANK * d : 2 * D + RANK * (d + 1)]) for d in range(D)])
    covariance = np.diag(scale) @ (np.eye(D) + factor @ factor.T) @ np.diag(scale)
    return multivariate_normal.logpdf(x, out[:D], covariance)


@pytest.mark.parametrize("activation", exact.ACTIVATION)
def test_the_decoder_by_hand(activation):
    values = decoder(2, "gaussian", "diagonal", depth=2)
    z = np.array([0.4, -1.3])
    act = {
        "relu": lambda a: a * (a > 0),
        "tanh": lambda a: 1 - 2 / (np.exp(2 * a) + 1),
        "silu": lambda a: a / (1 + np.exp(-a)),
        "softplus": lambda a: np.log1p(np.exp(a)),
    }[activation]
    (w0, b0), (w1, b1), (w2, b2) = (
        (values[f"decoder.layer{i}.weight"], values[f"decoder.layer{i}.bias"]) for i in range(3)
    )
    out = w2 @ act(w1 @ act(w0 @ z + b0) + b1) + b2
    assert exact.forward(values, z[None], activation)[0] == pytest.approx(out, rel=1e-12)


@pytest.mark.parametrize(("likelihood", "covariance"), LIKELIHOODS)
def test_densities_by_scipy(likelihood, covariance):
    values, x = decoder(3, likelihood, covariance), rows(likelihood)
    z = np.random.default_rng(2).normal(size=(5, 3))
    out = exact.forward(values, z, "relu")
    each = np.array([[by_scipy(row, o, likelihood) for o in out] for row in x])
    assert exact.log_given(x, out, likelihood, FLOOR) == pytest.approx(each, rel=1e-10)
    found = exact.log_joint(values | {"z": z}, {"x": x}, **options(3, likelihood, covariance))
    assert found == {
        "z": pytest.approx(norm.logpdf(z).sum(), rel=1e-12),
        "x": pytest.approx(np.trace(each), rel=1e-10),
    }


@pytest.mark.parametrize("latent", [1, 2])
@pytest.mark.parametrize("narrow", [1.0, 0.02])
def test_a_linear_decoder_is_factor_analysis(latent, narrow):
    # relu(a) - relu(-a) = a, so that the means are W z + m; weights to the scales are 0.
    rng = np.random.default_rng(7)
    w, m = rng.normal(size=(D, latent)), rng.normal(size=D)
    values = {
        "decoder.layer0.weight": np.concatenate([np.eye(latent), -np.eye(latent)]),
        "decoder.layer0.bias": np.zeros(2 * latent),
        "decoder.layer1.weight": np.concatenate([np.concatenate([w, -w], 1), np.zeros((D, 2 * latent))]),
        "decoder.layer1.bias": np.concatenate([m, np.full(D, -30.0)]),
    }
    x = rng.normal(size=(5, latent)) @ w.T + m + narrow * rng.normal(size=(5, D))
    # Two rows are where the prior hardly goes, beyond the first box.
    x[3:] = np.array([[11.0], [-11.0]]) * w.sum(1) + m
    found = exact.log_likelihood(x, values, **options(latent, "gaussian", "diagonal", floor=narrow))
    answer = multivariate_normal.logpdf(x, m, w @ w.T + narrow**2 * np.eye(D))
    assert found == pytest.approx(answer, abs=1e-7)


@pytest.mark.parametrize(("likelihood", "covariance"), LIKELIHOODS)
@pytest.mark.parametrize("latent", [1, 2])
@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_monte_carlo_agrees_within_five_errors(latent, likelihood, covariance, activation):
    values, x = decoder(latent, likelihood, covariance), rows(likelihood)
    given = options(latent, likelihood, covariance, activation=activation)
    found = exact.log_likelihood(x, values, **given)
    z = np.random.default_rng(3).normal(size=(200_000, latent))
    terms = exact.log_given(x, exact.forward(values, z, activation), likelihood, FLOOR)
    mean = logsumexp(terms, axis=1) - np.log(len(z))
    error = np.exp(terms - mean[:, None]).std(1) / len(z) ** 0.5
    assert error.max() < 0.05
    assert (np.abs(found - mean) < 5 * error).all()


@pytest.mark.parametrize("activation", ["relu", "softplus"])
@pytest.mark.parametrize("latent", [1, 2])
def test_a_finer_grid_changes_less_than_is_said(monkeypatch, activation, latent):
    given = {"latent": latent, "hidden": 12, "activation": activation, "D": 10}
    values = data.true_decoder(sizes(latent, 12, 1, "gaussian", "diagonal", 2, 10), "gaussian", 10)
    x = data.simulate(5, 4, **given)["x"]
    found = exact.log_likelihood(x, values, **given)
    monkeypatch.setattr(quadrature, "TOLERANCE", 0.0)
    monkeypatch.setattr(quadrature, "MOST", {1: 2**15 + 1, 2: 1025})
    finer = exact.log_likelihood(x, values, **given)
    assert np.abs(found - finer).max() < (5e-6 if activation == "relu" else 1e-9)


@pytest.mark.parametrize("dim", [1, 2])
def test_the_rule_knows_its_error(dim):
    axes = np.meshgrid(*[np.linspace(-9, 9, 33)] * dim, indexing="ij")
    f = norm.logpdf(np.array(axes)).sum(0)
    value, error, inside = quadrature.trapezoid(f, np.array([[-9.0, 9.0]] * dim))
    assert value == pytest.approx(0, abs=1e-12)
    assert 1e-8 < error < 1e-6
    assert inside
    half = f[len(f) // 2 :]  # cut off at its highest
    assert not quadrature.trapezoid(half, np.array([[0.0, 9.0]] * dim))[2]


def test_two_modes_apart_are_both_counted():
    # x = z² by a decoder of two rectified units each way: z = ±x, one near each end.
    values = {
        "decoder.layer0.weight": np.array([[1.0], [-1.0]]),
        "decoder.layer0.bias": np.zeros(2),
        "decoder.layer1.weight": np.array([[1.0, 1.0], [0.0, 0.0]]),
        "decoder.layer1.bias": np.array([0.0, -30.0]),
    }
    given = {"latent": 1, "floor": 0.01, "D": 1}
    found = exact.log_likelihood(np.array([[2.0]]), values, **given)
    assert found[0] == pytest.approx(np.log(2) + norm.logpdf(2.0, 0, (1 + 0.01**2) ** 0.5), abs=1e-7)


def test_what_is_not_known_is_none():
    x = rows("gaussian")
    assert exact.log_likelihood(x, decoder(3, "gaussian", "diagonal"), **options(3, "gaussian", "diagonal")) is None
    assert exact.evidence({"x": x}, latent=2) is None
    assert exact.posterior({"x": x}) is None
    assert exact.fit({"x": x}) is None
