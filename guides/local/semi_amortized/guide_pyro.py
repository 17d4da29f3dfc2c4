"""φᵢ by an encoder and gradient steps, in PyTorch."""

from collections.abc import Mapping
from typing import Any

import torch

from guides.inner_pyro import gradient
from guides.nets.encoder_pyro import encode

Array = torch.Tensor


def phi(local: Any, params: Mapping[str, Array], rows: Any) -> Array:
    """Return φ of each row (B, size)."""
    first = phi = encode(local.encoder, params, rows.data)
    for noise in rows.inner_noise:
        phi = phi + local.options["step_size"] * clipped(gradient(lambda p, e=noise: rows.bound(p, e).sum(), phi))
    return phi if local.options["through"] else first + (phi - first).detach()


def clipped(slope: Array) -> Array:
    """Shorten each row's gradient to a root mean square of at most 1."""
    return slope / torch.sqrt((slope**2).mean(-1, keepdim=True).clamp(min=1.0))
