"""Dirichlet draws from standard normals, in JAX."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
from jax.scipy.special import gammainc, gammaln, log_ndtr, ndtr

NEWTON = 4


def dirichlet(concentration: jax.Array, noise: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Draw from Dirichlet distributions by the inverse of the gamma's distribution function.

    A gamma of shape a is one of shape a + 1 times U^(1/a), and shares are gammas over their sum. Not differentiable.

    Args:
        concentration: (..., K).
        noise: standard normals (..., 2 K).

    Returns:
        Shares (..., K), none of them 0 in the precision at hand, and their log density (...).
    """
    first, second = jnp.split(noise, 2, -1)
    shape, below = concentration + 1, ndtr(first)
    # Wilson and Hilferty's cube is right to a few thousandths, from where Newton's steps are quadratic.
    gamma = shape * jnp.maximum(1 - 1 / (9 * shape) + first / (3 * jnp.sqrt(shape)), 0.05) ** 3
    for _ in range(NEWTON):
        density = jnp.exp((shape - 1) * jnp.log(gamma) - gamma - gammaln(shape))
        step = (gammainc(shape, gamma) - below) / jnp.maximum(density, jnp.finfo(gamma.dtype).tiny)
        gamma = gamma - jnp.clip(step, -gamma, gamma / 2)
    log_shares = jax.nn.log_softmax(jnp.log(gamma) + log_ndtr(second) / concentration, -1)
    log_shares = jnp.maximum(log_shares, math.log(2 * jnp.finfo(gamma.dtype).tiny))
    norm = gammaln(concentration.sum(-1)) - gammaln(concentration).sum(-1)
    return jnp.exp(log_shares), norm + ((concentration - 1) * log_shares).sum(-1)
