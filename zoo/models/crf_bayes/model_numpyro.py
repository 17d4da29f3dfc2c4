"""A linear-chain conditional random field with priors in NumPyro."""

import jax.numpy as jnp
import numpyro
import numpyro.distributions as dist
from jax import Array

from zoo.distributions.linear_chain_numpyro import LinearChain, lengths


def model(
    x: Array, y: Array | None = None, *, size: int | None = None, K: int = 10, D: int = 16, scale: float = 1.0
) -> None:
    """Draw the potentials, then the labels of strings whose features are given.

    Args:
        x: features of each step, shape (n, T, D); NaN was not seen, and steps past the last seen one are not there.
        y: observed labels 0 … K − 1, shape (n, T), of any value past a string's end; None draws them.
        size: number of strings of the whole data set, of which x and y may be a batch.
        K: number of labels.
        D: number of features.
        scale: standard deviation of the prior of every weight, bias and transition.
    """
    n = len(x)
    weights = numpyro.sample("weights", dist.Normal(jnp.zeros((D, K)), scale).to_event(2))
    bias = numpyro.sample("bias", dist.Normal(jnp.zeros(K), scale).to_event(1))
    transition = numpyro.sample("transition", dist.Normal(jnp.zeros((K, K)), scale).to_event(2))
    unary = jnp.nan_to_num(x) @ weights + bias
    with numpyro.plate("data", size or n, subsample_size=n):
        numpyro.sample("y", LinearChain(unary, transition, lengths(x)), obs=y)
