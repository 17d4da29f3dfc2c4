"""Encoders in PyTorch."""

from collections.abc import Mapping
from functools import lru_cache

import torch

from guides.nets.encoder import PREFIX, Encoder
from guides.nets.mlp_pyro import forward

Array = torch.Tensor


def encode(encoder: Encoder, params: Mapping[str, Array], data: Mapping[str, Array]) -> Array:
    """Return φ of each row (B, size)."""
    out = forward(params, PREFIX, features(encoder, data), encoder.activation)
    if encoder.steps == 1:
        return out
    return torch.cat([part.reshape(len(out), -1) for part in torch.split(out, list(encoder.columns), -1)], -1)


def features(encoder: Encoder, data: Mapping[str, Array]) -> Array:
    """Return what the first layer sees: (B, inputs), or (B, steps, inputs) of a window."""
    if encoder.steps > 1:
        return _windows(encoder, data)
    parts = []
    for name, kind in encoder.kinds.items():
        x = data[name].reshape(len(data[name]), -1)
        x = torch.log1p(x) if kind == "counts" else x
        center, scale = _standard(encoder, name, x.dtype, x.device)
        parts.append((x - center) / scale)
    return torch.cat(parts, -1) if len(parts) > 1 else parts[0]


def _windows(encoder: Encoder, data: Mapping[str, Array]) -> Array:
    ((name, _),) = encoder.kinds.items()
    x = data[name].reshape(len(data[name]), encoder.steps, -1)
    center, scale = _standard(encoder, name, x.dtype, x.device)
    x = (x - center) / scale
    at, there = (torch.as_tensor(a, device=x.device) for a in encoder.neighbours())
    seen = (~torch.isnan(x))[:, at] & (there > 0)[..., None]
    near = torch.where(seen, x[:, at], 0)
    both = torch.stack([near, seen.to(x.dtype)], 2)
    return both.reshape((*x.shape[:2], -1))


@lru_cache(maxsize=32)
def _standard(encoder: Encoder, name: str, dtype: torch.dtype, device: torch.device) -> tuple[Array, Array]:
    """Return what standardises a data array, put on its device once and not at every step."""
    both = (encoder.center[name], encoder.scale[name])
    return torch.as_tensor(both[0], dtype=dtype, device=device), torch.as_tensor(both[1], dtype=dtype, device=device)
