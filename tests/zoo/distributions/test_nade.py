"""The autoregressive distribution: its mass, its order, its draws and shapes, in both libraries."""

from importlib import import_module
from itertools import product

import numpy as np
import pytest
from scipy.special import log_softmax

M, K, H = 3, 4, 5
RNG = np.random.default_rng(0)
PARTS = (RNG.normal(size=(M, K)), RNG.normal(size=H), RNG.normal(size=(M, K, H)), RNG.normal(size=(M, H, K)))
EVERY = np.array(list(product(range(K), repeat=M)))


@pytest.fixture
def nade(backend):
    """Return log_prob(values) and draw(count) of a library, at PARTS."""
    made = import_module(f"zoo.distributions.nade_{backend}").Nade
    if backend == "pyro":
        import torch

        fn = made(*(torch.tensor(p) for p in PARTS))

        def draw(count):
            with torch.random.fork_rng():
                torch.manual_seed(0)
                return fn.expand((count,)).sample().numpy()

        return lambda z: fn.log_prob(torch.tensor(z)).numpy(), draw
    import jax

    def log_prob(z):
        with jax.enable_x64(True):
            return np.asarray(made(*map(jax.numpy.asarray, PARTS)).log_prob(jax.numpy.asarray(z)))

    def draw(count):
        return np.asarray(made(*map(jax.numpy.asarray, PARTS)).expand((count,)).sample(jax.random.key(0)))

    return log_prob, draw


def by_hand(z):
    """Return log p(z), one factor after the other."""
    bias, inner, into, out = PARTS
    total, hidden = 0.0, inner
    for j in range(M):
        total += log_softmax(bias[j] + np.tanh(hidden) @ out[j])[z[j]]
        hidden = hidden + into[j, z[j]]
    return total


def test_the_mass_is_the_product_of_the_conditionals_and_sums_to_one(nade):
    found = nade[0](EVERY)
    assert found == pytest.approx([by_hand(z) for z in EVERY], rel=1e-12)
    assert np.exp(found).sum() == pytest.approx(1, rel=1e-12)
    # Any number of leading axes.
    assert nade[0](EVERY.reshape(K, K * K, M)).shape == (K, K * K)


def test_draws_are_as_frequent_as_their_mass(nade):
    count = 20_000
    z = nade[1](count)
    assert z.shape == (count, M)
    found = np.bincount(np.ravel_multi_index(z.T, (K,) * M), minlength=K**M) / count
    p = np.exp([by_hand(row) for row in EVERY])
    # 64 cells at 5 standard errors: a false alarm in 27,000 were they normal; a rare cell may have one draw.
    assert np.all(np.abs(found - p) < 5 * np.sqrt(p * (1 - p) / count) + 1 / count)
