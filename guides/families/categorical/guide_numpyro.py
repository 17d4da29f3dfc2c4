"""Independent categorical entries, in JAX."""

from collections.abc import Mapping

import jax
import jax.numpy as jnp
from jax.scipy.special import ndtr


def draw(params: Mapping[str, jax.Array], noise: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Transform noise (*rows, size) to categories (*rows, size) and log q of them (*rows,)."""
    log_p = log_probs(params)
    below = jnp.cumsum(jnp.exp(log_p), -1)[..., :-1] <= ndtr(noise)[..., None]
    value = jax.lax.stop_gradient(below.sum(-1))
    return value, log_prob(params, value)


def log_prob(params: Mapping[str, jax.Array], value: jax.Array) -> jax.Array:
    """Return log q (*rows,) of categories (*rows, size)."""
    log_p = log_probs(params)
    return jnp.take_along_axis(log_p, value[..., None].astype(int), -1)[..., 0].sum(-1)


def log_probs(params: Mapping[str, jax.Array]) -> jax.Array:
    """Return each entry's log probabilities (*rows, size, cardinality)."""
    logits = params["logits"]
    return jax.nn.log_softmax(jnp.concatenate([jnp.zeros_like(logits[..., :1]), logits], -1), -1)
