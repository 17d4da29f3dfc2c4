"""Unconstrained coordinates u -> (value, log|dvalue/du|) of every support, in PyTorch; formulas in bijections.py."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch.nn.functional import logsigmoid

from guides.bijections import LOG_2, tril_index
from guides.sites import Support

Tensor = torch.Tensor
Mapped = tuple[Tensor, Callable[[], Tensor]]


def constrain(support: Support, u: Tensor) -> Mapped:
    """Map u to the support.

    Args:
        support: where to.
        u: (*batch, *unconstrained event).

    Returns:
        The value (*batch, *event) and a function that gives the log-Jacobian (*batch), which most callers do not
        ask for; both are differentiable.
    """
    return _FORWARD[support.word](support, u)


def _real(_: Support, u: Tensor) -> Mapped:
    return u, lambda: torch.zeros_like(u)


def _greater_than(support: Support, u: Tensor) -> Mapped:
    return support.lower + torch.exp(u), lambda: u


def _less_than(support: Support, u: Tensor) -> Mapped:
    return support.upper - torch.exp(u), lambda: u


def _interval(support: Support, u: Tensor) -> Mapped:
    width = support.upper - support.lower
    value = support.lower + width * torch.sigmoid(u)
    return value, lambda: logsigmoid(u) + logsigmoid(-u) + np.log(width)


def _simplex(_: Support, u: Tensor) -> Mapped:
    sticks = u - torch.as_tensor(np.log(np.arange(u.shape[-1], 0, -1.0)), dtype=u.dtype, device=u.device)
    log_taken, log_left = logsigmoid(sticks), logsigmoid(-sticks)
    before = torch.cumsum(log_left, -1) - log_left
    log_value = torch.cat([log_taken + before, log_left.sum(-1, keepdim=True)], -1)
    # No share is 0, where a Dirichlet's density may be infinite, nor so near to it that the density's slope, which is
    # some rows' weight over the share, passes the largest number: 1e7 times 1 / share does not.
    least = 0.8 * float(np.log(torch.finfo(u.dtype).tiny))
    return torch.exp(torch.clamp(log_value, min=least)), lambda: (log_taken + log_left + before).sum(-1)


def _ordered(_: Support, u: Tensor) -> Mapped:
    steps = _apart(u[..., :1], torch.exp(u[..., 1:]))
    return torch.cumsum(torch.cat([u[..., :1], steps], -1), -1), lambda: u[..., 1:].sum(-1)


def _positive_ordered(_: Support, u: Tensor) -> Mapped:
    first = torch.exp(u[..., :1])
    steps = _apart(first, torch.exp(u[..., 1:]))
    return torch.cumsum(torch.cat([first, steps], -1), -1), lambda: u.sum(-1)


def _apart(first: Tensor, steps: Tensor) -> Tensor:
    """Return steps that rounding leaves steps: a model may take the log of one, which must not be that of 0."""
    furthest = torch.abs(first) + steps.sum(-1, keepdim=True)
    least = 4 * torch.finfo(steps.dtype).eps * furthest + 4 * torch.finfo(steps.dtype).tiny
    return torch.maximum(steps, least.detach())


def _corr_cholesky(_: Support, u: Tensor) -> Mapped:
    size = round((1 + np.sqrt(1 + 8 * u.shape[-1])) / 2)
    log_left = 2 * (LOG_2 - u + logsigmoid(2 * u))  # log(1 - r²), exact in the tails
    r, ell = _fill(torch.tanh(u), size), _fill(log_left, size)
    before = torch.cumsum(ell, -1) - ell
    value = (r + torch.eye(size, dtype=u.dtype, device=u.device)) * torch.exp(before / 2)
    below = torch.as_tensor(np.tril(np.ones((size, size)), -1), dtype=u.dtype, device=u.device)
    return value, lambda: (before / 2 * below).sum((-2, -1)) + log_left.sum(-1)


def _lower_cholesky(_: Support, u: Tensor) -> Mapped:
    size = round((np.sqrt(1 + 8 * u.shape[-1]) - 1) / 2)
    log_diagonal = u[..., u.shape[-1] - size :]
    packed = torch.cat([u[..., : u.shape[-1] - size], torch.exp(log_diagonal)], -1)
    return _fill(packed, size, diagonal=True), lambda: log_diagonal.sum(-1)


def _positive_definite(support: Support, u: Tensor) -> Mapped:
    lower, log_jacobian = _lower_cholesky(support, u)
    size = lower.shape[-1]
    weights = torch.as_tensor(np.arange(size, 0, -1.0), dtype=u.dtype, device=u.device)
    log_diagonal = u[..., u.shape[-1] - size :]
    return lower @ lower.mT, lambda: log_jacobian() + (weights * log_diagonal).sum(-1) + size * LOG_2


def _fill(packed: Tensor, size: int, *, diagonal: bool = False) -> Tensor:
    padded = torch.cat([packed, packed.new_zeros((*packed.shape[:-1], 1))], -1)
    return padded[..., torch.as_tensor(tril_index(size, diagonal=diagonal), device=packed.device)]


_FORWARD: dict[str, Callable[[Support, Tensor], Mapped]] = {
    "real": _real,
    "positive": lambda _, u: (torch.exp(u), lambda: u),
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
