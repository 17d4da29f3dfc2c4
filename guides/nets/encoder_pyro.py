"""Encoders in PyTorch."""

from collections.abc import Mapping

import torch

from guides.nets.encoder import PREFIX, Encoder
from guides.nets.mlp_pyro import forward

Array = torch.Tensor


def encode(encoder: Encoder, params: Mapping[str, Array], data: Mapping[str, Array]) -> Array:
    """Return φ of each row (B, size)."""
    out = forward(params, PREFIX, features(encoder, data), encoder.activation)
    return out.mT.reshape(len(out), -1) if encoder.steps > 1 else out


def features(encoder: Encoder, data: Mapping[str, Array]) -> Array:
    """Return what the first layer sees: (B, inputs), or (B, steps, inputs) of a window."""
    parts = []
    for name, kind in encoder.kinds.items():
        x = data[name].reshape(len(data[name]), -1)
        x = torch.log1p(x) if kind == "counts" else x
        center, scale = (
            torch.as_tensor(a[name], dtype=x.dtype, device=x.device) for a in (encoder.center, encoder.scale)
        )
        parts.append((x - center) / scale)
    if encoder.steps == 1:
        return torch.cat(parts, -1)
    at, there = encoder.neighbours()
    seen = torch.as_tensor(there, dtype=parts[0].dtype, device=parts[0].device)
    near = parts[0][:, torch.as_tensor(at, device=seen.device)] * seen
    return torch.cat([near, seen.expand(near.shape)], -1)
