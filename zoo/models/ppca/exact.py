"""What is known exactly of the linear infinite mixture: everything, at given parameters and at the best ones.

W is `weight` (D, latent), M = WᵀW + scale² I, and Λ = M / scale² the precision of every row's posterior.
Every function takes the model's options as keywords; sizes are those of the values.
"""

from collections.abc import Mapping

import numpy as np
from scipy.stats import norm

from zoo.models.gmm.exact import log_normal

Arrays = Mapping[str, np.ndarray]


def log_joint(values: Arrays, data: Arrays, *, latent: int = 2, D: int = 4) -> dict[str, float]:
    """Return the log density by sample site.

    Args:
        values: {"weight": (D, latent), "loc": (D,), "scale": (), "z": codes (n, latent)}.
        data: {"x": rows, shape (n, D)}.
        latent, D: the model's options.

    Returns:
        Summed log density of "z" and "x".
    """
    z = values["z"]
    mean = z @ values["weight"].T + values["loc"]
    return {"z": float(norm.logpdf(z).sum()), "x": float(norm.logpdf(data["x"], mean, values["scale"]).sum())}


def covariance(values: Arrays) -> np.ndarray:
    """Return the covariance of a row, WWᵀ + scale² I, shape (D, D)."""
    weight = values["weight"]
    return weight @ weight.T + values["scale"] ** 2 * np.eye(len(weight))


def log_likelihood(x: np.ndarray, values: Arrays, *, latent: int = 2, D: int = 4) -> np.ndarray:
    """Return log p(x_i) of each row, its code integrated out, shape (n,), in nats.

    >>> values = {
    ...     "weight": np.array([[1.0, 0.5], [0.5, 1.0], [0.3, -0.2]]),
    ...     "loc": np.zeros(3),
    ...     "scale": np.asarray(0.5),
    ... }
    >>> log_likelihood(np.array([[1.0, 0.0, -0.5]]), values, D=3).round(6)
    array([-3.859496])
    """
    tril = np.linalg.cholesky(covariance(values))
    return log_normal(x, values["loc"][None], tril[None])[:, 0]


def precision(values: Arrays) -> np.ndarray:
    """Return Λ, the precision of every row's posterior, shape (latent, latent)."""
    weight = values["weight"]
    return weight.T @ weight / values["scale"] ** 2 + np.eye(weight.shape[1])


def encoder(values: Arrays) -> np.ndarray:
    """Return M⁻¹Wᵀ, which takes x - loc to the posterior's mean, shape (latent, D)."""
    return np.linalg.solve(precision(values), values["weight"].T / values["scale"] ** 2)


def local_posterior(x: np.ndarray, values: Arrays, *, latent: int = 2, D: int = 4) -> tuple[np.ndarray, np.ndarray]:
    """Return the posterior of the rows' codes, a Gaussian.

    Args:
        x: rows, shape (n, D).
        values: "weight", "loc" and "scale".
        latent, D: the model's options.

    Returns:
        The means, shape (n, latent), and the one covariance, shape (latent, latent).
    """
    return (x - values["loc"]) @ encoder(values).T, np.linalg.inv(precision(values))


def mean_field_sd(values: Arrays) -> np.ndarray:
    """Return the sds of the best mean-field guide, scale / √M_jj, shape (latent,); its mean is the posterior's."""
    return np.diagonal(precision(values)) ** -0.5


def mean_field_gap(values: Arrays) -> float:
    """Return log p(x) less the best mean-field ELBO, ½(Σ log M_jj - log|M|), the same for every row, in nats.

    It is 0 where the columns of W are orthogonal, and only there (Hadamard's inequality).
    """
    rate = precision(values)
    return float(0.5 * (np.log(np.diagonal(rate)).sum() - np.linalg.slogdet(rate)[1]))


def rank_gap(values: Arrays, rank: int, covariance_x: np.ndarray | None = None) -> float:
    """Return the amortization gap of an affine encoder that passes through `rank` numbers, in nats a row.

    A guide with the right variances and the mean m̂ in place of the posterior's m loses ½(m - m̂)ᵀΛ(m - m̂).
    Over m̂ = A x + b with A of that rank, the mean of this is least where Λ^½ m̂ keeps the first principal axes
    of Λ^½ m: what is lost is half the sum of the other eigenvalues of Λ^½ Cov(m) Λ^½.

    Args:
        values: "weight", "loc" and "scale".
        rank: of the encoder; from `latent` on the gap is 0.
        covariance_x: of the rows that are averaged over, shape (D, D), such as np.cov(x.T, bias=True); the
            model's own unless given.
    """
    rows = covariance(values) if covariance_x is None else covariance_x
    linear = np.linalg.cholesky(precision(values)).T @ encoder(values)
    eigenvalues = np.linalg.eigvalsh(linear @ rows @ linear.T)[::-1]
    return float(0.5 * eigenvalues[rank:].clip(0).sum())


def evidence(data: Arrays, *, latent: int = 2, D: int = 4) -> None:
    """Return None: without a prior on the parameters there is no evidence."""


def posterior(data: Arrays, *, latent: int = 2, D: int = 4) -> None:
    """Return None: there are no global latents."""


def best_weight(covariance_x: np.ndarray, scale: float, latent: int) -> np.ndarray:
    """Return the likeliest weight at a fixed scale, shape (D, latent), columns in order of length.

    Column j is √(λ_j - scale²) along the j-th principal axis, and 0 where λ_j ≤ scale²: it has collapsed.

    Args:
        covariance_x: of the rows, divided by n, shape (D, D).
        scale: standard deviation of the noise.
        latent: number of columns; those beyond D are 0.
    """
    eigenvalues, axes = np.linalg.eigh(covariance_x)
    kept = np.sqrt(np.maximum(eigenvalues[::-1] - scale**2, 0.0)) * axes[:, ::-1]
    return np.pad(kept, ((0, 0), (0, max(0, latent - len(kept)))))[:, :latent]


def fit(data: Arrays, *, latent: int = 2, D: int = 4) -> dict[str, np.ndarray] | None:
    """Return the maximum likelihood estimate, its columns along the principal axes (Tipping and Bishop 1999).

    As many codes as columns, or more, leave scale undetermined; the estimate is then that of D - 1 codes,
    which is one of the maxima, and the other columns of weight are 0.

    Args:
        data: {"x": rows, shape (n, D)}.
        latent, D: the model's options.

    Returns:
        "weight" (D, latent), "loc" (D,), "scale" (); or None where `latent` axes hold all of the rows: the
        likelihood then grows without bound as scale falls to 0.
    """
    x = data["x"]
    covariance_x = np.cov(x.T, bias=True).reshape(x.shape[1], x.shape[1])
    eigenvalues = np.linalg.eigvalsh(covariance_x)
    variance = float(eigenvalues[: max(1, x.shape[1] - latent)].mean())
    # Where the rows fill no more axes than are kept, the discarded eigenvalues are rounding, of either sign.
    if variance <= 1e-13 * max(float(eigenvalues[-1]), float(np.finfo(float).tiny)):
        return None
    scale = variance**0.5
    return {"weight": best_weight(covariance_x, scale, latent), "loc": x.mean(0), "scale": np.asarray(scale)}
