"""Posterior, evidence, predictive and mean field against the shared constants and against quadrature."""

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.optimize import minimize
from scipy.special import digamma
from scipy.stats import invgamma, norm, t

from zoo.models.height.data import load
from zoo.models.height_bayes import exact

DATA = load()
X = DATA["x"]
OTHER = {"m0": 1.6, "kappa0": 3.0, "a0": 3.5, "b0": 0.02}


def test_shared_constants():
    p = exact.Options().updated(X)
    assert (p.m0, p.kappa0, p.a0, p.b0) == pytest.approx((1.684545, 11, 7, 0.01973636), rel=1e-6)
    found = exact.posterior(DATA)
    assert found["variance"]["mean"] == pytest.approx(0.00328939, abs=5e-9)
    assert found["loc"]["mean"] == pytest.approx(1.684545, abs=5e-7)
    assert found["loc"]["sd"] == pytest.approx(0.0172927, abs=5e-8)
    assert exact.evidence(DATA) == pytest.approx(13.071331, abs=5e-7)
    best = exact.mean_field(DATA)
    assert best.elbo == pytest.approx(13.036042, abs=5e-7)
    assert best.sd["loc"] == pytest.approx(0.0160099, abs=5e-8)
    grid = np.linspace(1.4, 2.0, 7)
    assert exact.predictive(grid, DATA) == pytest.approx(t.pdf(grid, 14, 1.684545, 0.0554599), rel=5e-5)


def test_shared_constants_with_a_known_sd():
    known = {"known_sd": 0.05}
    found = exact.posterior(DATA, **known)
    assert set(found) == {"loc"}
    assert found["loc"]["mean"] == pytest.approx(1.683415, abs=5e-7)
    assert found["loc"]["sd"] == pytest.approx(0.0156174, abs=5e-8)
    assert exact.evidence(DATA, **known) == pytest.approx(13.055054, abs=5e-7)
    assert exact.mean_field(DATA, **known).elbo == exact.evidence(DATA, **known)


@pytest.mark.parametrize(("rows", "options"), [(10, {}), (2, OTHER)])
def test_evidence_and_moments_by_quadrature(rows, options):
    x = X[:rows]
    found, p = exact.posterior({"x": x}, **options), exact.Options(**options).updated(x)
    # Trapezia in log variance and in loc, the latter in units of its sd given the variance: the integrand is
    # smooth and dies out at the ends, so that the rule converges faster than any power.
    log_variance = np.log(found["variance"]["mean"]) + np.linspace(-3, 9, 121)
    unit = np.linspace(-9, 9, 61)
    variance = np.exp(log_variance)[:, None] * np.ones(len(unit))
    loc = p.m0 + np.sqrt(variance / p.kappa0) * unit

    def joint(v: float, m: float) -> float:
        return sum(exact.log_joint({"variance": np.asarray(v), "loc": np.asarray(m)}, {"x": x}, **options).values())

    measure = variance * np.sqrt(variance / p.kappa0) * (0.1 * 0.3)
    mass = np.exp(np.vectorize(joint)(variance, loc) - exact.evidence({"x": x}, **options)) * measure
    assert mass.sum() == pytest.approx(1, abs=1e-6)
    assert (mass * variance).sum() == pytest.approx(found["variance"]["mean"], rel=1e-3)
    assert (mass * (loc - p.m0) ** 2).sum() == pytest.approx(found["loc"]["sd"] ** 2, rel=1e-3)


def test_evidence_with_a_known_sd_by_quadrature():
    options = {"known_sd": 0.07, "m0": 1.5, "s0": 0.2}
    shift = exact.evidence(DATA, **options)

    def joint(loc: float) -> float:
        return float(np.exp(sum(exact.log_joint({"loc": np.asarray(loc)}, DATA, **options).values()) - shift))

    assert quad(joint, 1.4, 2.0, points=[1.68], epsabs=1e-10)[0] == pytest.approx(1, abs=1e-8)


@pytest.mark.parametrize("options", [{}, OTHER, {"known_sd": 0.05}])
def test_predictive_is_a_ratio_of_evidences(options):
    grid = np.array([1.5, 1.68, 1.9])
    before = exact.evidence(DATA, **options)
    ratio = [np.exp(exact.evidence({"x": np.append(X, new)}, **options) - before) for new in grid]
    assert exact.predictive(grid, DATA, **options) == pytest.approx(ratio, rel=1e-9)


@pytest.mark.parametrize("options", [{}, OTHER])
def test_mean_field_is_the_best_of_its_family(options):
    o, p = exact.Options(**options), exact.Options(**options).updated(X)

    def negative_elbo(u: np.ndarray) -> float:
        m, s, a, b = u[0], *np.exp(u[1:])
        precision, mean_log = a / b, np.log(b) - digamma(a)
        squares = ((X - m) ** 2).sum() + len(X) * s**2 + o.kappa0 * ((m - o.m0) ** 2 + s**2)
        joint = -0.5 * (len(X) + 1) * (np.log(2 * np.pi) + mean_log) - 0.5 * precision * squares
        joint += 0.5 * np.log(o.kappa0)
        prior = invgamma.logpdf(1.0, o.a0, scale=o.b0) + o.b0 - (o.a0 + 1) * mean_log - o.b0 * precision
        entropy = norm.entropy(m, s) + invgamma.entropy(a, scale=b)
        return float(-(joint + prior + entropy))

    best = minimize(negative_elbo, [1.7, -4, 2, -4], method="BFGS", options={"gtol": 1e-7})
    found = exact.mean_field(DATA, **options)
    assert -best.fun == pytest.approx(found.elbo, abs=1e-6)
    assert np.exp(best.x[1]) == pytest.approx(found.sd["loc"], rel=1e-3)
    assert invgamma.std(np.exp(best.x[2]), scale=np.exp(best.x[3])) == pytest.approx(found.sd["variance"], rel=1e-3)
    assert found.elbo < exact.evidence(DATA, **options)
    assert found.sd["loc"] < np.sqrt(p.b0 / (p.a0 - 1) / p.kappa0)


def test_an_sd_that_does_not_exist_is_infinite():
    found = exact.posterior({"x": X[:1]}, a0=0.4)
    assert found["variance"]["mean"] == np.inf
    assert found["loc"]["sd"] == np.inf


def test_unknown_options_are_refused():
    with pytest.raises(TypeError):
        exact.evidence(DATA, kappa=1.0)
