"""Unconstrained coordinates u -> (value, log|dvalue/du|) of every support, in JAX; formulas in bijections.py."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from guides.bijections import LOG_2, tril_index
from guides.sites import Support

Array = jax.Array
Mapped = tuple[Array, Callable[[], Array]]


def constrain(support: Support, u: Array) -> Mapped:
    """Map u to the support.

    Args:
        support: where to.
        u: (*batch, *unconstrained event).

    Returns:
        The value (*batch, *event) and a function that gives the log-Jacobian (*batch), which most callers do not
        ask for; both are differentiable.
    """
    return _FORWARD[support.word](support, u)


def _real(_: Support, u: Array) -> Mapped:
    return u, lambda: jnp.zeros_like(u)


def _greater_than(support: Support, u: Array) -> Mapped:
    return support.lower + jnp.exp(u), lambda: u


def _less_than(support: Support, u: Array) -> Mapped:
    return support.upper - jnp.exp(u), lambda: u


def _interval(support: Support, u: Array) -> Mapped:
    width = support.upper - support.lower
    value = support.lower + width * jax.nn.sigmoid(u)
    return value, lambda: jax.nn.log_sigmoid(u) + jax.nn.log_sigmoid(-u) + np.log(width)


def _simplex(_: Support, u: Array) -> Mapped:
    sticks = u - jnp.asarray(np.log(np.arange(u.shape[-1], 0, -1.0)), u.dtype)
    log_taken, log_left = jax.nn.log_sigmoid(sticks), jax.nn.log_sigmoid(-sticks)
    before = jnp.cumsum(log_left, -1) - log_left
    log_value = jnp.concatenate([log_taken + before, log_left.sum(-1, keepdims=True)], -1)
    # No share is 0, where a Dirichlet's density may be infinite, nor so near to it that the density's slope, which is
    # some rows' weight over the share, passes the largest number: 1e7 times 1 / share does not.
    least = 0.8 * float(np.log(jnp.finfo(u.dtype).tiny))
    return jnp.exp(jnp.maximum(log_value, least)), lambda: (log_taken + log_left + before).sum(-1)


def _ordered(_: Support, u: Array) -> Mapped:
    steps = _apart(u[..., :1], jnp.exp(u[..., 1:]))
    return jnp.cumsum(jnp.concatenate([u[..., :1], steps], -1), -1), lambda: u[..., 1:].sum(-1)


def _positive_ordered(_: Support, u: Array) -> Mapped:
    first = jnp.exp(u[..., :1])
    steps = _apart(first, jnp.exp(u[..., 1:]))
    return jnp.cumsum(jnp.concatenate([first, steps], -1), -1), lambda: u.sum(-1)


def _apart(first: Array, steps: Array) -> Array:
    """Return steps that rounding leaves steps: a model may take the log of one, which must not be that of 0."""
    furthest = jnp.abs(first) + steps.sum(-1, keepdims=True)
    least = 4 * jnp.finfo(steps.dtype).eps * furthest + 4 * jnp.finfo(steps.dtype).tiny
    return jnp.maximum(steps, jax.lax.stop_gradient(least))


def _corr_cholesky(_: Support, u: Array) -> Mapped:
    size = round((1 + np.sqrt(1 + 8 * u.shape[-1])) / 2)
    log_left = 2 * (LOG_2 - u + jax.nn.log_sigmoid(2 * u))  # log(1 - r²), exact in the tails
    r, ell = _fill(jnp.tanh(u), size), _fill(log_left, size)
    before = jnp.cumsum(ell, -1) - ell
    value = (r + jnp.eye(size, dtype=u.dtype)) * jnp.exp(before / 2)
    below = jnp.asarray(np.tril(np.ones((size, size)), -1), u.dtype)
    return value, lambda: (before / 2 * below).sum((-2, -1)) + log_left.sum(-1)


def _lower_cholesky(_: Support, u: Array) -> Mapped:
    size = round((np.sqrt(1 + 8 * u.shape[-1]) - 1) / 2)
    log_diagonal = u[..., u.shape[-1] - size :]
    packed = jnp.concatenate([u[..., : u.shape[-1] - size], jnp.exp(log_diagonal)], -1)
    return _fill(packed, size, diagonal=True), lambda: log_diagonal.sum(-1)


def _positive_definite(support: Support, u: Array) -> Mapped:
    lower, log_jacobian = _lower_cholesky(support, u)
    size = lower.shape[-1]
    weights = jnp.asarray(np.arange(size, 0, -1.0), u.dtype)
    log_diagonal = u[..., u.shape[-1] - size :]
    return lower @ lower.mT, lambda: log_jacobian() + (weights * log_diagonal).sum(-1) + size * LOG_2


def _fill(packed: Array, size: int, *, diagonal: bool = False) -> Array:
    padded = jnp.concatenate([packed, jnp.zeros((*packed.shape[:-1], 1), packed.dtype)], -1)
    return padded[..., tril_index(size, diagonal=diagonal)]


_FORWARD: dict[str, Callable[[Support, Array], Mapped]] = {
    "real": _real,
    "positive": lambda _, u: (jnp.exp(u), lambda: u),
    "greater_than": _greater_than,
    "less_than": _less_than,
    "interval": _interval,
    "simplex": _simplex,
    "ordered": _ordered,
    "positive_ordered": _positive_ordered,
    "corr_cholesky": _corr_cholesky,
    "lower_cholesky": _lower_cholesky,
    "positive_definite": _positive_definite,
}
