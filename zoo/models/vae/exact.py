"""What is known exactly of the variational autoencoder's model at given parameters: NumPy and SciPy only.

Every function takes the model's options as keywords. The density of a row is an integral over its code; for
codes of one or two numbers it is found by quadrature, to some 1e-6 nats (see quadrature.py).
"""

from collections.abc import Callable, Mapping

import numpy as np
from scipy.special import expit

from zoo.models.vae.quadrature import log_integrals

Arrays = Mapping[str, np.ndarray]
LOG_2PI = float(np.log(2 * np.pi))
# Quadrature takes about a second a row: beyond these, a run takes a bound unless it is asked for the exact value.
MOST_ROWS = 32
ACTIVATION: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "relu": lambda a: np.maximum(a, 0),
    "tanh": np.tanh,
    "silu": lambda a: a * expit(a),
    "softplus": lambda a: np.logaddexp(a, 0),
}


def forward(values: Arrays, z: np.ndarray, activation: str) -> np.ndarray:
    """Decode codes.

    Args:
        values: "decoder.layer{l}.weight" (out, in) and ".bias" (out,).
        z: codes, shape (n, latent).
        activation: of the hidden layers.

    Returns:
        What the decoder puts out, shape (n, outputs).
    """
    layers = sum(name.startswith("decoder.") and name.endswith(".weight") for name in values)
    for layer in range(layers):
        z = z @ values[f"decoder.layer{layer}.weight"].T + values[f"decoder.layer{layer}.bias"]
        if layer < layers - 1:
            z = ACTIVATION[activation](z)
    return z


def gaussian(out: np.ndarray, floor: float, D: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return means (n, D), variances apart from the factor (n, D), and the factor (n, D, rank), maybe of rank 0."""
    variance = floor**2 + np.logaddexp(out[:, D : 2 * D], 0) ** 2
    factor = np.tanh(out[:, 2 * D :]).reshape(len(out), D, out.shape[1] // D - 2)
    return out[:, :D], variance, np.sqrt(variance)[..., None] * factor


def log_joint(
    values: Arrays,
    data: Arrays,
    *,
    latent: int = 8,
    hidden: int = 128,
    depth: int = 1,
    activation: str = "relu",
    likelihood: str = "gaussian",
    covariance: str = "diagonal",
    rank: int = 2,
    floor: float = 0.05,
    D: int = 64,
) -> dict[str, float]:
    """Return the log density by sample site.

    Args:
        values: the decoder's parameters and "z": codes (n, latent).
        data: {"x": rows, shape (n, D)}.
        latent, hidden, depth, activation, likelihood, covariance, rank, floor, D: the model's options.

    Returns:
        Summed log density of "z" and "x".
    """
    z, x = values["z"], data["x"]
    prior = float(-0.5 * (z**2 + LOG_2PI).sum())
    out = forward(values, z, activation)
    if likelihood == "bernoulli":
        return {"z": prior, "x": float(-np.logaddexp(0, np.where(x > 0, -out, out)).sum())}
    mean, variance, factor = gaussian(out, floor, D)
    off = x - mean
    if covariance == "diagonal":
        return {"z": prior, "x": float(-0.5 * (off**2 / variance + np.log(variance) + LOG_2PI).sum())}
    # By Woodbury's identity, as a dense solve for every row would take D / rank times as long.
    scaled = factor / variance[..., None]
    middle = np.eye(rank) + np.swapaxes(factor, 1, 2) @ scaled
    seen = np.einsum("ndr,nd->nr", scaled, off)
    square = (off**2 / variance).sum(1) - (seen * np.linalg.solve(middle, seen[..., None])[..., 0]).sum(1)
    log_det = np.log(variance).sum(1) + np.linalg.slogdet(middle)[1]
    return {"z": prior, "x": float(-0.5 * (square + log_det + D * LOG_2PI).sum())}


def log_given(x: np.ndarray, out: np.ndarray, likelihood: str, floor: float) -> np.ndarray:
    """Return the log density of every row under every output of the decoder.

    By products of matrices, which is quick; squares are expanded around the rows' mean, so that they cancel
    to 1e-11 of what they are.

    Args:
        x: rows, shape (n, D).
        out: outputs, shape (P, outputs).
        likelihood, floor: the model's options.

    Returns:
        Shape (n, P).
    """
    D = x.shape[1]
    if likelihood == "bernoulli":
        return x @ out.T - np.logaddexp(out, 0).sum(1)
    mean, variance, factor = gaussian(out, floor, D)
    center = x.mean(0)
    x, mean = x - center, mean - center
    square = x**2 @ (1 / variance).T - 2 * x @ (mean / variance).T + (mean**2 / variance).sum(1)
    log_det = np.log(variance).sum(1)
    if factor.shape[2]:
        scaled = factor / variance[..., None]
        tril = np.linalg.cholesky(np.eye(factor.shape[2]) + np.swapaxes(factor, 1, 2) @ scaled)
        white = np.linalg.solve(tril, np.swapaxes(scaled, 1, 2))  # (P, rank, D)
        seen = np.tensordot(x, white, (1, 2)) - np.einsum("prd,pd->pr", white, mean)
        square -= (seen**2).sum(-1)
        log_det += 2 * np.log(np.diagonal(tril, axis1=1, axis2=2)).sum(1)
    return -0.5 * (square + log_det + D * LOG_2PI)


def log_likelihood(
    x: np.ndarray,
    values: Arrays,
    *,
    latent: int = 8,
    hidden: int = 128,
    depth: int = 1,
    activation: str = "relu",
    likelihood: str = "gaussian",
    covariance: str = "diagonal",
    rank: int = 2,
    floor: float = 0.05,
    D: int = 64,
) -> np.ndarray | None:
    """Return log ∫ Normal(z; 0, I) p(x_i | z) dz of each row, in nats, by quadrature; None where latent > 2.

    Args:
        x: rows, shape (n, D).
        values: the decoder's parameters.
        latent, hidden, depth, activation, likelihood, covariance, rank, floor, D: the model's options.

    Returns:
        Shape (n,); or None.
    """
    if latent > 2:
        return None

    def integrand(z: np.ndarray, rows: np.ndarray) -> np.ndarray:
        given = log_given(x[rows], forward(values, z, activation), likelihood, floor)
        return given - 0.5 * (z**2 + LOG_2PI).sum(1)

    return log_integrals(integrand, len(x), latent)


def evidence(data: Arrays, **options: object) -> None:
    """Return None: without a prior on the decoder there is no evidence."""


def posterior(data: Arrays, **options: object) -> None:
    """Return None: there are no global latents."""


def fit(data: Arrays, **options: object) -> None:
    """Return None: the maximum of the likelihood is not known."""
