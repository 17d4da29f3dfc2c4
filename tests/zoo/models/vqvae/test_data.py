"""The images, rows of known codes, and where learning starts."""

import numpy as np
import pytest

from zoo.errors import UserError
from zoo.models.vqvae import data, exact
from zoo.models.vqvae.options import Options
from zoo.models.vqvae.start import start


def test_the_images_are_those_of_vae():
    assert data.load()["x"].shape == (1797, 64)
    assert set(np.unique(data.load("digits_binary")["x"])) == {0.0, 1.0}
    with pytest.raises(UserError, match="'vqvae'"):
        data.load("iris")


@pytest.mark.parametrize("prior", ["uniform", "categorical", "autoregressive"])
def test_simulated_rows_are_as_frequent_as_the_exact_answer(prior):
    options = {"K": 3, "positions": 2, "hidden": 5, "units": 4, "D": 2, "likelihood": "bernoulli", "prior": prior}
    count = 50_000
    x = data.simulate(0, count, **options)["x"]
    cells = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], dtype=float)
    answer = np.exp(exact.log_likelihood(cells, data.true_values(Options(**options)), **options))
    assert answer.sum() == pytest.approx(1)
    # 4 cells at 5 standard errors at most: a false alarm in 400,000.
    found = np.array([(x == cell).all(1).mean() for cell in cells])
    assert found == pytest.approx(answer, abs=5 * 0.5 / count**0.5)


@pytest.mark.parametrize("prior", ["uniform", "categorical", "autoregressive"])
def test_codes_are_drawn_from_the_prior(prior):
    o = Options(K=3, positions=2, units=4, prior=prior)
    values, count = data.true_values(o), 20_000
    z = data.codes(values, np.random.default_rng(0), count, o)
    found = np.bincount(np.ravel_multi_index(z.T, (3, 3)), minlength=9) / count
    p = np.exp(exact.log_prior(exact.every_code(o), values, **vars(o)))
    # 9 cells at 5 standard errors: a false alarm in 190,000.
    assert np.all(np.abs(found - p) < 5 * np.sqrt(p * (1 - p) / count))


def test_the_start_is_around_the_data():
    x = 40 * data.load()["x"] + 7
    begin = start({"x": x}, np.random.default_rng(0), prior="autoregressive")
    assert begin["decoder.layer1.bias"].value == pytest.approx(x.mean(0))
    assert begin["noise"].value == pytest.approx(x.std(0).mean())
    assert begin["codebook"].value.shape == (16, 4)
    assert np.abs(begin["prior.into"].value).min() > 0
    same = start({"x": x}, np.random.default_rng(0))
    assert {name for name in begin if not name.startswith("prior")} == set(same)
    assert all(np.array_equal(begin[name].value, same[name].value) for name in same)
    other = start({"x": x}, np.random.default_rng(1))
    assert (begin["codebook"].value != other["codebook"].value).all()


@pytest.mark.parametrize(
    ("form", "words"),
    [({}, "other values"), ({"noise": "fixed"}, "no meaning")],
)
def test_what_has_no_meaning_is_refused(form, words):
    with pytest.raises(UserError, match=words):
        start({"x": data.load()["x"]}, np.random.default_rng(0), likelihood="bernoulli", **form)
