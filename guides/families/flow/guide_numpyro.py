"""The normalising flow, in JAX."""

import math
from collections.abc import Mapping

import jax
import jax.numpy as jnp

from guides.families.flow import BINS, BOUND, masks
from guides.families.standard import log_prob

Array = jax.Array
MIN = 1e-3


def draw(params: Mapping[str, Array], noise: Array) -> tuple[Array, Array]:
    """Transform noise (*rows, size) to v (*rows, size) and log q(v) (*rows,)."""
    h, log_jacobian = spline(params, noise)
    layer = 0
    while f"layer{layer}.in_weight" in params:
        h, log_scale = autoregressive(params, f"layer{layer}", h)
        h, log_jacobian, layer = jnp.flip(h, -1), log_jacobian + log_scale, layer + 1
    v = params["loc"] + params["scale"] * h
    log_jacobian = log_jacobian + jnp.log(params["scale"]).sum(-1)
    return v, log_prob(noise).sum(-1) - log_jacobian


def autoregressive(params: Mapping[str, Array], layer: str, h: Array) -> tuple[Array, Array]:
    """Scale and shift each h_i by what came before it; return the new h and the log-Jacobian (*rows,)."""
    see, tell = (jnp.asarray(m, h.dtype) for m in masks(h.shape[-1], params[f"{layer}.in_bias"].shape[-1]))
    hidden = h @ (see * params[f"{layer}.in_weight"]).mT + params[f"{layer}.in_bias"]
    if "context" in params:
        hidden = hidden + params["context"] @ params[f"{layer}.context_weight"].mT
    hidden = jnp.tanh(hidden)
    shift = hidden @ (tell * params[f"{layer}.shift_weight"]).mT + params[f"{layer}.shift_bias"]
    log_scale = hidden @ (tell * params[f"{layer}.log_scale_weight"]).mT + params[f"{layer}.log_scale_bias"]
    return jnp.exp(log_scale) * h + shift, log_scale.sum(-1)


def spline(params: Mapping[str, Array], e: Array) -> tuple[Array, Array]:
    """Bend each dimension by a monotone rational-quadratic spline; return h and the log-Jacobian (*rows,)."""
    x_knots, y_knots = _knots(_table(params, "widths")), _knots(_table(params, "heights"))
    inner = MIN + jax.nn.softplus(_table(params, "slopes") + math.log(math.expm1(1 - MIN)))
    edge = jnp.ones_like(inner[..., :1])
    slopes = jnp.concatenate([edge, inner, edge], -1)
    x = jnp.clip(e, -BOUND, BOUND)
    place = jnp.clip((x[..., None] >= x_knots).sum(-1, keepdims=True) - 1, 0, BINS - 1)

    def pick(table: Array, offset: int) -> Array:
        return jnp.take_along_axis(jnp.broadcast_to(table, (*x.shape, table.shape[-1])), place + offset, -1)[..., 0]

    x_low, width = pick(x_knots, 0), pick(x_knots, 1) - pick(x_knots, 0)
    y_low, height = pick(y_knots, 0), pick(y_knots, 1) - pick(y_knots, 0)
    left, right, mean = pick(slopes, 0), pick(slopes, 1), height / width
    t = (x - x_low) / width
    mix, below = t * (1 - t), mean + (left + right - 2 * mean) * t * (1 - t)
    y = y_low + height * (mean * t**2 + left * mix) / below
    slope = mean**2 * (right * t**2 + 2 * mean * mix + left * (1 - t) ** 2) / below**2
    inside = jnp.abs(e) < BOUND
    return jnp.where(inside, y, e), jnp.where(inside, jnp.log(slope), 0.0).sum(-1)


def _table(params: Mapping[str, Array], name: str) -> Array:
    """Return a spline's raw table (*rows, size, bins), shifted by the row's context where there is one."""
    table = params[name]
    if "context" in params:
        shift = params["context"] @ params[f"{name}_context"].mT
        table = table + shift.reshape(*shift.shape[:-1], *table.shape)
    return table


def _knots(raw: Array) -> Array:
    parts = MIN + (1 - BINS * MIN) * jax.nn.softmax(raw, -1)
    inner = -BOUND + 2 * BOUND * jnp.cumsum(parts, -1)[..., :-1]
    edge = jnp.full_like(raw[..., :1], BOUND)
    return jnp.concatenate([-edge, inner, edge], -1)
