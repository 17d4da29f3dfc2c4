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
def test_the_start_is_a_sound_model_of_the_rows(latent):
    begin = start({"x": X}, np.random.default_rng(0), latent=latent)
    values = {name: s.value for name, s in begin.items()}
    assert values["weight"].shape == begin["weight"].spread.shape == (4, latent)
    assert values["z"].shape == (latent,)
    assert begin["z"].spread == 1.0
    short = exact.log_likelihood(X, exact.fit({"x": X}, latent=latent)) - exact.log_likelihood(X, values)
    # Four columns with twice the noise's sd are log 2 - 3/8 nats each above the optimum, and the jitter adds as much.
    assert 0.5 < short.mean() < 3


def test_a_start_does_not_know_the_unit_and_differs_by_seed():
    begin, inches = (start({"x": X / unit}, np.random.default_rng(0)) for unit in (1, 2.54))
    for name in ("weight", "loc", "scale"):
        assert np.asarray(inches[name].value) * 2.54 == pytest.approx(np.asarray(begin[name].value))
    other = start({"x": X}, np.random.default_rng(1))
    assert not np.allclose(other["weight"].value, begin["weight"].value)


def test_columns_in_other_units_start_as_near_to_their_optimum():
    """No rescaling of single columns is a symmetry of the model, but every data set has a start in the right place."""
    x = np.random.default_rng(0).standard_normal((60, 2)) @ [[1, 2, 3, 4], [2, 0, 1, -1.0]]
    x = (x + 0.3 * np.random.default_rng(1).standard_normal((60, 4))) * [1e4, 1, 1, 1e-3]
    values = {name: s.value for name, s in start({"x": x}, np.random.default_rng(0)).items()}
    assert exact.log_likelihood(x, values).mean() > exact.log_likelihood(x, exact.fit({"x": x})).mean() - 3


def test_a_column_that_does_not_vary_has_a_start():
    begin = start({"x": np.c_[X, np.ones(len(X))]}, np.random.default_rng(0), D=5)
    assert begin["scale"].value > 0
    assert np.isfinite(begin["weight"].value).all()


PLANE = np.c_[X[:, :2], X[:, :2].sum(1) + 7]
STILL = np.c_[X[:, 0], np.full((len(X), 2), [1e9, 0.1])]


def test_rows_in_a_plane_have_no_maximum():
    known = {
        "2 axes hold all 2 rows": X[:2],
        "2 axes hold all 150 rows": PLANE,
        r"do not vary, from 0: 1, 2\)": STILL,
        "lower latent": np.ones((3, 2)),
    }
    for words, x in known.items():
        with pytest.raises(UserError, match=words):
            start({"x": x}, np.random.default_rng(0), D=x.shape[1])


def test_a_direction_that_few_rows_have_is_found():
    x = np.zeros((500_000, 3))
    x[:, :2] = np.random.default_rng(0).standard_normal((500_000, 2))
    x[7, 2] = 1.0
    assert start({"x": x}, np.random.default_rng(0), D=3)["scale"].value > 0
