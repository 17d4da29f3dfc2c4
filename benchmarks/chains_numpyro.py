"""A hidden Markov model's log-likelihood and gradient in JAX, by the zoo and by dynamax; see chains.py."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from dynamax.hidden_markov_model import hmm_filter

from benchmarks.chains import Case, Run
from guides.chain_numpyro import Chain, log_partition


def ours(initial: jax.Array, transition: jax.Array, log_density: jax.Array) -> jax.Array:
    """Return the log-likelihood () as the log normaliser of a chain."""
    unary = log_density.at[0].add(jnp.log(initial))
    return log_partition(Chain(unary, jnp.log(transition), jnp.asarray(len(unary))))


def dynamax(initial: jax.Array, transition: jax.Array, log_density: jax.Array) -> jax.Array:
    """Return the log-likelihood () by dynamax's filter."""
    return hmm_filter(initial, transition, log_density).marginal_loglik


def compiled(log_likelihood: Callable[..., Any]) -> Callable[[Case, bool, str], Run]:
    """Return an arm: value and gradient in the transition matrix and the log densities, compiled."""

    def make(given: Case, double: bool, device: str) -> Run:
        both = jax.jit(jax.value_and_grad(log_likelihood, (1, 2)))
        with jax.enable_x64(double):
            place = jax.devices(device)[0]
            parts = [jax.device_put(jnp.asarray(a, np.float64 if double else np.float32), place) for a in given]

        def run() -> tuple[jax.Array, jax.Array]:
            with jax.enable_x64(double):
                value, gradient = jax.block_until_ready(both(*parts))
            return value, gradient[1]

        return run

    return make


ARMS = {"zoo on JAX": compiled(ours), "dynamax": compiled(dynamax)}
