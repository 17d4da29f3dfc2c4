"""Labels along a chain against an enumeration of all paths, in both libraries: density, mode, marginals, draws."""

from importlib import import_module
from itertools import product
from types import SimpleNamespace

import numpy as np
import pytest

T, K = 4, 3
LENGTH = np.array([4, 3, 2, 1])
RNG = np.random.default_rng(0)
UNARY, PAIRWISE = RNG.normal(size=(4, T, K)), np.array([[0.5, -1.0, 2.0], [-0.3, 0.8, -2.0], [1.5, 0.0, -np.inf]])


def paths(length: int) -> np.ndarray:
    """Return all paths of that length, with what stands past it in 0 (K^length, T)."""
    found = np.array(list(product(range(K), repeat=length)))
    return np.pad(found, ((0, 0), (0, T - length)))


def scores(row: int) -> np.ndarray:
    """Return each path's unnormalised log density, by hand."""
    each = paths(LENGTH[row])[:, : LENGTH[row]]
    found = sum(UNARY[row, t, each[:, t]] for t in range(LENGTH[row]))
    return found + sum(PAIRWISE[each[:, t - 1], each[:, t]] for t in range(1, LENGTH[row]))


@pytest.fixture
def chain(backend):
    """Return LinearChain of a library as functions of NumPy arrays, in double precision."""
    module = import_module(f"zoo.distributions.linear_chain_{backend}")
    if backend == "pyro":
        import torch

        def ask(what, given, *rest):
            with torch.random.fork_rng():
                torch.manual_seed(0)
                made = module.LinearChain(*map(torch.as_tensor, given))
                found = getattr(made, what)
                return (found(*rest) if callable(found) else found).numpy()

        return SimpleNamespace(
            ask=ask,
            log_prob=lambda given, y: ask("log_prob", given, torch.as_tensor(y)),
            draw=lambda given, shape: ask("sample", given, shape),
            lengths=lambda x: module.lengths(torch.as_tensor(x)).numpy(),
        )
    import jax

    def ask(what, given, *rest):
        with jax.enable_x64(True):
            found = getattr(module.LinearChain(*map(jax.numpy.asarray, given)), what)
            return np.asarray(found(*rest) if callable(found) else found)

    def log_prob(given, y):
        with jax.enable_x64(True):
            return ask("log_prob", given, jax.numpy.asarray(y))

    return SimpleNamespace(
        ask=ask,
        log_prob=log_prob,
        draw=lambda given, shape: ask("sample", given, jax.random.key(0), shape),
        lengths=lambda x: np.asarray(module.lengths(jax.numpy.asarray(x))),
    )


def test_the_paths_of_every_length_sum_to_one(chain):
    """All 81 paths of 4 steps at every length: those that agree up to it have one density."""
    given = UNARY, PAIRWISE, LENGTH
    found, log_z = chain.log_prob(given, paths(T)[:, None]), chain.ask("log_partition", given)
    assert found.shape == (K**T, 4)
    assert np.exp(found).sum(0) == pytest.approx(float(K) ** (T - LENGTH), rel=1e-12)
    for row, length in enumerate(LENGTH):
        total = np.log(np.exp(scores(row)).sum())
        assert log_z[row] == pytest.approx(total, rel=1e-12)
        np.testing.assert_allclose(found[:: K ** (T - length), row], scores(row) - total, rtol=1e-12)


def test_a_published_partition_function(chain):
    """Two labels, three steps: log Z = 3.810390, worked out by hand and by enumeration."""
    unary, pairwise = np.array([[1, 0], [0.5, 0.2], [-0.3, 0.8]]), np.array([[0.6, -0.4], [-0.2, 0.5]])
    assert chain.ask("log_partition", (unary, pairwise, np.array(3))) == pytest.approx(3.810390, abs=5e-7)


def test_mode_and_marginals_are_those_of_the_paths(chain):
    given = UNARY, PAIRWISE, LENGTH
    best, marginals = chain.ask("mode", given), chain.ask("marginals", given)
    assert marginals.shape == (4, T, K)
    for row, length in enumerate(LENGTH):
        each, score = paths(length), scores(row)
        assert best[row].tolist() == each[score.argmax()].tolist()
        probs = np.exp(score) / np.exp(score).sum()
        expected = np.einsum("p,ptk->tk", probs, each[..., None] == np.arange(K))
        expected[length:] = 0
        np.testing.assert_allclose(marginals[row], expected, rtol=1e-10, atol=1e-12)


def test_what_stands_past_the_end_counts_nothing(chain):
    y = np.array([[0.0, 2, 1, 1], [1, 1, 0, 9], [2, 0, np.nan, -1], [2, 0.5, np.inf, np.nan]])
    changed = np.where(np.arange(T) < LENGTH[:, None], y, 0)
    given, other = (UNARY, PAIRWISE, LENGTH), (UNARY.copy(), PAIRWISE, LENGTH)
    for row, length in enumerate(LENGTH):
        other[0][row, length:] = 7.0
    np.testing.assert_array_equal(chain.log_prob(given, y), chain.log_prob(given, changed))
    np.testing.assert_array_equal(chain.log_prob(other, y), chain.log_prob(given, changed))
    assert np.isfinite(chain.log_prob(given, y)).all()


@pytest.mark.parametrize("label", [-1.0, 3.0, 0.5, np.nan])
def test_what_is_no_label_has_no_probability(chain, label):
    y = np.tile([label, 0.0, 0, 0], (4, 1))
    assert chain.log_prob((UNARY, PAIRWISE, LENGTH), y).tolist() == [-np.inf] * 4


def test_a_move_that_cannot_be_has_no_probability(chain):
    assert chain.log_prob((UNARY[0], PAIRWISE, np.array(4)), np.array([0, 2, 2, 0])) == -np.inf


def test_draws_have_the_probabilities_of_the_paths(chain):
    """Whole paths, so that steps are seen together: 27 + 9 + 3 cells with mass of 4,000 draws each."""
    y, count = chain.draw((UNARY, PAIRWISE, LENGTH), (4000,)), 4000
    assert y.shape == (count, 4, T)
    for row, length in enumerate(LENGTH):
        assert (y[:, row, length:] == 0).all()
        probs = np.exp(scores(row)) / np.exp(scores(row)).sum()
        place = (y[:, row, :length] * K ** np.arange(length)[::-1]).sum(-1)
        found = np.bincount(place, minlength=K**length) / count
        # 5 standard errors for each of 120 cells, some small: a false alarm in some 5,000, by a binomial's tail.
        error = np.sqrt(probs * (1 - probs) / count)
        assert (np.abs(found - probs) <= 5 * error + 2 / count).all()


def test_batches_broadcast(chain):
    """One string's potentials with many lengths, and a pairwise potential for each string."""
    given = UNARY[0], PAIRWISE, np.array([1, 2, 4])
    assert chain.draw(given, (5,)).shape == (5, 3, T)
    each = UNARY, np.stack([PAIRWISE, PAIRWISE.T, 0 * np.ones((K, K)), PAIRWISE]), LENGTH
    found = chain.log_prob(each, np.zeros((4, T)))
    alone = [chain.log_prob((UNARY[r], each[1][r], LENGTH[r]), np.zeros(T)) for r in range(4)]
    np.testing.assert_allclose(found, alone, rtol=1e-12)


def test_a_string_ends_where_the_last_thing_was_seen(chain):
    gone = np.nan
    x = np.array([[[1, 2], [3, 4], [5, 6]], [[1, gone], [gone, gone], [gone, 0]], [[0, 0], [gone, gone], [gone, gone]]])
    assert chain.lengths(x).tolist() == [3, 3, 1]


@pytest.mark.needs("pyro")
def test_pyro_expands_it():
    import torch

    from zoo.distributions.linear_chain_pyro import LinearChain

    made = LinearChain(torch.as_tensor(UNARY[0]), torch.as_tensor(PAIRWISE), torch.tensor(3)).expand((2, 5))
    assert made.batch_shape == (2, 5)
    assert made.log_prob(torch.zeros(T)).shape == (2, 5)
    assert made.support.base_constraint.upper_bound == K - 1
