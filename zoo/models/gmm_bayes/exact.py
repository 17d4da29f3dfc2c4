"""What is known exactly of the Bayesian mixture: densities always, the evidence of few rows.

With diagonal covariances each component's parameters integrate out, so that the evidence is a sum over all
Kⁿ allocations of rows to components. The symmetric Dirichlet-multinomial and the marginal likelihoods are
products over components, so that sum is a K-fold subset convolution: 3ⁿ K terms.

Every function takes the model's options as keywords; an unknown one raises TypeError.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import gammaln, logsumexp
from scipy.stats import halfnorm, invgamma, norm

from zoo.models.gmm.exact import log_normal

Arrays = Mapping[str, np.ndarray]
LOG_2PI = float(np.log(2 * np.pi))
MOST_ROWS = 10


@dataclass(frozen=True)
class Options:
    """The model's options; `center`, `spread` and `location_sd` are numbers or one by column."""

    K: int = 2
    D: int = 2
    covariance: str = "diagonal"
    alpha: float = 1.0
    center: float | Sequence[float] = 0.0
    spread: float | Sequence[float] = 1.0
    kappa0: float = 0.1
    a0: float = 2.0
    b0: float = 0.2
    location_sd: float | Sequence[float] = 1.0
    eta: float = 1.0

    @property
    def rate(self) -> np.ndarray:
        """The scale of the variances' prior, in squared units of x; a scalar or (D,)."""
        return self.b0 * np.asarray(self.spread) ** 2


def scale_tril(values: Arrays) -> np.ndarray:
    """Return the Cholesky factors of the components' covariances, shape (K, D, D)."""
    if "variance" in values:
        sd = np.sqrt(values["variance"])
        return sd[..., None] * np.eye(sd.shape[-1])
    return np.asarray(values["scale"])[..., None] * values["corr"]


def log_lkj_cholesky(corr: np.ndarray, eta: float) -> np.ndarray:
    """Return the LKJ log density of Cholesky factors of correlations, shape (K,).

    Row i (from 1) of the factor is a unit vector with i - 1 free entries w, and the density is
    ∏ (1 - |w|²)^β with β = (D - i) / 2 + eta - 1, each row normalised over the unit ball (Lewandowski,
    Kurowicka and Joe 2009, section 3.2).

    Args:
        corr: Cholesky factors, shape (K, D, D).
        eta: concentration; 1 is uniform over correlation matrices.
    """
    size = corr.shape[-1]
    free = np.arange(1, size)
    beta = (size - 1 - free) / 2 + eta - 1
    log_ball = free / 2 * np.log(np.pi) + gammaln(beta + 1) - gammaln(beta + 1 + free / 2)
    diagonal = np.diagonal(corr, axis1=-2, axis2=-1)[..., 1:]
    return (2 * beta * np.log(diagonal) - log_ball).sum(-1)


def log_joint(values: Arrays, data: Arrays, **options: Any) -> dict[str, float]:
    """Return the log density by sample site.

    Args:
        values: "weights" (K,), "loc" (K, D), "variance" (K, D) or "scale" (K, D) and "corr" (K, D, D),
            and the labels "z" (n,).
        data: {"x": rows, shape (n, D)}.
        options: the model's.

    Returns:
        Summed log density of each latent, and of "x".
    """
    o = Options(**options)
    z = np.asarray(values["z"], dtype=int)
    by_component = log_normal(data["x"], values["loc"], scale_tril(values))
    sites = {"weights": _log_dirichlet(values["weights"], o.alpha)}
    if o.covariance == "diagonal":
        variance = values["variance"]
        sites["variance"] = invgamma.logpdf(variance, o.a0, scale=o.rate).sum()
        sites["loc"] = norm.logpdf(values["loc"], o.center, np.sqrt(variance / o.kappa0)).sum()
    else:
        sites["loc"] = norm.logpdf(values["loc"], o.center, o.location_sd).sum()
        sites["scale"] = halfnorm.logpdf(values["scale"], scale=o.spread).sum()
        sites["corr"] = log_lkj_cholesky(values["corr"], o.eta).sum()
    sites["z"] = np.log(values["weights"])[z].sum()
    sites["x"] = by_component[np.arange(len(z)), z].sum()
    return {name: float(value) for name, value in sites.items()}


def _log_dirichlet(weights: np.ndarray, alpha: float) -> float:
    count = len(weights)
    return float(gammaln(count * alpha) - count * gammaln(alpha) + (alpha - 1) * np.log(weights).sum())


def log_weighted(x: np.ndarray, values: Arrays) -> np.ndarray:
    """Return log π_k + log N(x_i | k), shape (n, K)."""
    return np.log(values["weights"]) + log_normal(x, values["loc"], scale_tril(values))


def log_likelihood(x: np.ndarray, values: Arrays, **options: Any) -> np.ndarray:
    """Return log Σ_k π_k N(x_i | k) of each row at given global latents, shape (n,), in nats."""
    Options(**options)
    return logsumexp(log_weighted(x, values), axis=1)


def responsibilities(x: np.ndarray, values: Arrays, **options: Any) -> np.ndarray:
    """Return p(z_i = k | x_i, global latents), shape (n, K)."""
    Options(**options)
    weighted = log_weighted(x, values)
    return np.exp(weighted - logsumexp(weighted, axis=1, keepdims=True))


def log_marginal(member: np.ndarray, x: np.ndarray, o: Options) -> np.ndarray:
    """Return the log marginal likelihood of sets of rows, each set drawn from one component.

    Args:
        member: which rows are in each set, shape (sets, n), booleans.
        x: rows, shape (n, D).
        o: the model's options, covariance "diagonal".

    Returns:
        Shape (sets,), in nats; 0 for the empty set.
    """
    n = member.sum(1)[:, None]
    off = x - np.asarray(o.center)
    mean = member @ off / np.maximum(n, 1)
    squares = np.stack([((off - m) ** 2)[rows].sum(0) for rows, m in zip(member, mean, strict=True)])
    kappa, shape = o.kappa0 + n, o.a0 + n / 2
    rate = o.rate + 0.5 * squares + 0.5 * o.kappa0 * n * mean**2 / kappa
    by_column = (
        gammaln(shape)
        - gammaln(o.a0)
        + o.a0 * np.log(o.rate)
        - shape * np.log(rate)
        + 0.5 * np.log(o.kappa0 / kappa)
        - 0.5 * n * LOG_2PI
    )
    return by_column.sum(1)


def evidence(data: Arrays, **options: Any) -> float | None:
    """Return log p(x) in nats: for one component, or for at most 10 rows.

    Args:
        data: {"x": rows, shape (n, D)}.
        options: the model's.

    Returns:
        None for full covariances, and for more rows with K > 1: their evidence is not known in closed form.

    >>> x = np.array([[-1.0], [1.5]])
    >>> round(evidence({"x": x}, K=1, D=1), 6), round(evidence({"x": x}, K=3, D=1), 6)
    (-7.591128, -4.276296)
    """
    o, x = Options(**options), data["x"]
    n = len(x)
    if o.covariance != "diagonal" or (o.K > 1 and n > MOST_ROWS):
        return None
    if o.K == 1:
        return float(log_marginal(np.ones((1, n), bool), x, o)[0])
    sets = all_sets(n)
    return sum_over_allocations(log_marginal(sets, x, o), o.K, o.alpha)


def all_sets(n: int) -> np.ndarray:
    """Return which of n rows are in each of their 2ⁿ sets, booleans (2ⁿ, n); set m holds the bits of m."""
    return np.asarray(np.arange(2**n)[:, None] >> np.arange(n) & 1 == 1)


def sum_over_allocations(log_marginals: np.ndarray, K: int, alpha: float) -> float:
    """Return the evidence of rows allocated to K exchangeable components, in nats.

    Args:
        log_marginals: of each set in `all_sets`, drawn from one component (2ⁿ,).
        K: number of components.
        alpha: concentration of the symmetric Dirichlet prior of their shares.
    """
    n = len(log_marginals).bit_length() - 1
    term = log_marginals + gammaln(alpha + all_sets(n).sum(1)) - gammaln(alpha)
    whole, part = subsets(n)
    starts = np.flatnonzero(np.diff(whole, prepend=-1))
    total = term
    for _ in range(K - 1):
        total = np.logaddexp.reduceat(total[part] + term[whole - part], starts)
    return float(total[-1] + gammaln(K * alpha) - gammaln(K * alpha + n))


def subsets(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Return every (set, subset of it) as bit masks, 3ⁿ pairs in the order of the sets."""
    whole = part = np.zeros(1, int)
    for bit in 1 << np.arange(n):
        whole = np.concatenate([whole, whole + bit, whole + bit])
        part = np.concatenate([part, part, part + bit])
    order = np.argsort(whole, kind="stable")
    return whole[order], part[order]


def posterior(data: Arrays, **options: Any) -> dict[str, dict[str, np.ndarray]] | None:
    """Return posterior mean and sd by latent for one component with a diagonal covariance, else None.

    With more components the posterior is the same for every labelling, and its moments say nothing.

    Args:
        data: {"x": rows, shape (n, D)}.
        options: the model's.

    Returns:
        "mean" and "sd" of "weights" (1,), "variance" (1, D) and "loc" (1, D).
    """
    o, x = Options(**options), data["x"]
    if o.covariance != "diagonal" or o.K > 1:
        return None
    n, mean = len(x), x.mean(0)
    kappa, shape = o.kappa0 + n, o.a0 + n / 2
    off = o.kappa0 * n * (mean - np.asarray(o.center)) ** 2 / kappa
    rate = o.rate + 0.5 * ((x - mean) ** 2).sum(0) + 0.5 * off
    variance = rate / (shape - 1) if shape > 1 else np.full_like(rate, np.inf)
    variance_sd = variance / np.sqrt(shape - 2) if shape > 2 else np.full_like(rate, np.inf)
    loc = (o.kappa0 * np.asarray(o.center) + n * mean) / kappa
    return {
        "weights": {"mean": np.ones(1), "sd": np.zeros(1)},
        "variance": {"mean": variance[None], "sd": variance_sd[None]},
        "loc": {"mean": loc[None], "sd": np.sqrt(variance / kappa)[None]},
    }


def fit(data: Arrays, **options: Any) -> None:
    """Return None: there are no parameters to learn by maximum likelihood."""
    Options(**options)
