"""Unconstrained coordinates u of every support, NumPy side: their shapes, and value -> u.

The way back, u -> value with its log-Jacobian, is differentiated and so lives in each backend
(bijections_pyro.py, bijections_numpyro.py). The formulas:

    positive, greater_than, less_than   value = bound ± exp u
    interval                            value = lower + (upper - lower) sigmoid u
    simplex                             stick-breaking: z_k = sigmoid(u_k - log(K - k)), k = 1 … K-1
    ordered, positive_ordered           value_1 = u_1 (or exp u_1), value_i = value_{i-1} + exp u_i
    corr_cholesky                       r = tanh u below the diagonal, each row a stick of unit length
    lower_cholesky                      u row by row below the diagonal, then log of the diagonal
    positive_definite                   L Lᵀ with L as above
"""

from __future__ import annotations

import numpy as np

from guides.errors import GuideError
from guides.sites import Support, TracedSite

LOG_2 = float(np.log(2.0))


def unconstrained_shape(site: TracedSite) -> tuple[int, ...]:
    """Return the shape of u for a site.

    Raises:
        GuideError: there is no bijection for the site's support.
    """
    batch, event = split_shape(site)
    word = site.support.word
    if word in {"real", "positive", "greater_than", "less_than", "interval", "ordered", "positive_ordered"}:
        return batch + event
    if word == "simplex":
        return (*batch, event[0] - 1)
    if word == "corr_cholesky":
        return (*batch, event[0] * (event[0] - 1) // 2)
    if word in {"lower_cholesky", "positive_definite"}:
        return (*batch, event[0] * (event[0] + 1) // 2)
    raise GuideError(
        f"site {site.name!r} has support {str(site.support)!r}, for which there are no unconstrained "
        "coordinates; reparametrise it, or let a local treatment serve it"
    )


def split_shape(site: TracedSite) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return (dimensions that the constraint repeats over, dimensions that it ties together)."""
    cut = len(site.shape) - site.support.event_dim
    return site.shape[:cut], site.shape[cut:]


def tril_index(size: int, *, diagonal: bool) -> np.ndarray:
    """Say for each entry of a (size, size) matrix which entry of u fills it; the last index means zero.

    >>> tril_index(2, diagonal=True)
    array([[1, 3],
           [0, 2]])
    """
    rows, columns = np.tril_indices(size, -1)
    count = len(rows) + size * diagonal
    index = np.full((size, size), count)
    index[rows, columns] = np.arange(len(rows))
    if diagonal:
        index[np.arange(size), np.arange(size)] = len(rows) + np.arange(size)
    return index


def unconstrain(support: Support, value: np.ndarray) -> np.ndarray:
    """Return u for a constrained value, of the shape that `unconstrained_shape` says.

    Raises:
        GuideError: the value is not inside the support.
    """
    value = np.asarray(value, dtype=np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        u = _INVERSES[support.word](support, value)
    if not np.isfinite(u).all():
        raise GuideError(f"a start value lies outside its support {str(support)!r}: {value.tolist()}")
    return u


def feasible(site: TracedSite) -> np.ndarray:
    """Return u = 0, the point to start from when nothing else is said."""
    return np.zeros(unconstrained_shape(site))


def _simplex(_: Support, value: np.ndarray) -> np.ndarray:
    size = value.shape[-1]
    rest = np.cumsum(value[..., ::-1], -1)[..., ::-1][..., 1:]
    return np.log(value[..., :-1]) - np.log(rest) + np.log(np.arange(size - 1, 0, -1.0))


def _ordered(_: Support, value: np.ndarray) -> np.ndarray:
    return np.concatenate([value[..., :1], np.log(np.diff(value, axis=-1))], -1)


def _corr_cholesky(_: Support, value: np.ndarray) -> np.ndarray:
    rows, columns = np.tril_indices(value.shape[-1], -1)
    stick = 1 - np.cumsum(value**2, -1) + value**2
    return np.arctanh(value[..., rows, columns] / np.sqrt(stick[..., rows, columns]))


def _lower_cholesky(_: Support, value: np.ndarray) -> np.ndarray:
    rows, columns = np.tril_indices(value.shape[-1], -1)
    diagonal = np.diagonal(value, axis1=-2, axis2=-1)
    return np.concatenate([value[..., rows, columns], np.log(diagonal)], -1)


_INVERSES = {
    "real": lambda _, value: value,
    "positive": lambda _, value: np.log(value),
    "greater_than": lambda s, value: np.log(value - s.lower),
    "less_than": lambda s, value: np.log(s.upper - value),
    "interval": lambda s, value: np.log(value - s.lower) - np.log(s.upper - value),
    "simplex": _simplex,
    "ordered": _ordered,
    "positive_ordered": lambda s, value: np.concatenate([np.log(value[..., :1]), _ordered(s, value)[..., 1:]], -1),
    "corr_cholesky": _corr_cholesky,
    "lower_cholesky": _lower_cholesky,
    "positive_definite": lambda s, value: _lower_cholesky(s, np.linalg.cholesky(value)),
}
