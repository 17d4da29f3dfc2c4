"""Multilayer perceptrons in PyTorch; parameters by Pyro."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import pyro
import torch

from guides.nets.mlp import check, depth, parts, shared

Tensor = torch.Tensor


def softplus(a: Tensor) -> Tensor:
    """Return log(1 + exp(a)), elementwise.

    torch's own is `a` itself above 20, where it should be 2e-9 more; above 40 the two are equal in float64.
    """
    return torch.nn.functional.softplus(a, threshold=40.0)


def split(out: Tensor, *sizes: int) -> Sequence[Tensor]:
    """Cut the last axis of what a network puts out into parts of these sizes, and a part with the rest."""
    return torch.split(out, [*sizes, out.shape[-1] - sum(sizes)], -1)


_ACTIVATION: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": torch.relu,
    "tanh": torch.tanh,
    "silu": torch.nn.functional.silu,
    "softplus": softplus,
    "linear": lambda a: a,
}


def forward(params: Mapping[str, Tensor], name: str, x: Tensor, activation: str = "relu") -> Tensor:
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
        x = torch.nn.functional.linear(x, params[weight], params[bias])
        x = act(x) if layer < layers - 1 else x
    return x


def mlp(name: str, sizes: Sequence[int], activation: str = "relu", seed: int = 0) -> Callable[[Tensor], Tensor]:
    """Declare a network's parameters by `pyro.param`, outside of every plate, and return it as a function.

    Args:
        name: of the network; its parameters' names begin with it.
        sizes: of the input, of every hidden layer, and of the output.
        activation: one of `guides.nets.mlp.ACTIVATIONS`.
        seed: of the initial values.

    Returns:
        x (..., in) -> (..., out).
    """
    starts = shared(name, tuple(sizes), seed)
    params = {full: pyro.param(full, partial(_tensor, start)) for full, start in starts.items()}
    return lambda x: forward(params, name, x, activation)


def _tensor(value: object) -> Tensor:
    return torch.tensor(value, dtype=torch.get_default_dtype())
