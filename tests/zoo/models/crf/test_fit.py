"""Learning against L-BFGS in NumPy: the maximum of the likelihood, and the mode of the posterior."""

import numpy as np
import pytest

import zoo
from zoo.models.crf import exact
from zoo.models.crf.data import simulate
from zoo.models.crf_bayes import exact as bayes

K, D = 3, 2
DATA, NEW = simulate(0, 80, K=K, D=D), simulate(1, 30, K=K, D=D)
HOW = {"data": DATA, "num_steps": 400, "dtype": "float64", "num_draws": 2}


@pytest.mark.slow
def test_learning_reaches_the_maximum(backend):
    run, best = zoo.fit("crf", backend=backend, **HOW), exact.fit(DATA, K=K, D=D)
    top, found = (exact.log_likelihood(DATA, values).sum() for values in (best, run.params))
    assert found <= top + 1e-9
    # 400 steps at these rates come within 1e-4 nats; a tenth of a nat is far below what a parameter's error costs, ½.
    assert found == pytest.approx(top, abs=0.01)
    assert run.losses[-1] == pytest.approx(-top, abs=0.02)
    assert run.evidence().value == pytest.approx(found, rel=1e-9)
    # Parameters differ by what cancels in Z; probabilities do not.
    there = exact.marginals(NEW["x"], best)
    np.testing.assert_allclose(exact.marginals(NEW["x"], run.params), there, atol=0.005)


@pytest.mark.slow
def test_a_point_guide_reaches_the_mode(backend):
    run, best = zoo.fit("crf_bayes", backend=backend, guide="delta", **HOW), bayes.mode(DATA, K=K, D=D)
    for name, value in best.items():
        np.testing.assert_allclose(run.draws[name][0, 0], value, atol=0.005)
    joint = sum(bayes.log_joint(best, DATA, K=K, D=D).values())
    assert run.log_joint() == pytest.approx(joint, abs=0.01)


@pytest.mark.slow
def test_a_tighter_prior_draws_the_mode_to_zero():
    wide, tight = (bayes.mode(DATA, K=K, D=D, scale=s) for s in (1.0, 0.1))
    for name in wide:
        assert np.abs(tight[name]).max() < 0.7 * np.abs(wide[name]).max()


@pytest.mark.slow
@pytest.mark.needs("numpyro")
def test_the_digits_are_learnt_by_the_cards_own_steps():
    """The maximum of the default strings' log likelihood is -656.5547; sklearn-crfsuite finds the same."""
    run = zoo.fit("crf")
    assert -657.2 < run.log_likelihood().value.sum() < -656.554
