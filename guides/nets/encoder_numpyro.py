"""Encoders in JAX."""

from collections.abc import Mapping

import jax
import jax.numpy as jnp
import numpy as np

from guides.nets.encoder import PREFIX, Encoder
from guides.nets.mlp_numpyro import forward

Array = jax.Array


def encode(encoder: Encoder, params: Mapping[str, Array], data: Mapping[str, Array]) -> Array:
    """Return φ of each row (B, size)."""
    out = forward(params, PREFIX, features(encoder, data), encoder.activation)
    if encoder.steps == 1:
        return out
    ends = np.cumsum(encoder.columns)[:-1].tolist()
    return jnp.concatenate([part.reshape(len(out), -1) for part in jnp.split(out, ends, -1)], -1)


def features(encoder: Encoder, data: Mapping[str, Array]) -> Array:
    """Return what the first layer sees: (B, inputs), or (B, steps, inputs) of a window."""
    if encoder.steps > 1:
        return _windows(encoder, data)
    parts = []
    for name, kind in encoder.kinds.items():
        x = data[name].reshape(len(data[name]), -1)
        x = jnp.log1p(x) if kind == "counts" else x
        parts.append((x - jnp.asarray(encoder.center[name], x.dtype)) / jnp.asarray(encoder.scale[name], x.dtype))
    return jnp.concatenate(parts, -1)


def _windows(encoder: Encoder, data: Mapping[str, Array]) -> Array:
    ((name, _),) = encoder.kinds.items()
    x = data[name].reshape(len(data[name]), encoder.steps, -1)
    x = (x - jnp.asarray(encoder.center[name], x.dtype)) / jnp.asarray(encoder.scale[name], x.dtype)
    at, there = encoder.neighbours()
    seen = (~jnp.isnan(x))[:, at] & jnp.asarray(there, dtype=bool)[..., None]
    near = jnp.where(seen, x[:, at], 0)
    both = jnp.stack([near, seen.astype(x.dtype)], 2)
    return both.reshape((*x.shape[:2], -1))
