"""Words drawn one by one: density, draws and shapes, in both libraries."""

from importlib import import_module
from itertools import product

import numpy as np
import pytest

PROBS = np.array([[0.7, 0.2, 0.1], [0.0, 0.5, 0.5]])


@pytest.fixture
def words(backend):
    """Return Words of a library as functions of NumPy arrays: log_prob(probs, x) and draw(probs, length, shape)."""
    made = import_module(f"zoo.distributions.words_{backend}").Words
    if backend == "pyro":
        import torch

        def log_prob(probs, x):
            return made(torch.tensor(probs)).log_prob(torch.tensor(x)).numpy()

        def draw(probs, length, shape):
            with torch.random.fork_rng():
                torch.manual_seed(0)
                return made(torch.tensor(probs), length).sample(shape).numpy()

    else:
        import jax

        def log_prob(probs, x):
            with jax.enable_x64(True):
                return np.asarray(made(jax.numpy.asarray(probs)).log_prob(jax.numpy.asarray(x)))

        def draw(probs, length, shape):
            return np.asarray(made(jax.numpy.asarray(probs), length).sample(jax.random.key(0), shape))

    return log_prob, draw


def test_all_orders_of_three_words_sum_to_one(words):
    x = np.array([np.bincount(order, minlength=3) for order in product(range(3), repeat=3)], float)
    found = words[0](PROBS, x[:, None])
    assert found.shape == (27, 2)
    assert np.exp(found).sum(0) == pytest.approx([1, 1])


def test_a_word_that_cannot_come_up_costs_nothing_until_it_does(words):
    assert words[0](PROBS[1], np.array([[0.0, 2, 0], [1, 1, 0]])).tolist() == [2 * np.log(0.5), -np.inf]


def test_draws_have_the_length_and_the_probabilities(words):
    x = words[1](PROBS, 10, (4000,))
    assert x.shape == (4000, 2, 3)
    assert np.all(x.sum(-1) == 10)
    error = np.sqrt(PROBS * (1 - PROBS) / 40_000)
    # 4.5 standard errors for each of 4 numbers that vary: a false alarm in 37,000.
    assert np.all(np.abs(x.mean(0) / 10 - PROBS) <= 4.5 * error)
