"""Markov chains in either library: the density of every path, lengths, and draws."""

from importlib import import_module
from itertools import pairwise, product
from types import SimpleNamespace

import numpy as np
import pytest

INITIAL = np.array([0.6, 0.4])
TRANSITION = np.array([[0.7, 0.3], [0.0, 1.0]])
STEPS = 3
PATHS = np.array(list(product(range(2), repeat=STEPS)))


@pytest.fixture
def lib(backend):
    """One library: arrays to and from NumPy, and draws."""
    if backend == "pyro":
        torch = import_module("torch")
        torch.manual_seed(0)
        return SimpleNamespace(
            name=backend, array=torch.as_tensor, numpy=lambda a: a.numpy(), sample=lambda d, n: d.sample((n,)).numpy()
        )
    jax = import_module("jax")
    key = jax.random.key(0)
    return SimpleNamespace(
        name=backend,
        array=jax.numpy.asarray,
        numpy=np.asarray,
        sample=lambda d, n: np.asarray(d.sample(key, (n,))),
    )


def make(lib, length=None):
    """Return the distribution and a function that turns its arrays into NumPy's."""
    module = import_module(f"zoo.distributions.markov_chain_{lib.name}")
    given = None if length is None else lib.array(np.asarray(length))
    return module, module.MarkovChain(lib.array(INITIAL), lib.array(TRANSITION), STEPS, given)


def by_hand(path, length):
    """Return the probability of a path's first steps."""
    out = INITIAL[path[0]]
    for a, b in pairwise(path[:length]):
        out *= TRANSITION[a, b]
    return out


def test_paths_have_their_probabilities(lib):
    _, chain = make(lib)
    found = np.exp(lib.numpy(chain.log_prob(lib.array(PATHS))))
    assert found == pytest.approx([by_hand(p, STEPS) for p in PATHS], abs=1e-7)
    assert found.sum() == pytest.approx(1, abs=1e-6)


def test_what_stands_past_the_length_has_no_part(lib):
    _, chain = make(lib, [1, 2, 3])
    assert tuple(chain.batch_shape) == (3,)
    for path in PATHS:
        found = np.exp(lib.numpy(chain.log_prob(lib.array(np.tile(path, (3, 1))))))
        assert found == pytest.approx([by_hand(path, n) for n in (1, 2, 3)], abs=1e-7)


def test_one_path_serves_many_lengths(lib):
    """As when a model is replayed with a path of each state."""
    _, chain = make(lib, [1, 3])
    one = np.exp(lib.numpy(chain.log_prob(lib.array(PATHS[:1]))))
    assert one == pytest.approx([by_hand(PATHS[0], n) for n in (1, 3)], abs=1e-7)


def test_draws_are_of_the_chain_and_end_with_its_length(lib):
    """Each of 8 frequencies of 20,000 draws, 4.5 sd: a false alarm once in 2 · 10^4 runs."""
    _, chain = make(lib, [3, 1])
    drawn = lib.sample(chain, 20_000)
    assert drawn.shape == (20_000, 2, STEPS)
    assert not drawn[:, 1, 1:].any()
    assert abs((drawn[:, 1, 0] == 0).mean() - 0.6) < 4.5 * np.sqrt(0.24 / 20_000)
    for path in PATHS:
        p = by_hand(path, STEPS)
        share = (drawn[:, 0] == path).all(-1).mean()
        assert abs(share - p) <= 4.5 * np.sqrt(p * (1 - p) / 20_000)


def test_expanding_keeps_the_chain(lib):
    _, chain = make(lib)
    many = chain.expand((4,))
    assert tuple(many.batch_shape) == (4,)
    assert hasattr(many, "chain")
    assert lib.numpy(many.log_prob(lib.array(PATHS[:4]))) == pytest.approx(
        lib.numpy(chain.log_prob(lib.array(PATHS[:4]))), rel=1e-6
    )


def test_series_are_read_for_what_was_seen(lib):
    module = import_module(f"zoo.distributions.markov_chain_{lib.name}")
    x = np.array([[[1.0, np.nan], [np.nan, np.nan], [3, 4]], [[np.nan, 2], [np.nan, np.nan], [np.nan, np.nan]]])
    seen, length, filled = (lib.numpy(a) for a in module.seen_steps(lib.array(x), x.shape))
    assert np.array_equal(seen, ~np.isnan(x))
    assert length.tolist() == [3, 1]
    assert np.array_equal(filled, np.nan_to_num(x))
    seen, length, nothing = module.seen_steps(None, (2, 3, 2))
    assert nothing is None
    assert lib.numpy(seen).all()
    assert lib.numpy(length).tolist() == [3, 3]
