"""φᵢ by an encoder and gradient steps, in PyTorch."""

from collections.abc import Mapping
from typing import Any

import torch

from guides.inner_pyro import gradient
from guides.local.semi_amortized import STEPS
from guides.nets.encoder_pyro import encode

Array = torch.Tensor


def phi(local: Any, params: Mapping[str, Array], rows: Any) -> Array:
    """Return φ of each row (B, size)."""
    phi = encode(local.encoder, params, rows.data)
    for size, noise in zip(params[STEPS], rows.inner_noise, strict=True):
        slope = clipped(gradient(lambda p, e=noise: rows.bound(p, e).sum(), phi))
        phi = phi + size * (slope if local.options["through"] else slope.detach())
    return phi


def clipped(slope: Array) -> Array:
    """Shorten each row's gradient to a root mean square of at most 1."""
    return slope / torch.sqrt((slope**2).mean(-1, keepdim=True).clamp(min=1.0))
