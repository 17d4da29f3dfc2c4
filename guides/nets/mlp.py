"""Multilayer perceptrons: the names, shapes and initial values of their parameters, equal in both backends.

Layer l of a network called "decoder" is "decoder.layer{l}.weight" (out, in), torch's layout, and
"decoder.layer{l}.bias" (out,). An activation follows every layer but the last.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import count as integers
from itertools import pairwise
from types import MappingProxyType

import numpy as np

from guides.errors import GuideError
from guides.families import generator

# GELU is not among them: JAX's is the tanh approximation, torch's is not.
ACTIVATIONS = ("relu", "tanh", "silu", "softplus", "linear")


def parts(name: str, layer: int) -> tuple[str, str]:
    """Return the full names of a layer's weight and bias.

    >>> parts("decoder", 0)
    ('decoder.layer0.weight', 'decoder.layer0.bias')
    """
    return f"{name}.layer{layer}.weight", f"{name}.layer{layer}.bias"


def initial(name: str, sizes: Sequence[int], seed: int = 0) -> dict[str, np.ndarray]:
    """Draw a network's initial parameters, each from its own generator, so that both backends start equal.

    Weights are normal with variance 2 / in, which keeps the size of what passes a rectifier (He et al.,
    Delving deep into rectifiers, ICCV 2015, section 2.2); 1 / in in the last layer, which has none.
    Biases are 0.

    Args:
        name: of the network.
        sizes: of the input, of every hidden layer, and of the output.
        seed: of the draws.

    Returns:
        Full name to value, weight and bias of each layer in order.

    >>> {name: value.shape for name, value in initial("f", (2, 5, 3)).items()}
    {'f.layer0.weight': (5, 2), 'f.layer0.bias': (5,), 'f.layer1.weight': (3, 5), 'f.layer1.bias': (3,)}
    """
    found = {}
    for layer, (before, after) in enumerate(pairwise(sizes)):
        weight, bias = parts(name, layer)
        variance = (1 if layer == len(sizes) - 2 else 2) / before
        found[weight] = np.sqrt(variance) * generator(seed, weight).standard_normal((after, before))
        found[bias] = np.zeros(after)
    return found


@lru_cache(maxsize=32)
def shared(name: str, sizes: tuple[int, ...], seed: int = 0) -> Mapping[str, np.ndarray]:
    """Return `initial`, drawn once and not to be written to: a model asks for it at every step."""
    found = initial(name, sizes, seed)
    for value in found.values():
        value.setflags(write=False)
    return MappingProxyType(found)


def count(sizes: Sequence[int]) -> int:
    """Return the number of parameters.

    >>> count((64, 128, 8))
    9352
    """
    return sum((before + 1) * after for before, after in pairwise(sizes))


def depth(params: Mapping[str, object], name: str) -> int:
    """Return how many layers a network has, from the names of its parameters.

    Raises:
        GuideError: there is none of that name.
    """
    layers = next(layer for layer in integers() if parts(name, layer)[0] not in params)
    if not layers:
        raise GuideError(f"there is no network {name!r}: no parameter is called {parts(name, 0)[0]!r}")
    return layers


def check(activation: str) -> str:
    """Return the activation.

    Raises:
        GuideError: it is unknown.
    """
    if activation not in ACTIVATIONS:
        raise GuideError(f"activation {activation!r} is unknown. Known: {', '.join(ACTIVATIONS)}")
    return activation
