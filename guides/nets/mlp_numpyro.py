"""Multilayer perceptrons in JAX; parameters by NumPyro."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import jax
import jax.numpy as jnp
import numpy as np
import numpyro

from guides.nets.mlp import check, depth, parts, shared

Array = jax.Array


def softplus(a: Array) -> Array:
    """Return log(1 + exp(a)), elementwise."""
    return jax.nn.softplus(a)


def split(out: Array, *sizes: int) -> Sequence[Array]:
    """Cut the last axis of what a network puts out into parts of these sizes, and a part with the rest."""
    return jnp.split(out, np.cumsum(sizes), -1)


_ACTIVATION: dict[str, Callable[[Array], Array]] = {
    "relu": jax.nn.relu,
    "tanh": jnp.tanh,
    "silu": jax.nn.silu,
    "softplus": softplus,
    "linear": lambda a: a,
}


def forward(params: Mapping[str, Array], name: str, x: Array, activation: str = "relu") -> Array:
    """Run a network at given parameters.

    Args:
        params: full names to values; those of other networks may be among them.
        name: of the network.
        x: (..., in).
        activation: one of `guides.nets.mlp.ACTIVATIONS`.

    Returns:
        (..., out).

    Raises:
        GuideError: the network or the activation is unknown.
    """
    act, layers = _ACTIVATION[check(activation)], depth(params, name)
    for layer in range(layers):
        weight, bias = parts(name, layer)
        x = x @ params[weight].mT + params[bias]
        x = act(x) if layer < layers - 1 else x
    return x


def mlp(name: str, sizes: Sequence[int], activation: str = "relu", seed: int = 0) -> Callable[[Array], Array]:
    """Declare a network's parameters by `numpyro.param`, outside of every plate, and return it as a function.

    Args:
        name: of the network; its parameters' names begin with it.
        sizes: of the input, of every hidden layer, and of the output.
        activation: one of `guides.nets.mlp.ACTIVATIONS`.
        seed: of the initial values.

    Returns:
        x (..., in) -> (..., out).
    """
    starts = shared(name, tuple(sizes), seed)
    params = {full: numpyro.param(full, jnp.asarray(start)) for full, start in starts.items()}
    return lambda x: forward(params, name, x, activation)
