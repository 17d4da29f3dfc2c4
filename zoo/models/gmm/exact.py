"""What is known exactly of a mixture of Gaussians at given parameters, and its fit for one component.

Every function takes the model's options as keywords. D is taken from the values' shapes.
"""

from collections.abc import Mapping

import numpy as np
from scipy.linalg import solve_triangular
from scipy.special import logsumexp

Arrays = Mapping[str, np.ndarray]
LOG_2PI = float(np.log(2 * np.pi))


def log_normal(x: np.ndarray, loc: np.ndarray, tril: np.ndarray) -> np.ndarray:
    """Return the log density of each row under each Gaussian, shape (n, K).

    Args:
        x: rows, shape (n, D).
        loc: means, shape (K, D).
        tril: Cholesky factors of the covariances, shape (K, D, D).
    """
    columns = []
    for mean, factor in zip(loc, tril, strict=True):
        white = solve_triangular(factor, (x - mean).T, lower=True)
        log_det = np.log(np.diagonal(factor)).sum()
        columns.append(-0.5 * (white**2).sum(0) - log_det - 0.5 * x.shape[1] * LOG_2PI)
    return np.stack(columns, 1)


def floored_tril(scale_tril: np.ndarray, floor: float) -> np.ndarray:
    """Return the Cholesky factors of scale_tril scale_trilᵀ + floor I, shape (K, D, D)."""
    eye = np.eye(scale_tril.shape[-1])
    return np.linalg.cholesky(scale_tril @ np.swapaxes(scale_tril, -1, -2) + floor * eye)


def log_weighted(x: np.ndarray, values: Arrays, floor: float) -> np.ndarray:
    """Return log π_k + log N(x_i | k), shape (n, K)."""
    with np.errstate(divide="ignore"):
        log_weights = np.log(values["weights"])
    return log_weights + log_normal(x, values["loc"], floored_tril(values["scale_tril"], floor))


def log_joint(values: Arrays, data: Arrays, *, K: int = 2, D: int = 2, floor: float = 1e-6) -> dict[str, float]:
    """Return the log density by sample site.

    Args:
        values: {"weights": (K,), "loc": (K, D), "scale_tril": (K, D, D), "z": labels (n,)}.
        data: {"x": rows, shape (n, D)}.
        K, D, floor: the model's options.

    Returns:
        Summed log density of "z" and "x".
    """
    z = np.asarray(values["z"], dtype=int)
    by_component = log_normal(data["x"], values["loc"], floored_tril(values["scale_tril"], floor))
    with np.errstate(divide="ignore"):
        log_weights = np.log(values["weights"])
    return {"z": float(log_weights[z].sum()), "x": float(by_component[np.arange(len(z)), z].sum())}


def log_likelihood(x: np.ndarray, values: Arrays, *, K: int = 2, D: int = 2, floor: float = 1e-6) -> np.ndarray:
    """Return log Σ_k π_k N(x_i | k) of each row, shape (n,), in nats.

    >>> values = {
    ...     "weights": np.array([0.3, 0.7]),
    ...     "loc": np.array([[-1.0], [2.0]]),
    ...     "scale_tril": np.array([[[0.5]], [[1.0]]]),
    ... }
    >>> log_likelihood(np.array([[0.4]]), values, D=1, floor=0.0).round(6)
    array([-2.496244])
    """
    return logsumexp(log_weighted(x, values, floor), axis=1)


def responsibilities(x: np.ndarray, values: Arrays, *, K: int = 2, D: int = 2, floor: float = 1e-6) -> np.ndarray:
    """Return p(z_i = k | x_i), shape (n, K)."""
    weighted = log_weighted(x, values, floor)
    return np.exp(weighted - logsumexp(weighted, axis=1, keepdims=True))


def evidence(data: Arrays, *, K: int = 2, D: int = 2, floor: float = 1e-6) -> None:
    """Return None: without a prior on the parameters there is no evidence."""


def posterior(data: Arrays, *, K: int = 2, D: int = 2, floor: float = 1e-6) -> None:
    """Return None: there are no global latents."""


def fit(data: Arrays, *, K: int = 2, D: int = 2, floor: float = 1e-6) -> dict[str, np.ndarray] | None:
    """Return the maximum likelihood estimate for K = 1, else None.

    The covariance is the sample's, each eigenvalue raised to the floor where it is below: the maximum over
    all covariances of the form L Lᵀ + floor I.

    Args:
        data: {"x": rows, shape (n, D)}.
        K, D, floor: the model's options.

    Returns:
        "weights" (1,), "loc" (1, D), "scale_tril" (1, D, D); or None where K > 1.
    """
    if K > 1:
        return None
    x = data["x"]
    off = x - x.mean(0)
    eigenvalues, vectors = np.linalg.eigh(off.T @ off / len(x))
    # L must stay invertible, so an eigenvalue at the floor keeps a millionth of it above.
    above = np.maximum(eigenvalues - floor, 1e-6 * max(floor, float(np.finfo(float).tiny)))
    return {
        "weights": np.ones(1),
        "loc": x.mean(0)[None],
        "scale_tril": np.linalg.cholesky((vectors * above) @ vectors.T)[None],
    }
