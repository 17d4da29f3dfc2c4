"""The recursions against sums over all paths, cut series against padded ones, and the book's figures."""

import numpy as np
import pytest

import zoo
from zoo.datasets import read
from zoo.models.hmm import data, exact

COINS = {
    "initial": np.array([0.6, 0.4]),
    "transition": np.array([[0.7, 0.3], [0.2, 0.8]]),
    "probs": np.array([[[0.5, 0.4, 0.1]], [[0.1, 0.3, 0.6]]]),
}
COIN_OPTIONS = {"emission": "categorical", "K": 2, "T": 4, "D": 1, "V": 3}


@pytest.mark.parametrize("emission", exact.EMISSIONS)
def test_recursions_are_sums_and_maxima_over_all_paths(short, emission):
    values, options = short.case(emission)
    total, smoothed, best = (
        f(short.x, values, **options) for f in (exact.log_likelihood, exact.smoothing, exact.viterbi)
    )
    for i, x in enumerate(short.x):
        paths, joint = short.by_paths(x, values, options)
        length = int(exact.lengths(x[None])[0])
        assert total[i] == pytest.approx(np.logaddexp.reduce(joint), rel=1e-12)
        shares = np.exp(joint - total[i])
        probs = np.stack([[shares[paths[:, t] == k].sum() for k in range(3)] for t in range(4)])
        probs[length:] = 0
        assert smoothed[i] == pytest.approx(probs, abs=1e-12)
        assert best[i].tolist() == paths[joint.argmax()].tolist()


def test_the_case_in_closed_form():
    x = np.array([0.0, 1, 2, 2]).reshape(1, 4, 1)
    assert exact.log_likelihood(x, COINS, **COIN_OPTIONS)[0] == pytest.approx(-3.998616, abs=5e-7)
    assert exact.viterbi(x, COINS, **COIN_OPTIONS).tolist() == [[0, 0, 1, 1]]


@pytest.mark.parametrize("emission", exact.EMISSIONS)
def test_what_follows_the_end_changes_nothing(short, emission):
    (values, options), X = short.case(emission), short.x
    cut = X[2:, :2]
    for function in (exact.log_likelihood, exact.smoothing, exact.viterbi):
        whole, alone = function(X[2:], values, **options), function(cut, values, **options | {"T": 2})
        assert np.array_equal(whole[:, :2] if whole.ndim > 1 else whole, alone)
    assert not exact.smoothing(X[2:], values, **options)[:, 2:].any()


def test_a_forecast_is_what_a_longer_series_without_data_says(short):
    (values, options), X = short.case("gaussian"), short.x
    longer = np.concatenate([X[:1], np.full((1, 2, 2), np.nan), X[:1, :1]], 1)
    ahead = exact.forecast(X[:1], values, 2, **options)
    ends = exact.forward(longer, values, **options | {"T": 7})
    # The states two steps on, before the last step of the longer series is seen.
    now = np.exp(ends[0, 3] - np.logaddexp.reduce(ends[0, 3]))
    assert ahead[0, 0] == pytest.approx(now @ values["transition"], rel=1e-12)
    assert ahead[0, 1] == pytest.approx(np.exp(ends[0, 5] - np.logaddexp.reduce(ends[0, 5])), rel=1e-12)


@pytest.mark.parametrize("emission", exact.EMISSIONS)
def test_baum_welch_climbs_and_stops_where_the_gradient_does(emission):
    options = {"emission": emission, "K": 2, "T": 12, "D": 2, "V": 3}
    rows = data.simulate(3, 8, **options)
    now, before = data.parameters(**options), -np.inf
    for _ in range(5):
        now = exact.baum_welch(rows, now, 1, **options)
        value = exact.log_likelihood(rows["x"], now, **options).sum()
        assert value > before - 1e-9
        before = value
    top = exact.baum_welch(rows, now, 1500, **options)
    best = exact.log_likelihood(rows["x"], top, **options).sum()
    name = {"poisson": "rate", "gaussian": "loc", "categorical": "probs"}[emission]
    for step in (0.99, 1.01):
        moved = top | {name: top[name] * step}
        if emission == "categorical":
            moved[name] = moved[name] ** step
            moved[name] = moved[name] / moved[name].sum(-1, keepdims=True)
        assert exact.log_likelihood(rows["x"], moved, **options).sum() < best


def test_the_earthquakes_have_the_figures_of_the_book():
    """Zucchini and MacDonald (2009): -328.53 at rates 13.13, 19.71, 29.71; the start is near, the maximum is theirs."""
    x = data.load()["x"]
    near = {"initial": np.ones(3) / 3, "transition": 0.8 * np.eye(3) + 0.2 / 3, "rate": np.array([[10.0], [20], [30]])}
    found = exact.baum_welch({"x": x}, near, 300, T=107)
    assert exact.log_likelihood(x, found, T=107)[0] == pytest.approx(-328.53, abs=0.005)
    assert found["rate"][:, 0] == pytest.approx([13.13, 19.71, 29.71], abs=0.005)
    assert found["initial"] == pytest.approx([1, 0, 0], abs=1e-6)


def test_data_are_as_the_card_says():
    table = read("earthquakes")
    assert table.shape == (107, 2)
    assert table[:, 0].tolist() == list(range(1900, 2007))
    assert table[:, 1].sum() == 2072
    assert set(np.unique(data.load("old_faithful_long")["x"])) == {0.0, 1.0}
    shapes = {e: zoo.model("hmm", emission=e).data()["x"].shape for e in exact.EMISSIONS}
    assert shapes == {"poisson": (1, 107, 1), "gaussian": (1, 272, 2), "categorical": (1, 272, 1)}
    simulated = data.load("simulated")["x"]
    lengths = exact.lengths(simulated)
    assert (lengths.min(), lengths.max(), simulated.shape) == (20, 40, (100, 40, 1))


@pytest.mark.parametrize("emission", exact.EMISSIONS)
def test_simulated_series_come_from_the_parameters(emission):
    """Shares of states' moves and columns' means: each of 6 checks fails by chance at 4.5 sd, once in 10^5 runs."""
    options = {"emission": emission, "K": 2, "T": 30, "D": 1, "V": 3}
    rows, values = data.simulate(0, 4000, **options)["x"], data.parameters(**options)
    first = rows[:, 0, 0]
    mean = {
        "poisson": lambda v: v["rate"][:, 0],
        "gaussian": lambda v: v["loc"][:, 0],
        "categorical": lambda v: v["probs"][:, 0] @ np.arange(3),
    }[emission](values)
    error = first.std() / np.sqrt(len(first))
    assert abs(first.mean() - mean.mean()) < 4.5 * error
    # Neighbours: E x_t x_t+1 under the chain, whose states are even at the start and stay so.
    expected = mean @ (values["transition"] / 2) @ mean
    products = rows[:, 0, 0] * rows[:, 1, 0]
    assert abs(products.mean() - expected) < 4.5 * products.std() / np.sqrt(len(products))
