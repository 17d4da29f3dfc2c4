"""Everything against the joint Gaussian by linear algebra, and against the shared formulas."""

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.optimize import minimize
from scipy.stats import multivariate_normal, norm

from zoo.models.hierarchical_normal import exact
from zoo.models.hierarchical_normal.data import load

DATA = load()
X = DATA["x"]
N = len(X)
CASES = [{}, {"prior_sd": 0.7, "tau": 2.0, "sigma": 30.0}, {"prior_sd": 30.0, "tau": 60.0, "sigma": 5.0}]
FLAT = {"prior": "flat"}
# So wide a normal prior is flat, and its density around the data is that of its middle.
WIDE = 1e6


def joint(o):
    """The covariance of (theta, z, x), by the model's definition."""
    linear = np.block(
        [
            [np.array([[o.prior_sd]]), np.zeros((1, 2 * N))],
            [np.zeros((N, 1)), o.tau * np.eye(N), np.zeros((N, N))],
            [np.full((N, 1), o.prior_sd), o.tau * np.eye(N), o.sigma * np.eye(N)],
        ]
    )
    return linear @ linear.T


def conditional(o):
    """Mean and covariance of (theta, z) given x."""
    cov = joint(o)
    hidden, seen = slice(0, N + 1), slice(N + 1, None)
    gain = cov[hidden, seen] @ np.linalg.inv(cov[seen, seen])
    return gain @ X, cov[hidden, hidden] - gain @ cov[seen, hidden]


@pytest.mark.parametrize("options", CASES)
def test_evidence_and_posteriors_by_the_joint_gaussian(options):
    o = exact.Options(**options)
    cov = joint(o)
    answer = multivariate_normal.logpdf(X, np.zeros(N), cov[N + 1 :, N + 1 :])
    assert exact.evidence(DATA, **options) == pytest.approx(answer, rel=1e-10)
    mean, covariance = conditional(o)
    theta = exact.posterior(DATA, **options)["theta"]
    assert (theta["mean"], theta["sd"] ** 2) == pytest.approx((mean[0], covariance[0, 0]), rel=1e-8)
    z_mean, z_variance = exact.local_marginal(DATA, **options)
    assert z_mean == pytest.approx(mean[1:], rel=1e-8)
    assert np.full(N, z_variance) == pytest.approx(np.diagonal(covariance)[1:], rel=1e-8)
    given = {"theta": np.asarray(4.2)}
    known, spread = exact.local_posterior(X, given, **options)
    pull = covariance[1:, 0] / covariance[0, 0]
    assert known == pytest.approx(mean[1:] + pull * (4.2 - mean[0]), rel=1e-7)
    assert spread == pytest.approx((covariance[1:, 1:] - np.outer(pull, covariance[0, 1:]))[2, 2], rel=1e-7)


@pytest.mark.parametrize("options", CASES)
def test_mean_field_is_the_best_of_its_family(options):
    o = exact.Options(**options)
    rate = np.linalg.inv(joint(o))
    constant = -0.5 * np.linalg.slogdet(2 * np.pi * joint(o))[1]
    # The ELBO of independent factors is a function of each one's mean and log sd, in units of the exact sds.
    found = exact.mean_field(DATA, **options)
    mean = np.concatenate([found.mean["theta"][None], found.mean["z"]])
    sd = np.concatenate([found.sd["theta"][None], found.sd["z"]])

    def negative(u):
        m, s = mean + sd * u[: N + 1], sd * np.exp(u[N + 1 :])
        at = np.concatenate([m, X])
        expected = constant - 0.5 * at @ rate @ at - 0.5 * np.diagonal(rate)[: N + 1] @ s**2
        return -(expected + norm.entropy(scale=s).sum())

    begin = 0.5 * np.random.default_rng(0).standard_normal(2 * (N + 1))
    best = minimize(negative, begin, method="BFGS", options={"gtol": 1e-5})
    assert -negative(np.zeros(2 * (N + 1))) == pytest.approx(found.elbo, abs=1e-8)
    assert -best.fun == pytest.approx(found.elbo, abs=1e-6)
    assert best.x == pytest.approx(np.zeros(2 * (N + 1)), abs=1e-2)
    gap = exact.evidence(DATA, **options) - found.elbo
    assert gap == pytest.approx(exact.mean_field_gap(DATA, **options))
    assert gap > 0


def test_shared_formulas_with_the_flat_prior():
    o, found = exact.Options(**FLAT), exact.mean_field(DATA, **FLAT)
    assert found.mean["z"] == pytest.approx(o.tau**2 * (X - X.mean()) / (o.sigma**2 + o.tau**2))
    assert found.mean["theta"] == pytest.approx(X.mean())
    assert found.sd["theta"] ** 2 == pytest.approx(o.sigma**2 / N)
    assert exact.posterior(DATA, **FLAT)["theta"]["sd"] ** 2 == pytest.approx((o.sigma**2 + o.tau**2) / N)
    gap = exact.evidence(DATA, **FLAT) - found.elbo
    assert gap == pytest.approx(0.5 * np.log((o.sigma**2 + o.tau**2) / o.sigma**2))


def test_the_flat_prior_is_the_limit_of_wide_ones():
    wide = {"prior_sd": WIDE}
    density = norm.logpdf(0, 0, WIDE)
    assert exact.evidence(DATA, **FLAT) == pytest.approx(exact.evidence(DATA, **wide) - density, abs=1e-6)
    best, near = exact.mean_field(DATA, **FLAT), exact.mean_field(DATA, **wide)
    assert best.elbo == pytest.approx(near.elbo - density, abs=1e-6)
    theta, close = exact.posterior(DATA, **FLAT)["theta"], exact.posterior(DATA, **wide)["theta"]
    assert [*map(float, theta.values())] == pytest.approx([*map(float, close.values())], rel=1e-6)
    for one, other in zip(exact.local_marginal(DATA, **FLAT), exact.local_marginal(DATA, **wide), strict=True):
        assert one == pytest.approx(other, rel=1e-5)


def test_the_flat_evidence_by_quadrature():
    shift = exact.evidence(DATA, **FLAT)

    def likelihood(theta):
        return np.exp(exact.log_likelihood(X, {"theta": theta}, **FLAT).sum() - shift)

    assert quad(likelihood, -250, 300, points=[27.5], epsabs=1e-11)[0] == pytest.approx(1, abs=1e-9)


def test_log_likelihood_integrates_z_out():
    options = {"tau": 3.0, "sigma": 2.0}
    x, theta = np.array([4.0]), np.asarray(-1.0)

    def density(z):
        terms = exact.log_joint({"theta": theta, "z": np.array([z])}, {"x": x}, **options, **FLAT)
        return np.exp(sum(terms.values()))

    found = exact.log_likelihood(x, {"theta": theta}, **options)
    assert quad(density, -30, 30)[0] == pytest.approx(np.exp(found[0]), rel=1e-8)


def test_unknown_options_are_refused():
    with pytest.raises(TypeError):
        exact.evidence(DATA, mu=1.0)
    with pytest.raises(TypeError):
        exact.fit(DATA, mu=1.0)
    assert exact.fit(DATA) is None
