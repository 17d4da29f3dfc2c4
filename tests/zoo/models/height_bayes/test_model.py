"""Both files against exact.py, site by site, in the tails too."""

import numpy as np
import pytest

from zoo.models.height_bayes import exact

X = np.array([1.6, 1.75, 3.0])
OPTIONS = {"m0": 1.5, "kappa0": 0.3, "a0": 1.5, "b0": 0.02}


@pytest.mark.parametrize("variance", [1e-6, 0.003, 50.0])
def test_log_density_is_exact(library, plain, variance):
    values = {"variance": np.array(variance), "loc": np.array(1.4)}
    sites = library.sites(plain("height_bayes"), values, X, **OPTIONS)
    answer = exact.log_joint(values, {"x": X}, **OPTIONS)
    assert list(sites) == list(answer)
    assert {name: site[0].sum() for name, site in sites.items()} == pytest.approx(answer, rel=1e-10)


def test_log_density_is_exact_with_a_known_sd(library, plain):
    options = {"known_sd": 0.05, "m0": 1.5, "s0": 0.3}
    values = {"loc": np.array(1.4)}
    sites = library.sites(plain("height_bayes"), values, X, **options)
    answer = exact.log_joint(values, {"x": X}, **options)
    assert {name: site[0].sum() for name, site in sites.items()} == pytest.approx(answer, rel=1e-10)


def test_without_data_it_draws(library, plain):
    drawn = library.draw(plain("height_bayes"), 0, size=5)
    assert {name: value.shape for name, value in drawn.items()} == {"variance": (), "loc": (), "x": (5,)}
