"""Where learning starts: k-means cells of a subsample, turned into weights, locations and covariances."""

from collections.abc import Mapping

import numpy as np

from guides.start import Start
from zoo.errors import UserError
from zoo.models.seeding import kmeans, memberships, standardised, subsample, whitened

# A component starts with its own covariance and this many rows (plus D) of the pooled one.
POOLED_ROWS = 1


def start(
    data: Mapping[str, np.ndarray], rng: np.random.Generator, *, K: int = 2, D: int = 2, floor: float = 1e-6
) -> dict[str, Start]:
    """Start at the moments of k-means++ cells, each covariance shrunk towards the pooled one.

    A draw decides between cells by Mahalanobis' distance, which knows no units and no dependence of columns, and by
    distances of standardised columns, which a cluster of many columns stands out in.

    A unit of v is a column's sd within the cells, given the other columns for locations, and given those before it for
    what is below the diagonal of scale_tril; a factor e for the diagonal and for the odds of the weights.

    Args:
        data: {"x": rows, shape (n, D)}.
        rng: draws the coordinates and the centres, so that restarts differ.
        K, D, floor: the model's options.

    Returns:
        A Start for "weights" (K,), "loc" (K, D) and "scale_tril" (K, D, D).

    Raises:
        UserError: fewer rows differ than there are components.
    """
    _check(data["x"], K)
    x = subsample(data["x"], rng)
    n, coordinates = len(x), whitened if rng.random() < 0.5 else standardised
    labels = kmeans(coordinates(x), K, rng, steps=0)
    member = memberships(labels, K)
    count = member.sum(1)
    loc = (member @ x + x.mean(0)) / (count + 1)[:, None]
    off = x - loc[labels]
    # Dependent columns leave no variance but the floor, and that is less than single precision can tell from 0 if the
    # columns' own variances are large.
    least = floor + np.finfo(np.float32).eps * D * x.var(0)
    pooled = off.T @ off / n + np.diag(least)
    strength = POOLED_ROWS + D
    scatter = np.einsum("kn,nd,ne->kde", member, off, off)
    covariance = (scatter + strength * pooled) / (count + strength)[:, None, None] + np.diag(least)
    rows, _ = np.tril_indices(D, -1)
    given_before, given_all = np.diagonal(np.linalg.cholesky(pooled)), np.diagonal(np.linalg.inv(pooled)) ** -0.5
    return {
        "weights": Start((count + 1) / (n + K)),
        "loc": Start(loc, np.tile(given_all, (K, 1))),
        "scale_tril": Start(np.linalg.cholesky(covariance), np.tile(np.append(given_before[rows], np.ones(D)), (K, 1))),
    }


def _check(x: np.ndarray, K: int) -> None:
    if len(x) < K:
        raise UserError(f"gmm: K={K} components need at least {K} rows, and x has {len(x)}; lower K")
    # Most data differ in their first rows; all of them are compared only if these do not.
    if len(np.unique(x[: 10 * K], axis=0)) < K and (different := len(np.unique(x, axis=0))) < K:
        raise UserError(f"gmm: K={K} components need at least {K} rows that differ, and x has {different}; lower K")
