"""Both files against exact.py, and a size and a batch that are what they say."""

import numpy as np
import pytest

from zoo.models.height import exact

X = np.array([1.6, 1.75, 3.0])
VALUES = {"loc": np.array(1.65), "scale": np.array(0.04)}


def test_log_density_is_exact(library, plain):
    sites = library.sites(plain("height"), VALUES, X)
    assert set(sites) == {"x"}
    assert sites["x"][0].sum() == pytest.approx(exact.log_joint(VALUES, {"x": X})["x"], rel=1e-12)
    assert sites["x"][0] == pytest.approx(exact.log_likelihood(X, VALUES), rel=1e-12)


def test_a_batch_is_scaled_by_the_rows_it_stands_for(library, plain):
    density, scale = library.sites(plain("height"), VALUES, X, size=12)["x"]
    assert density.shape == (3,)
    assert scale == pytest.approx(4)


def test_without_data_it_draws(library, plain):
    drawn = library.draw(plain("height"), 0, size=4000)
    assert drawn["x"].shape == (4000,)
    assert drawn["x"].mean() == pytest.approx(1.7, abs=0.01)
    assert drawn["x"].std() == pytest.approx(0.1, abs=0.01)
