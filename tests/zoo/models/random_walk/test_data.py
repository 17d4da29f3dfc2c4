"""The Nile's figures, simulated walks, and where learning starts."""

import numpy as np
import pytest

from zoo.datasets import read
from zoo.errors import UserError
from zoo.models.random_walk import exact
from zoo.models.random_walk.data import load, simulate
from zoo.models.random_walk.start import start


def test_the_nile_is_the_published_table():
    year, flow = read("nile").T
    assert year.tolist() == list(range(1871, 1971))
    assert flow[[0, 1, 42, 99]].tolist() == [1120, 1160, 456, 740]
    assert flow.mean() == pytest.approx(919.35)
    assert flow.std(ddof=1) == pytest.approx(169.2275, abs=5e-5)


def test_a_row_is_a_decade():
    x = load()["x"]
    assert x.shape == (10, 10)
    assert x.mean() == pytest.approx(0, abs=1e-12)
    assert x[4, 2] * 100 + 919.35 == pytest.approx(456)  # 1913, the driest year


def test_the_defaults_suit_the_decades_as_well_as_the_records_own_sds():
    assert exact.evidence(load()) == pytest.approx(-184.58, abs=0.005)
    assert exact.evidence(load(), step_sd=0.383, noise_sd=1.229) == pytest.approx(-184.95, abs=0.005)


def test_an_unknown_data_set_names_the_known_ones():
    with pytest.raises(UserError, match="walks"):
        load("rhine")


@pytest.mark.parametrize("options", [{}, {"T": 1}, {"T": 4, "step_sd": 0.5, "noise_sd": 2.0}])
def test_simulated_rows_have_the_documented_moments(options):
    x = simulate(0, 50_000, **options)["x"]
    assert x.shape == (50_000, options.get("T", 10))
    assert x.mean(0) == pytest.approx(np.zeros(x.shape[1]), abs=0.06)
    assert np.cov(x.T).reshape(x.shape[1], -1) == pytest.approx(exact.covariance(**options), rel=0.06, abs=0.06)


def test_the_start_is_the_prior():
    begin = start(load(), np.random.default_rng(0), T=4, step_sd=3.0)
    assert set(begin) == {"z"}
    assert begin["z"].value.tolist() == [0.0] * 4
    prior = 9.0 * np.tril(np.ones((4, 4))) @ np.triu(np.ones((4, 4)))
    # One unit for all steps: an encoder that moves along the series speaks the same language everywhere.
    assert begin["z"].spread ** 2 == pytest.approx(np.full(4, np.diagonal(prior).mean()))
