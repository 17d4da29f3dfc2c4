"""What is known exactly of binary causes at given parameters: sums over all codes, where they are few.

Every function takes the model's options as keywords. A code's number is that of its bits, the first cause
being the lowest bit.
"""

from collections.abc import Iterator, Mapping

import numpy as np
from scipy.special import logsumexp

Arrays = Mapping[str, np.ndarray]
MOST = 16  # causes: 65,536 codes
CHUNK = 2**22  # numbers in an array


def codes(latent: int) -> np.ndarray:
    """Return every code by its number, 0 or 1, shape (2^latent, latent).

    >>> codes(2).tolist()
    [[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]
    """
    return (np.arange(2**latent)[:, None] >> np.arange(latent) & 1).astype(float)


def log_joint(values: Arrays, data: Arrays, *, latent: int = 100, D: int = 64) -> dict[str, float]:
    """Return the log mass by sample site.

    Args:
        values: {"weight": (D, latent), "bias": (D,), "z": codes (n, latent), 0 or 1}.
        data: {"x": rows, shape (n, D), 0 or 1}.
        latent, D: the model's options.

    Returns:
        Summed log mass of "z" and "x".
    """
    log_odds = values["z"] @ values["weight"].T + values["bias"]
    wrong_way = np.where(data["x"] > 0, -log_odds, log_odds)
    return {"z": -float(np.log(2)) * np.size(values["z"]), "x": -float(np.logaddexp(0, wrong_way).sum())}


def log_joint_of_codes(x: np.ndarray, values: Arrays) -> Iterator[np.ndarray]:
    """Yield log p(x_i, z) for some rows after others, each (rows, 2^latent)."""
    latent = values["weight"].shape[1]
    log_odds = codes(latent) @ values["weight"].T + values["bias"]
    rest = np.logaddexp(0, log_odds).sum(1) + latent * np.log(2)
    at_once = max(1, CHUNK // len(log_odds))
    for begin in range(0, len(x), at_once):
        yield x[begin : begin + at_once] @ log_odds.T - rest


def log_likelihood(x: np.ndarray, values: Arrays, *, latent: int = 100, D: int = 64) -> np.ndarray | None:
    """Return log Σ_z 2^-latent p(x_i | z) of each row, in nats, shape (n,); None where latent > 16.

    >>> values = {"weight": np.array([[np.log(3.0)]]), "bias": np.zeros(1)}
    >>> np.exp(log_likelihood(np.array([[1.0]]), values, latent=1, D=1)).round(6)  # (1/2 + 3/4) / 2
    array([0.625])
    """
    if latent > MOST:
        return None
    return np.concatenate([logsumexp(joint, axis=1) for joint in log_joint_of_codes(x, values)])


def configurations(x: np.ndarray, values: Arrays, *, latent: int = 100, D: int = 64) -> np.ndarray | None:
    """Return p(z | x_i) of every code, by its number (n, 2^latent); None where latent > 16."""
    if latent > MOST:
        return None
    pieces = log_joint_of_codes(x, values)
    return np.concatenate([np.exp(joint - logsumexp(joint, axis=1, keepdims=True)) for joint in pieces])


def probabilities(x: np.ndarray, values: Arrays, *, latent: int = 100, D: int = 64) -> np.ndarray | None:
    """Return p(z_ij = 1 | x_i), shape (n, latent); None where latent > 16."""
    if latent > MOST:
        return None
    every, pieces = codes(latent), log_joint_of_codes(x, values)
    return np.concatenate([np.exp(joint - logsumexp(joint, axis=1, keepdims=True)) @ every for joint in pieces])


def evidence(data: Arrays, *, latent: int = 100, D: int = 64) -> None:
    """Return None: without a prior on the parameters there is no evidence."""


def posterior(data: Arrays, *, latent: int = 100, D: int = 64) -> None:
    """Return None: there are no global latents."""


def fit(data: Arrays, *, latent: int = 100, D: int = 64) -> None:
    """Return None: the maximum of the likelihood is not known."""
