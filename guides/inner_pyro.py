"""Gradients inside a step of learning, in PyTorch, on any device."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import torch
from torch.overrides import TorchFunctionMode


class _Moved(TorchFunctionMode):
    """Make what `torch.tensor` makes on the CPU, then move it.

    On another device it detaches in place, which a gradient inside a gradient refuses; Pyro's plates call it.

    Args:
        device: where tensors go for which none is named.
    """

    def __init__(self, device: torch.device) -> None:
        super().__init__()
        self.device = device

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        if func is not torch.tensor:
            return func(*args, **kwargs)
        return func(*args, **{**kwargs, "device": "cpu"}).to(kwargs.get("device") or self.device)


def gradient(function: Callable[..., torch.Tensor], at: torch.Tensor) -> torch.Tensor:
    """Return the gradient of a function of a tensor to a number, such as a bound that runs a Pyro model."""
    with nullcontext() if at.device.type == "cpu" else _Moved(at.device):
        found: torch.Tensor = torch.func.grad(function)(at)
    return found
