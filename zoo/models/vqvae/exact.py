"""What is known exactly of the vector-quantised autoencoder's model at given parameters: NumPy and SciPy only.

A row has K^positions vectors of codes. Where these are few, its density is their sum, and the posterior of its codes is
known. Every function takes the model's options as keywords; an unknown one raises TypeError.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from scipy.special import log_softmax, logsumexp

from zoo.models.vae.exact import LOG_2PI, forward
from zoo.models.vqvae.options import Options

Arrays = Mapping[str, np.ndarray]
MOST = 65_536  # vectors of codes that are summed over
CHUNK = 2**22  # numbers in an array


def every_code(o: Options) -> np.ndarray:
    """Return every vector of codes, the last position running fastest (K^positions, positions).

    >>> every_code(Options(K=2, positions=2)).tolist()
    [[0, 0], [0, 1], [1, 0], [1, 1]]
    """
    return np.stack(np.unravel_index(np.arange(o.K**o.positions), (o.K,) * o.positions), -1)


def log_prior(z: np.ndarray, values: Arrays, **options: Any) -> np.ndarray:
    """Return log p(z) of codes (n, positions), in nats (n,).

    >>> log_prior(np.array([[0, 3]]), {}, K=4, positions=2).round(6)
    array([-2.772589])
    """
    o = Options(**options)
    total = np.zeros(len(z))
    inner = np.repeat(values["prior.inner"][None], len(z), 0) if o.prior == "autoregressive" else None
    for j, chosen in enumerate(z.T):
        logits = np.zeros((len(z), o.K)) if o.prior == "uniform" else np.tile(values["prior.bias"][j], (len(z), 1))
        if inner is not None:
            logits = logits + np.tanh(inner) @ values["prior.out"][j]
            inner = inner + values["prior.into"][j, chosen]
        total += log_softmax(logits, -1)[np.arange(len(z)), chosen]
    return total


def means(z: np.ndarray, values: Arrays, **options: Any) -> np.ndarray:
    """Return what the decoder makes of codes (n, positions): means, or log-odds (n, D)."""
    vectors = values["codebook"][z].reshape(len(z), -1)
    return forward(values, vectors, Options(**options).activation)


def variance(values: Arrays, o: Options) -> float:
    """Return the variance of a column given the codes."""
    return o.floor**2 + (float(values["noise"]) ** 2 if o.learns_noise else 0.0)


def log_given(x: np.ndarray, out: np.ndarray, values: Arrays, o: Options) -> np.ndarray:
    """Return the log density of rows (…, D) under outputs of the decoder (…, D), by row (…)."""
    if o.likelihood == "bernoulli":
        return -np.logaddexp(0, np.where(x > 0, -out, out)).sum(-1)
    square = variance(values, o)
    return -0.5 * ((x - out) ** 2 / square + np.log(square) + LOG_2PI).sum(-1)


def log_joint(values: Arrays, data: Arrays, **options: Any) -> dict[str, float]:
    """Return the log density by sample site.

    Args:
        values: every parameter, and "z": codes (n, positions).
        data: {"x": rows, shape (n, D)}.
        options: the model's.

    Returns:
        Summed log density of "z" and "x".
    """
    given = log_given(data["x"], means(values["z"], values, **options), values, Options(**options))
    return {"z": float(log_prior(values["z"], values, **options).sum()), "x": float(given.sum())}


def log_joint_of_codes(x: np.ndarray, values: Arrays, **options: Any) -> Iterator[np.ndarray]:
    """Yield log p(x_i, z) of every vector of codes for some rows after others, each (rows, K^positions)."""
    o = Options(**options)
    codes = every_code(o)
    out, prior = means(codes, values, **options), log_prior(codes, values, **options)
    at_once = max(1, CHUNK // len(codes))
    # By products of matrices, which is quick; squares are expanded around the rows' mean, so that they cancel to
    # 1e-11 of what they are.
    center = 0.0 if o.likelihood == "bernoulli" else x.mean(0)
    for begin in range(0, len(x), at_once):
        some = x[begin : begin + at_once] - center
        cross = some @ (out - center).T
        if o.likelihood == "bernoulli":
            yield cross - np.logaddexp(0, out).sum(1) + prior
        else:
            square, distance = variance(values, o), (some**2).sum(1)[:, None] - 2 * cross + ((out - center) ** 2).sum(1)
            yield -0.5 * (distance / square + o.D * (np.log(square) + LOG_2PI)) + prior


def log_likelihood(x: np.ndarray, values: Arrays, **options: Any) -> np.ndarray | None:
    """Return log Σ_z p(x_i, z) of each row, in nats (n,); None where there are more than 65,536 vectors of codes.

    Args:
        x: rows, shape (n, D).
        values: every parameter.
        options: the model's.
    """
    o = Options(**options)
    if o.K**o.positions > MOST:
        return None
    return np.concatenate([logsumexp(joint, 1) for joint in log_joint_of_codes(x, values, **options)])


def probabilities(x: np.ndarray, values: Arrays, **options: Any) -> np.ndarray | None:
    """Return p(z | x_i) of every vector of codes, in `every_code`'s order (n, K^positions); None where too many."""
    o = Options(**options)
    if o.K**o.positions > MOST:
        return None
    pieces = log_joint_of_codes(x, values, **options)
    return np.concatenate([np.exp(joint - logsumexp(joint, 1, keepdims=True)) for joint in pieces])


def nearest(vectors: np.ndarray, codebook: np.ndarray) -> np.ndarray:
    """Return the number of the code (K, code_size) nearest to each vector (…, code_size); shape (…).

    >>> nearest(np.array([[0.9], [-3.0]]), np.array([[0.0], [1.0]])).tolist()
    [1, 0]
    """
    return np.asarray(((vectors[..., None, :] - codebook) ** 2).sum(-1).argmin(-1))


def evidence(data: Arrays, **options: Any) -> None:
    """Return None: without a prior on the parameters there is no evidence."""
    Options(**options)


def posterior(data: Arrays, **options: Any) -> None:
    """Return None: there are no global latents."""
    Options(**options)


def fit(data: Arrays, **options: Any) -> None:
    """Return None: the maximum of the likelihood is not known."""
    Options(**options)
