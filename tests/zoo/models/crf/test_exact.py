"""The recursions against sums over all paths; the gradient against differences; the fit against its optimality."""

from itertools import product

import numpy as np
import pytest

from zoo.models.crf import exact, steps
from zoo.models.crf.data import simulate, true_values

K, D = 3, 2
VALUES = true_values(K, D)
DATA = simulate(3, 12, K=K, D=D)


def by_hand(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return all paths of a string (paths, T) and their unnormalised log densities."""
    paths = np.array(list(product(range(K), repeat=len(x))))
    unary = x @ VALUES["weights"] + VALUES["bias"]
    score = unary[np.arange(len(x)), paths].sum(1)
    return paths, score + VALUES["transition"][paths[:, :-1], paths[:, 1:]].sum(1)


def cut() -> list[tuple[np.ndarray, np.ndarray]]:
    """Return the strings by themselves, each as long as it is."""
    length = steps(DATA["x"]).sum(1)
    return [(x[:n], y[:n].astype(int)) for x, y, n in zip(DATA["x"], DATA["y"], length, strict=True)]


def test_strings_are_of_unequal_length():
    assert len({len(x) for x, _ in cut()}) > 3


def test_log_likelihood_and_marginals_are_sums_over_all_paths():
    found, marginals = exact.log_likelihood(DATA, VALUES, K=K, D=D), exact.marginals(DATA["x"], VALUES)
    for row, (x, y) in enumerate(cut()):
        paths, score = by_hand(x)
        log_z = np.log(np.exp(score).sum())
        assert found[row] == pytest.approx(score[(paths == y).all(1)][0] - log_z, rel=1e-10)
        each = np.einsum("p,ptk->tk", np.exp(score - log_z), paths[..., None] == np.arange(K))
        np.testing.assert_allclose(marginals[row, : len(x)], each, rtol=1e-10)
        assert not marginals[row, len(x) :].any()


def test_a_string_is_the_same_alone():
    found, marginals = exact.log_likelihood(DATA, VALUES), exact.marginals(DATA["x"], VALUES)
    for row, (x, y) in enumerate(cut()):
        alone = {"x": x[None], "y": y[None].astype(float)}
        assert exact.log_likelihood(alone, VALUES) == pytest.approx(found[row], rel=1e-12)
        np.testing.assert_allclose(exact.marginals(x[None], VALUES)[0], marginals[row, : len(x)], rtol=1e-12)


def test_a_feature_that_was_not_seen_says_nothing():
    x = np.array([[[0.5, np.nan], [np.nan, np.nan], [-1.0, 2.0], [np.nan, np.nan]]])
    zero = np.array([[[0.5, 0.0], [0.0, 0.0], [-1.0, 2.0]]])
    y = np.array([[0.0, 1.0, 2.0, 0.0]])
    whole = exact.log_likelihood({"x": x, "y": y}, VALUES)
    assert whole == pytest.approx(exact.log_likelihood({"x": zero, "y": y[:, :3]}, VALUES), rel=1e-12)


def test_the_gradient_is_that_of_the_value():
    value, slope = exact.gradient(DATA, VALUES)
    assert value == pytest.approx(exact.log_likelihood(DATA, VALUES).sum(), rel=1e-12)
    for name, given in VALUES.items():
        for index in np.ndindex(given.shape):
            step = np.zeros(given.shape)
            step[index] = 1e-5
            up, down = (exact.gradient(DATA, {**VALUES, name: given + s * step})[0] for s in (1, -1))
            # Central differences: truncation h² ≈ 1e-10 times third derivatives of order 10, rounding 1e-16 / h.
            assert slope[name][index] == pytest.approx((up - down) / 2e-5, abs=1e-7)


def test_the_fit_has_the_observed_features():
    """At the maximum expected and observed features are equal; the mean over labels is 0 where it cancels."""
    data = simulate(0, 80, K=K, D=D)
    found = exact.fit(data, K=K, D=D)
    value, slope = exact.gradient(data, found)
    assert max(np.abs(each).max() for each in slope.values()) < 1e-6 * 80
    assert found["weights"].sum(1) == pytest.approx(np.zeros(D), abs=1e-8)
    assert found["bias"].sum() == pytest.approx(0, abs=1e-8)
    assert found["transition"].sum() == pytest.approx(0, abs=1e-8)
    assert value > exact.log_likelihood(data, VALUES).sum()


def test_labels_are_drawn_as_their_marginals_say():
    rng, some = np.random.default_rng(0), DATA["x"][:4]
    y = np.stack([exact.draw(some, VALUES, rng) for _ in range(3000)])
    probs = exact.marginals(some, VALUES)
    there = steps(some)
    assert not y[:, ~there].any()
    found = (y[..., None] == np.arange(K)).mean(0)
    error = np.sqrt(probs * (1 - probs) / 3000)
    # 5 standard errors for each of at most 72 cells: a false alarm in some 20,000.
    assert (np.abs(found - probs)[there] <= 5 * error[there] + 1 / 3000).all()
    moves = there[:, 1:]
    pairs = y[:, :, :-1] * K + y[:, :, 1:]
    for row, t in np.argwhere(moves):
        x = some[row, : there[row].sum()]
        paths, score = by_hand(x)
        each = np.exp(score) / np.exp(score).sum()
        expected = np.bincount(paths[:, t] * K + paths[:, t + 1], each, minlength=K * K)
        frequency = np.bincount(pairs[:, row, t], minlength=K * K) / 3000
        # The same for at most 180 cells: a false alarm in some 9,000.
        assert (np.abs(frequency - expected) <= 5 * np.sqrt(expected * (1 - expected) / 3000) + 1 / 3000).all()


def test_an_unknown_option_is_refused():
    with pytest.raises(TypeError):
        exact.log_likelihood(DATA, VALUES, penalty=1.0)
