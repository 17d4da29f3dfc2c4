"""Filter, smoother and gaps against the dense joint Gaussian, shared constants and brute force."""

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.stats import multivariate_normal

from zoo.models.random_walk import exact
from zoo.models.random_walk.data import load, simulate

CASES = [{"T": 1}, {"T": 5}, {"T": 7, "step_sd": 0.3, "noise_sd": 1.7}, {"T": 4, "step_sd": 2.0, "noise_sd": 0.5}]
GOLDEN = (1 + np.sqrt(5)) / 2


def joint(T=10, step_sd=1.0, noise_sd=1.0):
    """The covariance of (z, x), by the model's definition."""
    walk = step_sd * np.tril(np.ones((T, T)))
    linear = np.block([[walk, np.zeros((T, T))], [walk, noise_sd * np.eye(T)]])
    return linear @ linear.T


def expected_elbo(mean, variance, rows, **options):
    """The ELBO, averaged over x of covariance `rows`, of q(z | x) = Normal(mean x, diag variance)."""
    T, cov = len(rows), joint(**options)
    through = np.vstack([mean, np.eye(T)])
    both = through @ rows @ through.T + np.diag([*variance, *np.zeros(T)])
    log_joint = -0.5 * np.linalg.slogdet(2 * np.pi * cov)[1] - 0.5 * np.trace(np.linalg.solve(cov, both))
    return log_joint + 0.5 * np.log(2 * np.pi * np.e * variance).sum()


def expected_evidence(rows, **options):
    cov = joint(**options)[len(rows) :, len(rows) :]
    return -0.5 * np.linalg.slogdet(2 * np.pi * cov)[1] - 0.5 * np.trace(np.linalg.solve(cov, rows))


@pytest.mark.parametrize("options", CASES)
def test_density_and_smoother_by_the_joint_gaussian(options):
    T, cov = options["T"], joint(**options)
    x = 2 * simulate(0, 6, **options)["x"]
    assert exact.covariance(**options) == pytest.approx(cov[T:, T:])
    answer = multivariate_normal.logpdf(x, np.zeros(T), cov[T:, T:])
    assert exact.log_likelihood(x, {}, **options) == pytest.approx(answer, rel=1e-10)
    assert exact.evidence({"x": x}, **options) == pytest.approx(answer.sum(), rel=1e-10)
    gain = cov[:T, T:] @ np.linalg.inv(cov[T:, T:])
    mean, covariance = exact.local_posterior(x, {}, **options)
    assert mean == pytest.approx(x @ gain.T)
    assert covariance == pytest.approx(cov[:T, :T] - gain @ cov[T:, :T])
    z = np.random.default_rng(1).standard_normal((6, T))
    found = exact.log_joint({"z": z}, {"x": x}, **options)
    assert found["z"] == pytest.approx(multivariate_normal.logpdf(z, np.zeros(T), cov[:T, :T]).sum())
    both = multivariate_normal.logpdf(np.hstack([z, x]), np.zeros(2 * T), cov).sum()
    assert sum(found.values()) == pytest.approx(both)


def test_shared_constants_with_unit_variances():
    assert exact.mean_field_sd()[:-1] ** 2 == pytest.approx(np.full(9, 1 / 3))
    assert exact.mean_field_sd()[-1] ** 2 == pytest.approx(1 / 2)
    _, covariance = exact.local_posterior(np.zeros((1, 60)), {}, T=60)
    assert covariance[30, 30] == pytest.approx(1 / np.sqrt(5), rel=1e-9)
    assert exact.gap_per_step() == pytest.approx(0.0681, abs=5e-5)
    assert exact.gap_per_step() == pytest.approx(0.5 * np.log(3 / GOLDEN**2))


def test_a_long_series_adds_the_limit_a_step():
    for options in ({}, {"step_sd": 0.3, "noise_sd": 1.7}):
        longer = exact.mean_field_gap(T=201, **options) - exact.mean_field_gap(T=200, **options)
        assert longer == pytest.approx(exact.gap_per_step(**options), rel=1e-6)
    assert exact.mean_field_gap(T=1) == pytest.approx(0, abs=1e-14)


@pytest.mark.parametrize("T", [1, 2, 3, 8])
def test_the_gap_of_a_short_series_counts_rabbits(T):
    # With unit variances |Λ| is the Fibonacci number F(2T + 1).
    fibonacci = round(GOLDEN ** (2 * T + 1) / np.sqrt(5))
    assert exact.mean_field_gap(T=T) == pytest.approx(0.5 * (np.log(3) * (T - 1) + np.log(2) - np.log(fibonacci)))


def linear_fit(band, rows, place, **options):
    """Minimise the gap of a linear mean-field encoder over its weights and variances, with no formula of ours."""
    T, evidence = len(rows), expected_evidence(rows, **options)

    def gap(u):
        mean = np.zeros((T, T))
        mean[band] = u[T:][place]
        return evidence - expected_elbo(mean, np.exp(u[:T]), rows, **options)

    return minimize(gap, np.zeros(T + place.max() + 1), method="BFGS", options={"gtol": 1e-7, "maxiter": 2000}).fun


@pytest.mark.parametrize("half_width", [0, 1, 2, 3])
@pytest.mark.parametrize("options", [{"T": 4}, {"T": 4, "step_sd": 0.5, "noise_sd": 1.5}])
def test_a_window_is_paid_for_as_by_the_best_linear_encoder(options, half_width):
    time = np.arange(4)
    band = np.nonzero(np.abs(time[:, None] - time) <= half_width)
    for rows in (joint(**options)[4:, 4:], np.cov(simulate(3, 30, T=4)["x"].T, bias=True)):
        found = exact.window_gap(half_width, rows, **options)
        best = linear_fit(band, rows, np.arange(len(band[0])), **options)
        assert found + exact.mean_field_gap(**options) == pytest.approx(best, abs=1e-6)
    assert exact.window_gap(half_width, **options) == exact.window_gap(half_width, joint(**options)[4:, 4:], **options)


def test_shared_weights_serve_every_step():
    rows = joint(T=5)[5:, 5:]
    band = np.nonzero(np.abs(np.arange(5)[:, None] - np.arange(5)) <= 1)
    place = 1 + band[1] - band[0]
    best = linear_fit(band, rows, place, T=5)
    assert exact.window_gap(1, shared=True, T=5) + exact.mean_field_gap(T=5) == pytest.approx(best, abs=1e-6)


def test_a_wider_window_costs_less_and_a_whole_one_nothing():
    free = [exact.window_gap(w, T=12) for w in range(13)]
    shared = [exact.window_gap(w, T=12, shared=True) for w in range(13)]
    assert np.all(np.diff(free[:9]) < 0)
    assert np.all(np.array(shared) >= np.array(free) - 1e-10)
    assert shared[2] > free[2] + 1e-4
    assert free[11:] == pytest.approx([0, 0], abs=1e-10)
    # One set of weights cannot do at the ends what it does in the middle, however far it sees.
    assert shared[11] == pytest.approx(shared[12], abs=1e-10)
    assert shared[11] > 1e-3
    # What is out of sight counts for 1/φ² a step in the mean, so for 1/φ⁴ in the loss.
    assert free[5] / free[4] == pytest.approx(GOLDEN**-4, rel=0.25)


def test_the_best_means_are_not_expectations_given_the_window():
    T, half_width = 6, 1
    rows = exact.covariance(T=T)
    smoother = exact.local_posterior(np.eye(T), {}, T=T)[0].T
    guess = np.zeros((T, T))
    for t in range(T):
        seen = np.arange(max(0, t - half_width), min(T, t + half_width + 1))
        guess[t, seen] = np.linalg.solve(rows[np.ix_(seen, seen)], rows[seen] @ smoother[t])
    lost = expected_evidence(rows, T=T) - expected_elbo(guess, exact.mean_field_sd(T=T) ** 2, rows, T=T)
    assert lost - exact.mean_field_gap(T=T) > exact.window_gap(half_width, T=T) + 0.01


def test_few_series_are_no_obstacle():
    sample = np.cov(load()["x"].T, bias=True)
    gaps = [exact.window_gap(w, sample) for w in range(10)]
    assert np.all(np.diff(gaps) < 1e-9)
    assert gaps[-1] == pytest.approx(0, abs=1e-9)


def test_what_is_not_there_is_none():
    assert exact.posterior(load()) is None
    assert exact.fit(load()) is None
    with pytest.raises(TypeError):
        exact.evidence(load(), drift=1.0)
