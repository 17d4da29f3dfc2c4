"""The heights: their figures, the way they are drawn, and where learning starts."""

import numpy as np
import pytest

from zoo.errors import UserError
from zoo.models.height import CARD, exact
from zoo.models.height.data import load, simulate
from zoo.models.height.start import start

LECTURE = [1.6, 1.7, 1.65, 1.63, 1.75, 1.71, 1.68, 1.72, 1.77, 1.62]


def test_the_lecture_has_these_ten_heights():
    assert load()["x"].tolist() == LECTURE


def test_galton_measured_481_sons_in_tenths_of_an_inch():
    x = load("galton")["x"]
    inches = x / 0.0254
    assert x.shape == (481,)
    assert inches == pytest.approx(inches.round(1), abs=1e-9)
    assert inches.mean() == pytest.approx(69.234096, abs=5e-7)
    assert (np.diff(x) >= 0).all()


def test_every_declared_data_set_loads():
    assert all(load(declared.name)["x"].dtype == np.float64 for declared in CARD.datasets)


def test_an_unknown_data_set_names_the_known_ones():
    with pytest.raises(UserError, match="did you mean 'galton'"):
        load("galtn")


def test_simulated_heights_have_the_documented_moments():
    x = simulate(3, 100_000)["x"]
    assert x.mean() == pytest.approx(1.7, abs=4 * 0.07 / 100_000**0.5)
    assert x.std() == pytest.approx(0.07, rel=0.01)
    assert (simulate(3, 5)["x"] == simulate(3, 5)["x"]).all()


@pytest.mark.parametrize("unit", [1.0, 100.0])
def test_the_start_is_off_the_answer_by_a_few_units(unit):
    x = load("galton")["x"] * unit
    found = exact.fit({"x": x})
    begin = start({"x": x}, np.random.default_rng(0))
    loc = (found["loc"] - begin["loc"].value) / begin["loc"].spread
    scale = (np.log(found["scale"]) - np.log(begin["scale"].value)) / begin["scale"].spread
    assert 0.1 < abs(loc) < 3
    assert 0.1 < abs(scale) < 3


def test_equal_rows_have_no_maximum():
    with pytest.raises(UserError, match="all equal"):
        start({"x": np.full(5, 1.7)}, np.random.default_rng(0))
