"""Old Faithful's figures, the simulated mixture, and where learning starts."""

import numpy as np
import pytest

from zoo.errors import UserError
from zoo.models.gmm import exact
from zoo.models.gmm.data import load, simulate
from zoo.models.gmm.start import start
from zoo.models.seeding import kmeans, whitened

X = load()["x"]


def test_old_faithful_is_the_published_table():
    assert X.shape == (272, 2)
    assert X[0].tolist() == [3.6, 79.0]
    assert X[-1].tolist() == [4.467, 74.0]
    assert X.mean(0) == pytest.approx([3.487783, 70.897059], abs=5e-7)
    assert X.std(0, ddof=1) == pytest.approx([1.141371, 13.594974], abs=5e-7)


def test_an_unknown_data_set_names_the_known_ones():
    with pytest.raises(UserError, match="old_faithful"):
        load("faithful")


@pytest.mark.parametrize(("K", "D"), [(1, 1), (3, 2), (2, 4)])
def test_simulated_rows_have_the_documented_moments(K, D):
    x = simulate(0, 60_000, K=K, D=D, floor=0.25)["x"]
    weights = np.arange(1, K + 1) / (K * (K + 1) / 2)
    place = 4.0 * np.arange(K)
    assert x.shape == (60_000, D)
    assert x[:, 0].mean() == pytest.approx(weights @ place, abs=0.05)
    assert x[:, 0].var() == pytest.approx(1.25 + weights @ place**2 - (weights @ place) ** 2, rel=0.03)
    assert x[:, 1:].var(0) == pytest.approx(np.full(D - 1, 1.25), rel=0.03)
    if (K, D) == (3, 2):
        last = x[x[:, 0] > 7.0]
        assert np.corrcoef(last.T)[0, 1] > 0.2


@pytest.mark.parametrize("K", [1, 2, 5, 12])
def test_the_start_is_a_sound_mixture(K):
    begin = start({"x": X}, np.random.default_rng(0), K=K)
    values = {name: s.value for name, s in begin.items()}
    assert values["weights"].sum() == pytest.approx(1)
    assert (values["weights"] > 0).all()
    assert values["loc"].shape == (K, 2)
    assert begin["loc"].spread.shape == (K, 2)
    assert begin["scale_tril"].spread.shape == (K, 3)
    assert np.isfinite(exact.log_likelihood(X, values, K=K)).all()


def test_a_start_does_not_know_the_unit():
    begin = start({"x": X}, np.random.default_rng(0), K=3, floor=1e-15)
    scaled = start({"x": X * [60.0, 1 / 60]}, np.random.default_rng(0), K=3, floor=1e-15)
    assert scaled["loc"].value == pytest.approx(begin["loc"].value * [60.0, 1 / 60])
    assert scaled["scale_tril"].value == pytest.approx(begin["scale_tril"].value * [[60.0], [1 / 60]])
    assert scaled["scale_tril"].spread == pytest.approx(begin["scale_tril"].spread * [1 / 60, 1, 1])


def test_seeds_start_at_different_places():
    one, other = (start({"x": X}, np.random.default_rng(seed), K=3)["loc"].value for seed in (0, 1))
    assert not np.allclose(one, other)


def test_as_many_components_as_rows_is_the_most():
    assert np.isfinite(start({"x": X[:3]}, np.random.default_rng(0), K=3)["scale_tril"].value).all()
    with pytest.raises(UserError, match="lower K"):
        start({"x": X[:3]}, np.random.default_rng(0), K=4)
    with pytest.raises(UserError, match="rows that differ, and x has 3; lower K"):
        start({"x": np.repeat(X[:3], 50, 0)}, np.random.default_rng(0), K=4)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_start_knows_no_coordinates(seed):
    """Cells by Mahalanobis' distance are the same in any affine image of the rows, be it nearly flat."""
    x = simulate(0, 300, K=3, D=3)["x"]
    mixed = x @ [[1.0, 0, 1], [0, 1, 1], [0, 0, 0.01]] + [5.0, -3, 100]
    here, there = (whitened(rows) for rows in (x, mixed))
    apart, other = (((w[:, None] - w[None, :50]) ** 2).sum(-1) for w in (here, there))
    assert other == pytest.approx(apart, rel=1e-6, abs=1e-6)
    one, two = (kmeans(w, 3, np.random.default_rng(seed)) for w in (here, there))
    assert (one == two).all()
