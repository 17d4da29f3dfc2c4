"""The irises, rows of a plane, and where learning starts."""

import numpy as np
import pytest

from zoo.errors import UserError
from zoo.models.ppca import exact
from zoo.models.ppca.data import SPECIES, labels, load, simulate, true_values
from zoo.models.ppca.start import start

X = load()["x"]


def test_the_irises_are_the_published_table():
    assert X.shape == (150, 4)
    assert X[0].tolist() == [5.1, 3.5, 1.4, 0.2]
    assert X[34].tolist() == [4.9, 3.1, 1.5, 0.2]  # one of two rows that other copies have wrong
    assert X.mean(0) == pytest.approx([5.843333, 3.057333, 3.758, 1.199333], abs=5e-7)
    assert np.bincount(labels()).tolist() == [50, 50, 50]
    assert len(SPECIES) == 3


@pytest.mark.parametrize("function", [load, labels])
def test_an_unknown_data_set_names_the_known_ones(function):
    with pytest.raises(UserError, match="iris"):
        function("irises")


@pytest.mark.parametrize(("latent", "D"), [(1, 1), (2, 4), (3, 2)])
def test_simulated_rows_have_the_documented_moments(latent, D):
    x = simulate(0, 200_000, latent=latent, D=D)["x"]
    true = true_values(latent, D)
    assert {name: value.shape for name, value in true.items()} == {"weight": (D, latent), "loc": (D,), "scale": ()}
    assert x.mean(0) == pytest.approx(np.arange(D), abs=0.03)
    assert np.cov(x.T).reshape(D, D) == pytest.approx(exact.covariance(true), abs=0.06)


def test_the_fixed_weight_leaves_a_mean_field_gap():
    assert exact.mean_field_gap(true_values()) > 0.01


@pytest.mark.parametrize("latent", [1, 2, 5])
def test_the_start_is_a_sound_model_of_the_columns_variance(latent):
    begin = start({"x": X}, np.random.default_rng(0), latent=latent)
    values = {name: s.value for name, s in begin.items()}
    assert values["weight"].shape == begin["weight"].spread.shape == (4, latent)
    assert values["z"].shape == (latent,)
    assert begin["z"].spread == 1.0
    assert np.trace(exact.covariance(values)) == pytest.approx((0.5 + 0.5) * X.var(0).sum())
    assert np.isfinite(exact.log_likelihood(X, values, latent=latent)).all()


def test_a_start_does_not_know_the_unit_and_differs_by_seed():
    begin, inches = (start({"x": X / unit}, np.random.default_rng(0)) for unit in (1, 2.54))
    for name in ("weight", "loc", "scale"):
        assert np.asarray(inches[name].value) * 2.54 == pytest.approx(np.asarray(begin[name].value))
    other = start({"x": X}, np.random.default_rng(1))
    assert not np.allclose(other["weight"].value, begin["weight"].value)


def test_a_column_that_does_not_vary_has_a_start():
    begin = start({"x": np.ones((3, 2))}, np.random.default_rng(0))
    assert begin["scale"].value > 0
    assert (begin["loc"].spread == 1).all()
