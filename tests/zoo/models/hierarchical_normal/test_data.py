"""The dyestuff's figures, prior draws, and where learning starts."""

import numpy as np
import pytest

from zoo.datasets import read
from zoo.errors import UserError
from zoo.models.hierarchical_normal import CARD, exact
from zoo.models.hierarchical_normal.data import NOMINAL, load, simulate
from zoo.models.hierarchical_normal.start import start


def test_the_dyestuff_is_the_published_table():
    batch, grams = read("dyestuff").T
    assert np.bincount(batch.astype(int)).tolist() == [0, 5, 5, 5, 5, 5, 5]
    assert grams[:5].tolist() == [1545, 1440, 1440, 1520, 1580]
    assert grams.mean() == 1527.5
    assert (load()["x"] + NOMINAL).tolist() == [1505, 1528, 1564, 1498, 1600, 1470]


def test_the_defaults_are_the_analysis_of_variance():
    table = read("dyestuff")[:, 1].reshape(6, 5)
    within = table.var(1, ddof=1).mean()
    between = 5 * table.mean(1).var(ddof=1)
    assert (between, within) == pytest.approx((11271.5, 2451.25))
    assert CARD.option("sigma").default == pytest.approx(np.sqrt(within / 5), rel=0.005)
    assert CARD.option("tau").default == pytest.approx(np.sqrt((between - within) / 5), rel=0.005)


def test_an_unknown_data_set_names_the_known_ones():
    with pytest.raises(UserError, match="dyestuff"):
        load("schools")


@pytest.mark.parametrize("prior", ["normal", "flat"])
def test_simulated_rows_have_the_prior_predictive_moments(prior):
    x = np.array([simulate(seed, 2, prior=prior, prior_sd=3.0, tau=2.0, sigma=1.0)["x"] for seed in range(4000)])
    assert np.cov(x.T) == pytest.approx(np.array([[14.0, 9.0], [9.0, 14.0]]), rel=0.08)


@pytest.mark.parametrize("options", [{}, {"prior": "flat"}, {"prior_sd": 2.0, "tau": 300.0}])
def test_the_start_lies_within_a_few_posterior_sds(options):
    begin = start(load(), np.random.default_rng(1), **options)
    answer = exact.posterior(load(), **options)["theta"]
    assert 0 < abs(begin["theta"].value - answer["mean"]) < 3 * answer["sd"]
    assert begin["theta"].spread == pytest.approx(answer["sd"])
    assert (begin["z"].value, begin["z"].spread) == (0.0, options.get("tau", 42.0))
