"""Log weights to numbers: against closed forms, against ArviZ in both its versions, against known tails."""

import math

import numpy as np
import pytest

from zoo import estimators as e
from zoo.inference_data import arviz


def gaussian_log_weights(sd: float, num_draws: int, seed: int) -> np.ndarray:
    """Return log p - log q for p = N(0, 1), q = N(0, sd²), draws of q; the tail's shape is 1 - sd²."""
    x = sd * np.random.default_rng(seed).normal(size=num_draws)
    return -0.5 * x**2 + 0.5 * (x / sd) ** 2 + math.log(sd)


def arviz_psis(log_weights: np.ndarray) -> tuple[np.ndarray, float]:
    """Return ArviZ's smoothed log weights and k̂, minding that 1.x takes minus log weights."""
    az = arviz()
    if az.__version__.startswith("0."):
        smoothed, k_hat = az.psislw(log_weights)
    else:
        from arviz_stats.base import array_stats

        smoothed, k_hat = array_stats.psislw(-log_weights, r_eff=1)
    return np.asarray(smoothed), float(k_hat)


def test_elbo_is_the_mean_with_its_standard_error():
    log_weights = np.array([-1.0, -2.0, -4.5, -2.5])
    estimate = e.elbo(log_weights)
    assert estimate.value == pytest.approx(-2.5)
    assert estimate.error == pytest.approx(np.std(log_weights, ddof=1) / 2)
    assert str(e.Estimate(-2.5, 0.125, "m")) == "-2.5 ± 0.12 (m)"


def test_estimates_work_row_by_row():
    log_weights = np.random.default_rng(0).normal(size=(60, 3))
    for estimator in (e.elbo, e.importance, lambda w: e.iwae(w, 5)):
        together = estimator(log_weights)
        for row in range(3):
            alone = estimator(log_weights[:, row])
            assert together.value[row] == pytest.approx(alone.value)
            assert together.error[row] == pytest.approx(alone.error)


def test_the_elbo_error_covers():
    # 200 intervals of ±2 standard errors cover with p = 0.9545; fewer than 180 hits has probability 4e-4.
    rng = np.random.default_rng(1)
    estimates = [e.elbo(rng.normal(3.0, 2.0, size=400)) for _ in range(200)]
    assert sum(abs(x.value - 3.0) < 2 * x.error for x in estimates) >= 180


def test_bounds_rise_from_the_elbo_to_the_evidence():
    # p is normalised, so that the evidence is 0; each comparison leaves 5 standard errors (3e-7 one-sided).
    log_weights = gaussian_log_weights(1.5, 20_000, seed=2)
    elbo, two, ten = (e.iwae(log_weights, k) for k in (1, 2, 10))
    assert elbo.value == pytest.approx(e.elbo(log_weights).value)
    exact = math.log(1.5) + 0.5 - 0.5 * 1.5**2
    assert abs(elbo.value - exact) < 5 * elbo.error
    assert elbo.value + 5 * elbo.error < two.value < ten.value
    assert ten.value < 5 * ten.error
    whole = e.importance(log_weights)
    assert abs(whole.value) < 5 * whole.error


def test_importance_error_is_the_delta_method():
    weights = np.array([1.0, 2.0, 3.0, 6.0])
    estimate = e.importance(np.log(weights))
    assert estimate.value == pytest.approx(math.log(3.0))
    assert estimate.error == pytest.approx(weights.std(ddof=1) / 3.0 / 2.0)


def test_log_mean_exp_survives_extremes():
    assert float(e.log_mean_exp(np.array([-np.inf, 0.0]))) == pytest.approx(-math.log(2))
    assert float(e.log_mean_exp(np.array([-np.inf, -np.inf]))) == -np.inf
    assert float(e.log_mean_exp(np.array([-2000.0, -2000.0]))) == -2000.0
    np.testing.assert_allclose(e.log_mean_exp(np.log([[1.0, 3.0], [2.0, 2.0]]), axis=1), np.log([2.0, 2.0]))


def test_effective_draws():
    assert e.effective_draws(np.array([0.0, -np.inf, 0.0, -np.inf])) == pytest.approx(2.0)
    assert e.effective_draws(np.array([5.0, -800.0])) == pytest.approx(1.0)
    assert e.effective_draws(np.full(3, -np.inf)) == 0.0


# 3√S is a whole number here; elsewhere the two ArviZ versions differ by one draw in the tail's length.
@pytest.mark.parametrize("num_draws", [900, 10_000])
@pytest.mark.parametrize("sd", [0.3, 0.6, 0.9, 1.3])
def test_psis_agrees_with_arviz(sd, num_draws):
    log_weights = gaussian_log_weights(sd, num_draws, seed=3)
    smoothed, k_hat = arviz_psis(log_weights.copy())
    ours = e.psis(log_weights)
    assert ours.k_hat == pytest.approx(k_hat, rel=1e-9)
    np.testing.assert_allclose(ours.log_weights, smoothed, rtol=1e-9, atol=1e-9)


def test_psis_is_unmoved_by_a_constant_and_by_order():
    log_weights = gaussian_log_weights(0.5, 500, seed=4)
    shuffle = np.random.default_rng(0).permutation(500)
    there, here = e.psis(log_weights), e.psis(log_weights[shuffle] - 1234.5)
    assert here.k_hat == pytest.approx(there.k_hat, rel=1e-6)
    np.testing.assert_allclose(here.log_weights, there.log_weights[shuffle], atol=1e-9)
    assert np.exp(there.log_weights).sum() == pytest.approx(1.0)


def test_a_narrow_guide_is_caught_and_the_wrong_sign_would_hide_it():
    log_weights = gaussian_log_weights(0.3, 2000, seed=5)  # shape 0.91 in the limit
    assert e.psis(log_weights).k_hat > e.TRUSTED_K_HAT
    assert e.psis(-log_weights).k_hat < 0
    assert e.k_hat_note(e.psis(log_weights).k_hat) == "not to be trusted"


@pytest.mark.parametrize("k", [-0.3, 0.0, 0.4, 0.7, 1.0])
def test_k_hat_finds_the_shape_of_a_generalised_pareto(k):
    # A GPD's exceedances over any threshold have the same shape. 40 fits of a 190-draw tail: the mean's
    # standard error is near (1 + k) / √190 / √40; 5 of them, and 0.02 for the fit's own bias, ring falsely
    # less than once in a million.
    rng = np.random.default_rng(6)
    fits = []
    for _ in range(40):
        u = rng.uniform(size=4000)
        weights = -np.log(u) if k == 0 else np.expm1(-k * np.log(u)) / k
        fits.append(e.psis(np.log(weights)).k_hat)
    pulled = (190 * k + 10 * 0.5) / (190 + 10)
    assert np.mean(fits) == pytest.approx(pulled, abs=5 * np.std(fits) / math.sqrt(40) + 0.02)


def test_k_hat_of_a_perfect_guide_and_of_no_tail():
    assert e.psis(np.full(1000, -7.0)).k_hat == -math.inf
    single = np.full(1000, -1234.5) + np.random.default_rng(7).normal(0, 1e-5, 1000)
    assert e.psis(single.astype(np.float32)).k_hat == -math.inf
    assert e.psis(np.r_[np.zeros(998), 9.0, 9.5]).k_hat == math.inf
    assert e.psis(np.full(10, -np.inf)).k_hat == math.inf
    assert (e.k_hat_note(-math.inf), e.k_hat_note(math.inf)) == ("good", "not to be trusted")
    assert e.k_hat_note(None) == ""


def test_zero_weights_are_allowed():
    log_weights = np.r_[gaussian_log_weights(0.8, 900, seed=8), np.full(100, -np.inf)]
    smoothed = e.psis(log_weights)
    assert math.isfinite(smoothed.k_hat)
    assert np.exp(smoothed.log_weights).sum() == pytest.approx(1.0)
    assert e.elbo(log_weights) == e.Estimate(-math.inf, math.inf, "ELBO, 1000 draws")


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("estimator", [e.elbo, e.importance, e.psis, e.effective_draws])
def test_nan_is_never_a_result(estimator, bad):
    with pytest.raises(ValueError, match="NaN or \\+inf"):
        estimator(np.array([0.0, bad, 1.0]))


def test_too_few_draws_say_so():
    with pytest.raises(ValueError, match="two groups"):
        e.iwae(np.zeros(9), num_particles=5)
    with pytest.raises(ValueError, match="two draws"):
        e.elbo(np.zeros(1))
    with pytest.raises(ValueError, match="shape"):
        e.psis(np.zeros((5, 5)))
