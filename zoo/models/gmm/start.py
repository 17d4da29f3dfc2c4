"""Where learning starts: a k-means++ draw, turned into weights, locations and covariances."""

from collections.abc import Mapping

import numpy as np
from sklearn.cluster import kmeans_plusplus

from guides.start import Start
from zoo.errors import UserError

# A component starts with its own covariance and this many rows (plus D) of the pooled one.
POOLED_ROWS = 1


def column_scale(x: np.ndarray) -> np.ndarray:
    """Return the sd of each column, shape (D,), with 1 for a column that does not vary."""
    scale = x.std(0)
    return np.where(scale > 0, scale, 1.0)


def seed_labels(x: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """Assign each row to the nearest of k-means++ centres, on standardised columns.

    Args:
        x: rows, shape (n, D).
        count: number of centres, at most n.
        rng: draws the centres.

    Returns:
        Labels 0 … count - 1, shape (n,).
    """
    standardised = (x - x.mean(0)) / column_scale(x)
    centers, _ = kmeans_plusplus(standardised, count, random_state=int(rng.integers(2**31)))
    return nearest(standardised, centers)


def nearest(x: np.ndarray, centers: np.ndarray) -> np.ndarray:
    """Return which of the centres (K, D) is nearest to each row (n, D), by the Euclidean distance (n,)."""
    # Squared distances less the rows' own squares, without an array of n K D numbers.
    return ((centers**2).sum(1) - 2 * x @ centers.T).argmin(1)


def start(
    data: Mapping[str, np.ndarray], rng: np.random.Generator, *, K: int = 2, D: int = 2, floor: float = 1e-6
) -> dict[str, Start]:
    """Start at the moments of k-means++ cells, each covariance shrunk towards the pooled one.

    A unit of v is a column's sd for locations, the pooled within-cell sd for what is below the diagonal of
    scale_tril, and a factor e for the diagonal and for the odds of the weights.

    Args:
        data: {"x": rows, shape (n, D)}.
        rng: draws the centres, so that restarts differ.
        K, D, floor: the model's options.

    Returns:
        A Start for "weights" (K,), "loc" (K, D) and "scale_tril" (K, D, D).

    Raises:
        UserError: there are fewer rows than components.
    """
    x = data["x"]
    n = len(x)
    if n < K:
        raise UserError(f"gmm: K={K} components need at least {K} rows, and x has {n}; lower K")
    labels = seed_labels(x, K, rng)
    member = labels == np.arange(K)[:, None]
    count = member.sum(1)
    scale = column_scale(x)
    loc = (member @ x + x.mean(0)) / (count + 1)[:, None]
    off = x - loc[labels]
    pooled = off.T @ off / n + np.diag(1e-4 * scale**2)
    strength = POOLED_ROWS + D
    scatter = np.einsum("kn,nd,ne->kde", member.astype(float), off, off)
    covariance = (scatter + strength * pooled) / (count + strength)[:, None, None]
    rows, _ = np.tril_indices(D, -1)
    spread = np.concatenate([np.sqrt(np.diagonal(pooled))[rows], np.ones(D)])
    return {
        "weights": Start((count + 1) / (n + K)),
        "loc": Start(loc, np.tile(scale, (K, 1))),
        "scale_tril": Start(np.linalg.cholesky(covariance), np.tile(spread, (K, 1))),
    }
