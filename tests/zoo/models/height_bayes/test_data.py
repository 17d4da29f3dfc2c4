"""Prior draws, and where learning starts."""

import numpy as np
import pytest

from zoo.models.height_bayes import exact
from zoo.models.height_bayes.data import load, simulate
from zoo.models.height_bayes.start import start


def test_the_data_are_those_of_height():
    assert load()["x"].shape == (10,)
    assert load("galton")["x"].shape == (481,)


def test_simulated_rows_have_the_prior_predictive_variance():
    first = np.array([simulate(seed, 1, a0=6.0, b0=0.05, kappa0=2.0)["x"][0] for seed in range(3000)])
    assert first.mean() == pytest.approx(1.7, abs=0.01)
    assert first.var() == pytest.approx(0.05 / 5 * 1.5, rel=0.15)
    known = np.array([simulate(seed, 1, known_sd=0.05, s0=0.1)["x"][0] for seed in range(3000)])
    assert known.var() == pytest.approx(0.05**2 + 0.1**2, rel=0.15)


@pytest.mark.parametrize("options", [{}, {"known_sd": 0.05}, {"m0": 2.5, "kappa0": 50.0}])
@pytest.mark.parametrize("name", ["lecture", "galton"])
def test_the_start_lies_within_a_few_posterior_sds(name, options):
    data = load(name)
    begin = start(data, np.random.default_rng(1), **options)
    answer = exact.posterior(data, **options)
    assert set(begin) == set(answer)
    for site, moments in answer.items():
        assert 0 < abs(begin[site].value - moments["mean"]) < 6 * moments["sd"]
    assert begin["loc"].spread == pytest.approx(answer["loc"]["sd"], rel=0.5)


def test_equal_rows_start_at_the_prior_scale():
    begin = start({"x": np.full(5, 1.7)}, np.random.default_rng(0))
    assert 0 < begin["variance"].value < 0.01
