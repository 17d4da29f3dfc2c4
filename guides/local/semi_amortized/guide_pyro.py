"""φᵢ by an encoder and gradient steps, in PyTorch."""

from collections.abc import Mapping
from contextlib import nullcontext
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

from guides.nets.encoder_pyro import encode

Array = torch.Tensor


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


def phi(local: Any, params: Mapping[str, Array], rows: Any) -> Array:
    """Return φ of each row (B, size)."""
    first = phi = encode(local.encoder, params, rows.data)
    with nullcontext() if phi.device.type == "cpu" else _Moved(phi.device):
        for noise in rows.inner_noise:
            gradient = torch.func.grad(lambda p, e=noise: rows.bound(p, e).sum())(phi)
            phi = phi + local.options["step_size"] * clipped(gradient)
    return phi if local.options["through"] else first + (phi - first).detach()


def clipped(gradient: Array) -> Array:
    """Shorten each row's gradient to a root mean square of at most 1."""
    return gradient / torch.sqrt((gradient**2).mean(-1, keepdim=True).clamp(min=1.0))
