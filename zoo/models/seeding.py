"""What starts are made of: a subsample of the rows, coordinates that know no units, and k-means cells."""

import numpy as np
from sklearn.cluster import kmeans_plusplus

MOST_ROWS = 2000  # a start looks at no more of them, so that it takes as long for ten million rows
LLOYD_STEPS = 10


def subsample(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return at most `MOST_ROWS` rows of x, drawn without replacement; x itself if it has no more."""
    return x if len(x) <= MOST_ROWS else x[rng.choice(len(x), MOST_ROWS, replace=False, shuffle=False)]


def varies(x: np.ndarray) -> np.ndarray:
    """Return which columns have different values, shape (D,): a constant one's computed sd may be rounding, not 0."""
    return np.asarray(np.ptp(x, axis=0) > 0)


def standardised(x: np.ndarray) -> np.ndarray:
    """Return the rows with every column at mean 0 and sd 1, and at 0 if it does not vary, shape (n, D)."""
    return (x - x.mean(0)) / np.where(varies(x), x.std(0), np.inf)


def whitened(x: np.ndarray) -> np.ndarray:
    """Return the rows in coordinates that are uncorrelated with sd 1, as many as there are independent columns.

    Their distances are Mahalanobis', which no affine map of the columns changes.
    """
    left, singular, _ = np.linalg.svd(standardised(x), full_matrices=False)
    kept = singular > rounding(singular[0], x)
    return left[:, kept] * np.sqrt(len(x))


def rounding(top: float, x: np.ndarray) -> float:
    """Return how large a singular value of rows x may be by rounding alone, given the largest one."""
    return float(np.finfo(float).eps * max(x.shape) * top)


def nearest(x: np.ndarray, centers: np.ndarray) -> np.ndarray:
    """Return which of the centres (K, D) is nearest to each row (n, D), by the Euclidean distance (n,)."""
    # Squared distances less the rows' own squares, without an array of n K D numbers.
    return ((centers**2).sum(1) - 2 * x @ centers.T).argmin(1)


def kmeans(x: np.ndarray, count: int, rng: np.random.Generator, steps: int = LLOYD_STEPS) -> np.ndarray:
    """Return k-means labels from a k-means++ draw; some are unused if fewer rows differ.

    Args:
        x: rows in coordinates whose distances mean something, shape (n, D).
        count: number of clusters.
        rng: draws the first centres.
        steps: of Lloyd's algorithm; 0 leaves every row with the nearest of the first centres.

    Returns:
        Labels below `count`, shape (n,).
    """
    if not x.size or not varies(x).any():
        return np.zeros(len(x), dtype=int)
    centers, _ = kmeans_plusplus(x, min(count, len(x)), random_state=int(rng.integers(2**31)))
    labels = nearest(x, centers)
    for _ in range(steps):
        used = np.unique(labels)
        centers = np.stack([x[labels == k].mean(0) for k in used])
        labels = used[nearest(x, centers)]
    return labels


def memberships(labels: np.ndarray, count: int) -> np.ndarray:
    """Return 1.0 for the rows of each label and 0.0 for the others, shape (count, n)."""
    return (labels == np.arange(count)[:, None]).astype(float)
