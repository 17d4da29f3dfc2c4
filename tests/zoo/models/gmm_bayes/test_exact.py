"""The Bayesian mixture's densities and its evidence, each computed in a second way."""

from itertools import product

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import gammaln, logsumexp
from scipy.stats import dirichlet, halfnorm, invgamma, multivariate_normal, multivariate_t, norm

from zoo.models.gmm_bayes import exact
from zoo.models.gmm_bayes.data import load

OPTIONS = {"alpha": 0.7, "center": (3.0, 60.0), "spread": (1.2, 13.0), "kappa0": 0.4, "a0": 1.5, "b0": 0.3}
EIGHT = load("old_faithful_8")["x"]
LOC = np.array([[2.0, 55.0], [4.0, 80.0]])
CORR = np.array([[[1.0, 0.0], [0.6, 0.8]], [[1.0, 0.0], [-0.28, 0.96]]])
Z = np.array([0, 1, 1, 0, 1, 0, 0, 1])


def sequential_log_marginal(x: np.ndarray) -> float:
    """A component's log marginal likelihood, row after row: each column's predictive is a Student t."""
    total = 0.0
    for column, center, spread in zip(x.T, OPTIONS["center"], OPTIONS["spread"], strict=True):
        m, kappa, a, b = center, OPTIONS["kappa0"], OPTIONS["a0"], OPTIONS["b0"] * spread**2
        for value in column:
            shape = np.array([[b * (kappa + 1) / (a * kappa)]])
            total += float(multivariate_t.logpdf([value], [m], shape, df=2 * a))
            b += kappa * (value - m) ** 2 / (2 * (kappa + 1))
            m, kappa, a = (kappa * m + value) / (kappa + 1), kappa + 1, a + 0.5
    return total


def brute_force(x: np.ndarray, K: int) -> float:
    """The evidence by the plain sum over Kⁿ allocations, labels by the Pólya urn."""
    terms = []
    for labels in product(range(K), repeat=len(x)):
        z, counts, total = np.array(labels), np.zeros(K), 0.0
        for label in labels:
            total += np.log((counts[label] + OPTIONS["alpha"]) / (counts.sum() + K * OPTIONS["alpha"]))
            counts[label] += 1
        terms.append(total + sum(sequential_log_marginal(x[z == k]) for k in range(K)))
    return float(logsumexp(terms))


@pytest.mark.parametrize(("rows", "K"), [(1, 2), (2, 3), (5, 2), (4, 3), (3, 5)])
def test_evidence_is_the_sum_over_all_allocations(rows, K):
    x = EIGHT[:rows]
    assert exact.evidence({"x": x}, K=K, **OPTIONS) == pytest.approx(brute_force(x, K), rel=1e-10)


def test_evidence_of_one_component_has_no_limit_on_rows():
    x = load()["x"]
    assert exact.evidence({"x": x}, K=1, **OPTIONS) == pytest.approx(sequential_log_marginal(x), rel=1e-9)


@pytest.mark.parametrize("K", [1, 2])
def test_evidence_of_one_row_and_column_by_quadrature(K):
    def given(log_variance: float) -> float:
        variance = np.exp(log_variance)
        prior = invgamma.pdf(variance, 2.0, scale=0.2 * 4.0) * variance
        return prior * norm.pdf(1.7, 0.3, np.sqrt(variance * (1 + 1 / 0.1)))

    value, _ = quad(given, -8, 12)
    found = exact.evidence({"x": np.array([[1.7]])}, K=K, D=1, center=0.3, spread=2.0)
    assert found == pytest.approx(np.log(value), abs=1e-7)


def test_evidence_of_two_rows_by_integrating_the_joint():
    """Sum and integrate log_joint itself, over weights, variances and locations, on trapezia."""
    x, options = np.array([[0.2], [1.0]]), {"D": 1, "kappa0": 0.5, "alpha": 1.5}
    log_variance, unit = np.linspace(-4.5, 5.5, 41), np.linspace(-6, 6, 25)
    step = (log_variance[1] - log_variance[0]) * (unit[1] - unit[0])
    variance = np.exp(log_variance)[:, None] * np.ones(len(unit))
    loc = np.sqrt(variance / 0.5) * unit
    log_prior = invgamma.logpdf(variance, 2.0, scale=0.2) + norm.logpdf(loc, 0, np.sqrt(variance / 0.5))
    weight = np.exp(log_prior) * variance * np.sqrt(variance / 0.5) * step
    sets = {
        rows: (weight * np.exp(sum(norm.logpdf(x[i, 0], loc, np.sqrt(variance)) for i in rows))).sum()
        for rows in ((), (0,), (1,), (0, 1))
    }
    # Dirichlet moments: E w_1² = E w_2² and E w_1 w_2 for K = 2.
    same, apart = 1.5 * 2.5 / (3 * 4), 1.5 * 1.5 / (3 * 4)
    total = 2 * same * sets[0, 1] * sets[()] + 2 * apart * sets[(0,)] * sets[(1,)]
    assert exact.evidence({"x": x}, **options) == pytest.approx(np.log(total), abs=1e-4)


def test_evidences_of_all_possible_rows_sum_to_one():
    """A density: the integral of exp(evidence) over a new row, given the others, is one."""
    x = np.array([[0.2], [1.0], [-2.0]])
    before = exact.evidence({"x": x}, D=1, K=3)

    def ratio(u: float) -> float:
        new = np.sinh(u)
        return np.exp(exact.evidence({"x": np.append(x, [[new]], 0)}, D=1, K=3) - before) * np.cosh(u)

    assert quad(ratio, -10, 10, limit=200, epsabs=1e-7)[0] == pytest.approx(1, abs=1e-5)


def test_the_order_of_rows_does_not_matter_and_ten_rows_are_the_most():
    x = load()["x"]
    assert exact.evidence({"x": x[:10]}, **OPTIONS) == pytest.approx(exact.evidence({"x": x[9::-1]}, **OPTIONS))
    assert exact.evidence({"x": x[:11]}, **OPTIONS) is None
    assert exact.evidence({"x": EIGHT}, covariance="full") is None


def test_log_joint_with_diagonal_covariances():
    variance = np.array([[0.1, 30.0], [0.4, 20.0]])
    values = {"weights": np.array([0.3, 0.7]), "variance": variance, "loc": LOC, "z": Z}
    found = exact.log_joint(values, {"x": EIGHT}, **OPTIONS)
    rate = 0.3 * np.array([1.2, 13.0]) ** 2
    by_hand = 1.5 * np.log(rate) - gammaln(1.5) - 2.5 * np.log(variance) - rate / variance
    assert list(found) == ["weights", "variance", "loc", "z", "x"]
    assert found["weights"] == pytest.approx(dirichlet.logpdf([0.3, 0.7], [0.7, 0.7]), rel=1e-12)
    assert found["variance"] == pytest.approx(by_hand.sum(), rel=1e-12)
    squares = (LOC - np.array([3.0, 60.0])) ** 2 * 0.4 / variance
    assert found["loc"] == pytest.approx(-0.5 * (squares + np.log(2 * np.pi * variance / 0.4)).sum(), rel=1e-12)
    assert found["z"] == pytest.approx(4 * np.log(0.3) + 4 * np.log(0.7), rel=1e-12)
    rows = [multivariate_normal.logpdf(x, LOC[k], np.diag(variance[k])) for x, k in zip(EIGHT, Z, strict=True)]
    assert found["x"] == pytest.approx(sum(rows), rel=1e-10)


def test_log_joint_with_full_covariances():
    scale = np.array([[0.5, 6.0], [0.4, 5.0]])
    values = {"weights": np.array([0.3, 0.7]), "loc": LOC, "scale": scale, "corr": CORR, "z": Z}
    options = {"covariance": "full", "spread": (1.2, 13.0), "location_sd": (2.0, 20.0), "eta": 1.7}
    found = exact.log_joint(values, {"x": EIGHT}, **options)
    assert list(found) == ["weights", "loc", "scale", "corr", "z", "x"]
    assert found["loc"] == pytest.approx(norm.logpdf(LOC, 0.0, [2.0, 20.0]).sum(), rel=1e-12)
    assert found["scale"] == pytest.approx(halfnorm.logpdf(scale, scale=[1.2, 13.0]).sum(), rel=1e-12)
    cov = [np.diag(s) @ c @ c.T @ np.diag(s) for s, c in zip(scale, CORR, strict=True)]
    rows = np.array([[multivariate_normal.logpdf(x, LOC[k], cov[k]) for k in range(2)] for x in EIGHT])
    assert found["x"] == pytest.approx(rows[np.arange(8), Z].sum(), rel=1e-10)
    weighted = np.log([0.3, 0.7]) + rows
    assert exact.log_likelihood(EIGHT, values, **options) == pytest.approx(logsumexp(weighted, 1), rel=1e-10)
    posterior = np.exp(weighted - logsumexp(weighted, 1)[:, None])
    assert exact.responsibilities(EIGHT, values, **options) == pytest.approx(posterior, abs=1e-12)


@pytest.mark.parametrize("eta", [0.5, 1.0, 3.0])
def test_lkj_integrates_to_one_and_is_det_to_the_eta(eta):
    def density(angle: float) -> float:
        factor = np.array([[[1.0, 0.0], [np.sin(angle), np.cos(angle)]]])
        return float(np.exp(exact.log_lkj_cholesky(factor, eta)[0]) * np.cos(angle))

    assert quad(density, -np.pi / 2, np.pi / 2)[0] == pytest.approx(1, abs=1e-7)
    # In three dimensions: up to the Jacobian ∏ L_ii^(D-i), the density is det(corr)^(eta - 1).
    factors = np.linalg.cholesky(
        np.array([[[1, 0.2, 0.1], [0.2, 1, -0.4], [0.1, -0.4, 1]], [[1, 0.7, 0.3], [0.7, 1, 0.5], [0.3, 0.5, 1]]])
    )
    diagonal = np.diagonal(factors, axis1=1, axis2=2)
    up_to = (eta - 1) * 2 * np.log(diagonal).sum(1) + np.log(diagonal[:, 1])
    assert np.diff(exact.log_lkj_cholesky(factors, eta)) == pytest.approx(np.diff(up_to), rel=1e-10)


def test_posterior_of_one_component_by_importance_sampling():
    x = load()["x"][:6]
    found = exact.posterior({"x": x}, K=1, **OPTIONS)
    rng = np.random.default_rng(0)
    prior_rate = 0.3 * np.array([1.2, 13.0]) ** 2
    variance = prior_rate / rng.gamma(1.5, size=(400_000, 2))
    loc = np.array([3.0, 60.0]) + np.sqrt(variance / 0.4) * rng.standard_normal(variance.shape)
    log_weight = norm.logpdf(x[:, None], loc, np.sqrt(variance)).sum(0)
    weight = np.exp(log_weight - logsumexp(log_weight, 0))
    assert found["loc"]["mean"][0] == pytest.approx((weight * loc).sum(0), rel=0.02)
    assert found["variance"]["mean"][0] == pytest.approx((weight * variance).sum(0), rel=0.05)
    second = (weight * (loc - found["loc"]["mean"]) ** 2).sum(0)
    assert found["loc"]["sd"][0] == pytest.approx(np.sqrt(second), rel=0.05)
    assert exact.posterior({"x": x}, K=2, **OPTIONS) is None


def test_unknown_options_are_refused():
    with pytest.raises(TypeError):
        exact.log_likelihood(EIGHT, {}, floor=1.0)
