"""The estimators of score.py, in JAX."""

from collections.abc import Callable

import jax
import jax.numpy as jnp

Array = jax.Array
Signal = Callable[[Array], tuple[Array, Array, Array]]


def surrogate(estimator: str, signal: Signal, logits: Array, noise: Array, second: Array | None) -> Array:
    """Return log q of the draw, whose gradient turns that of log p − log q into the estimator's.

    Args:
        estimator: its name.
        signal: noise (B, size) -> entries (B, size), f and log q of the draw (B,).
        logits: of the entries (B, size, cardinality − 1).
        noise: of the draw.
        second: noise of an independent draw, for the estimator that takes one.

    Returns:
        (B,): log q in value; its gradient is minus the estimate of ∇ E_q[f].
    """
    z, here, log_q = signal(noise)
    if estimator == "disarm":
        other, there, _ = signal(-noise)
        alpha = logits[..., 0]
        weight = 0.5 * (here - there)[:, None] * (z - other) * jax.nn.sigmoid(jnp.abs(alpha))
        score = (alpha * jax.lax.stop_gradient(weight)).sum(-1)
    else:
        baseline = 0.0 if second is None else signal(second)[1]
        score = log_q * jax.lax.stop_gradient(here - baseline)
    return jax.lax.stop_gradient(log_q + score) - score
