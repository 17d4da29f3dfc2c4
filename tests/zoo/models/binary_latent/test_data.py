"""Rows of known causes, and where learning starts."""

import numpy as np
import pytest

from zoo.errors import UserError
from zoo.models.binary_latent import data, exact
from zoo.models.binary_latent.start import start

X = data.load()["x"]


def test_the_digits_are_black_and_white():
    assert X.shape == (1797, 64)
    assert set(np.unique(X)) == {0.0, 1.0}
    assert data.labels().shape == (1797,)
    for ask in (data.load, data.labels):
        with pytest.raises(UserError, match="digits_binary"):
            ask("digits")


def test_simulated_rows_are_as_frequent_as_the_exact_answer():
    x = data.simulate(0, 100_000, latent=3, D=2)["x"]
    cells = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], dtype=float)
    found = np.array([(x == cell).all(1).mean() for cell in cells])
    answer = np.exp(exact.log_likelihood(cells, data.true_values(3, 2), latent=3, D=2))
    assert answer.sum() == pytest.approx(1)
    assert found == pytest.approx(answer, abs=5 * 0.5 / 100_000**0.5)


def test_the_start_has_the_shares_of_ones():
    begin = start({"x": X}, np.random.default_rng(0), latent=12)
    weight, bias = begin["weight"].value, begin["bias"].value
    assert weight.shape == (64, 12)
    # At the mean code the log-odds are those of the columns; they vary by about a half.
    share = 1 / (1 + np.exp(-(weight @ np.full(12, 0.5) + bias)))
    assert share == pytest.approx(X.mean(0), abs=1e-3)
    assert ((weight**2).sum(1) ** 0.5 / 2).mean() == pytest.approx(0.5, rel=0.1)
    other = start({"x": X}, np.random.default_rng(1), latent=12)["weight"].value
    assert (weight != other).all()


def test_grey_rows_are_refused():
    with pytest.raises(UserError, match="other than 0 and 1"):
        start({"x": X / 2}, np.random.default_rng(0))
