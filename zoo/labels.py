"""Give exchangeable components the same labels in every draw.

A mixture's density does not change when its components are renumbered, so that the components' means over
raw draws say nothing: chains switch labels, or disagree on them from the start. Relabelling permutes each
draw so that component k means the same thing throughout.

References:
    1. Stephens 2000, Dealing with label switching in mixture models, JRSS B 62(4).
    2. Papastamoulis 2016, label.switching, Journal of Statistical Software 69(1), section 2.2: matching to a
       pivot.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from typing import Literal

import numpy as np
from scipy.optimize import linear_sum_assignment

_MAX_ROUNDS = 50  # the matched cost falls at every round, so that this is never reached in practice
_ONE_MODE = 0.99  # share of the draws under one labelling above which a guide is said to cover one mode


def relabel(
    draws: Mapping[str, np.ndarray],
    dims: Mapping[str, tuple[str, ...]],
    exchangeable: str,
    site: str,
    method: Literal["hungarian", "ordering"] = "hungarian",
    categories: Collection[str] = (),
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Permute the components of every draw so that labels agree.

    "hungarian" matches each draw to a pivot by the least total squared distance, each coordinate in units of
    its standard deviation; the pivot begins as one draw and becomes the mean of the relabelled ones until no
    label changes. "ordering" sorts by the site's first coordinate, which mixes components that overlap in it.
    Either way components are numbered by increasing mean of the site's first coordinate.

    Args:
        draws: site to (chain, draw, *shape).
        dims: site to its dimensions' names, one for each axis of shape.
        exchangeable: the dimension to permute, wherever it occurs.
        site: the site to match by; it has the dimension once.
        method: how labels are matched.
        categories: sites whose *values* are labels, such as allocations z; they are renumbered.

    Returns:
        The relabelled draws, same shapes, and the permutations (chain, draw, K): relabelled component j was
        component permutations[..., j].

    Raises:
        ValueError: the site lacks the dimension, an axis has no name, or the method is unknown.
    """
    _check(draws, dims, exchangeable, site)
    features = _features(draws[site], dims[site], exchangeable)
    if method == "hungarian":
        flat = _match_all(features.reshape(-1, *features.shape[2:]))
    elif method == "ordering":
        flat = np.argsort(features[..., 0].reshape(-1, features.shape[2]), axis=-1, kind="stable")
    else:
        raise ValueError(f"relabelling method {method!r} is unknown: take 'hungarian' or 'ordering'")
    permutations = flat.reshape(features.shape[:3])
    aligned = np.take_along_axis(features, permutations[..., None], axis=2)
    order = np.argsort(aligned[..., 0].mean(axis=(0, 1)), kind="stable")
    permutations = permutations[..., order]
    return permute(draws, dims, exchangeable, permutations, categories), permutations


def permute(
    draws: Mapping[str, np.ndarray],
    dims: Mapping[str, tuple[str, ...]],
    exchangeable: str,
    permutations: np.ndarray,
    categories: Collection[str] = (),
) -> dict[str, np.ndarray]:
    """Apply one permutation a draw to every axis with the dimension, and to the values of `categories`.

    Args:
        draws: site to (chain, draw, *shape).
        dims: site to its dimensions' names.
        exchangeable: the dimension to permute.
        permutations: (chain, draw, K); new component j is old component permutations[..., j].
        categories: sites whose values are labels.

    Returns:
        Site to (chain, draw, *shape).
    """
    inverse = np.argsort(permutations, axis=-1)
    result = {}
    for name, values in draws.items():
        for axis, dim in enumerate(dims[name], start=2):
            if dim == exchangeable:
                values = _take(values, permutations, axis)
        if name in categories:
            flat = values.reshape(*values.shape[:2], -1).astype(np.intp)
            values = np.take_along_axis(inverse, flat, axis=2).reshape(values.shape).astype(values.dtype)
        result[name] = values
    return result


def match(components: np.ndarray, pivot: np.ndarray, scale: np.ndarray | float = 1.0) -> np.ndarray:
    """Return the permutation that brings components closest to a pivot.

    Args:
        components: (K, F), K components with F coordinates.
        pivot: (K, F).
        scale: what one unit of distance is, a number or (F,).

    Returns:
        (K,): components[permutation] is nearest to the pivot.

    >>> match(np.array([[5.0], [1.0]]), np.array([[0.0], [6.0]])).tolist()
    [1, 0]
    """
    cost = ((pivot[:, None, :] - components[None, :, :]) / scale) ** 2
    return linear_sum_assignment(cost.sum(axis=-1))[1]


def mode_note(permutations: np.ndarray) -> str:
    """Say how much of a guide's gap is due to labels: log K! where it covers one of the K! equal modes.

    Args:
        permutations: (chain, draw, K) of raw draws, as `relabel` returns them.

    Returns:
        A clause for a table, empty when draws spread over several labellings or K is 1.

    >>> mode_note(np.tile([1, 0], (1, 100, 1)))
    'includes about log 2! = 0.693: the guide covers one of 2! equal modes'
    """
    size = permutations.shape[-1]
    _, counts = np.unique(permutations.reshape(-1, size), axis=0, return_counts=True)
    if size < 2 or counts.max() < _ONE_MODE * counts.sum():
        return ""
    part = f"includes about log {size}! = {math.lgamma(size + 1):.3f}"
    return f"{part}: the guide covers one of {size}! equal modes"


def elbo_note(size: int) -> str:
    """Say what covering one of the K! equal modes costs the ELBO, for a guide whose gap is not known.

    >>> elbo_note(2)
    'the guide covers one of 2! equal modes: for that alone its ELBO is about log 2! = 0.693 below the evidence'
    """
    cost = f"log {size}! = {math.lgamma(size + 1):.3f}"
    return f"the guide covers one of {size}! equal modes: for that alone its ELBO is about {cost} below the evidence"


def _check(draws: Mapping[str, np.ndarray], dims: Mapping[str, tuple[str, ...]], exchangeable: str, site: str) -> None:
    for name, values in draws.items():
        if np.ndim(values) != 2 + len(dims[name]):
            raise ValueError(
                f"draws of site {name!r} have shape {np.shape(values)}, expected (chain, draw, {', '.join(dims[name])})"
            )
    if site not in draws or tuple(dims[site]).count(exchangeable) != 1:
        raise ValueError(f"components are matched by a site with dimension {exchangeable!r} once; got {site!r}")


def _features(values: np.ndarray, dims: tuple[str, ...], exchangeable: str) -> np.ndarray:
    """Return (chain, draw, K, F)."""
    moved = np.moveaxis(np.asarray(values, dtype=np.float64), 2 + dims.index(exchangeable), 2)
    return moved.reshape(*moved.shape[:3], -1)


def _match_all(features: np.ndarray) -> np.ndarray:
    """Return (S, K) permutations of (S, K, F) that agree with their own mean."""
    spread = features.reshape(-1, features.shape[-1]).std(axis=0)
    scale = np.where(spread > 0, spread, 1.0)
    pivot, permutations = features[-1], np.full(features.shape[:2], -1)
    for _ in range(_MAX_ROUNDS):
        found = np.stack([match(components, pivot, scale) for components in features])
        if np.array_equal(found, permutations):
            break
        permutations = found
        pivot = np.take_along_axis(features, permutations[..., None], axis=1).mean(axis=0)
    return permutations


def _take(values: np.ndarray, permutations: np.ndarray, axis: int) -> np.ndarray:
    moved = np.moveaxis(values, axis, 2)
    index = permutations.reshape(*permutations.shape, *(1,) * (moved.ndim - 3))
    return np.moveaxis(np.take_along_axis(moved, index, axis=2), 2, axis)
