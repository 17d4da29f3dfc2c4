"""What is known exactly of the Dirichlet process mixture: densities always, and all of few rows.

Each component's parameters integrate out, and so does each stick: given that r rows reach break k, t of them stay
with probability B(1 + t, alpha + r - t) / B(1, alpha). The sum over all Kⁿ allocations is then a recursion over the
sets of rows that are left, from the last component to the first: 3ⁿ K terms.

Every function takes the model's options as keywords; an unknown one raises TypeError.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import betaln, gammaln, logsumexp
from scipy.stats import beta, invgamma, norm

from zoo.models.gmm.exact import log_normal
from zoo.models.gmm_bayes import exact as mixture

Arrays = Mapping[str, np.ndarray]
MOST_ROWS = mixture.MOST_ROWS


@dataclass(frozen=True)
class Options:
    """The model's options; `center` and `spread` are numbers or one by column."""

    K: int = 10
    D: int = 1
    alpha: float = 1.0
    center: float | Sequence[float] = 0.0
    spread: float | Sequence[float] = 1.0
    kappa0: float = 0.1
    a0: float = 2.0
    b0: float = 0.2

    @property
    def component(self) -> mixture.Options:
        """The priors of one component's parameters, which are those of `gmm_bayes`."""
        return mixture.Options(center=self.center, spread=self.spread, kappa0=self.kappa0, a0=self.a0, b0=self.b0)


def log_weights(sticks: np.ndarray) -> np.ndarray:
    """Return the log of each piece of the stick, (…, K - 1) -> (…, K).

    >>> np.exp(log_weights(np.array([0.5, 0.5, 0.8]))).round(3)
    array([0.5 , 0.25, 0.2 , 0.05])
    """
    sticks = np.asarray(sticks, dtype=float)
    whole = np.zeros((*sticks.shape[:-1], 1))
    left = np.concatenate([whole, np.cumsum(np.log1p(-sticks), -1)], -1)
    return np.concatenate([np.log(sticks), whole], -1) + left


def log_joint(values: Arrays, data: Arrays, **options: Any) -> dict[str, float]:
    """Return the log density by sample site.

    Args:
        values: "sticks" (K - 1,), "variance" (K, D), "loc" (K, D) and the labels "z" (n,).
        data: {"x": rows, shape (n, D)}.
        options: the model's.

    Returns:
        Summed log density of each latent, and of "x".
    """
    o = Options(**options)
    z, variance = np.asarray(values["z"], dtype=int), values["variance"]
    sites = {
        "sticks": beta.logpdf(values["sticks"], 1, o.alpha).sum(),
        "variance": invgamma.logpdf(variance, o.a0, scale=o.component.rate).sum(),
        "loc": norm.logpdf(values["loc"], o.center, np.sqrt(variance / o.kappa0)).sum(),
        "z": log_weights(values["sticks"])[z].sum(),
        "x": norm.logpdf(data["x"], values["loc"][z], np.sqrt(variance[z])).sum(),
    }
    return {name: float(value) for name, value in sites.items()}


def log_weighted(x: np.ndarray, values: Arrays) -> np.ndarray:
    """Return log π_k + log N(x_i | k), shape (n, K)."""
    return log_weights(values["sticks"]) + log_normal(x, values["loc"], mixture.scale_tril(values))


def log_likelihood(x: np.ndarray, values: Arrays, **options: Any) -> np.ndarray:
    """Return log Σ_k π_k N(x_i | k) of each row at given global latents, shape (n,), in nats."""
    Options(**options)
    return logsumexp(log_weighted(x, values), axis=1)


def responsibilities(x: np.ndarray, values: Arrays, **options: Any) -> np.ndarray:
    """Return p(z_i = k | x_i, global latents), shape (n, K)."""
    Options(**options)
    weighted = log_weighted(x, values)
    return np.exp(weighted - logsumexp(weighted, axis=1, keepdims=True))


def evidence(data: Arrays, **options: Any) -> float | None:
    """Return log p(x) in nats, for at most 10 rows, else None.

    Args:
        data: {"x": rows, shape (n, D)}.
        options: the model's.

    >>> round(evidence({"x": np.array([[-1.0], [1.5]])}, K=3), 6)
    -4.389546
    """
    by_count = _by_occupied(data["x"], Options(**options))
    return None if by_count is None else float(logsumexp(by_count))


def occupied_posterior(data: Arrays, **options: Any) -> np.ndarray | None:
    """Return p(number of occupied components = j | x), j = 0 … K, for at most 10 rows, else None.

    Args:
        data: {"x": rows, shape (n, D)}.
        options: the model's.
    """
    by_count = _by_occupied(data["x"], Options(**options))
    return None if by_count is None else np.exp(by_count - logsumexp(by_count))


def _by_occupied(x: np.ndarray, o: Options) -> np.ndarray | None:
    """Return log p(x, j components are occupied), j = 0 … K."""
    n = len(x)
    if n > MOST_ROWS:
        return None
    sets = mixture.all_sets(n)
    term, count = mixture.log_marginal(sets, x, o.component), sets.sum(1)
    whole, part = mixture.subsets(n)
    starts = np.flatnonzero(np.diff(whole, prepend=-1))
    stay = betaln(1 + count[part], o.alpha + count[whole] - count[part]) - betaln(1, o.alpha)
    here = np.where(count[part] > 0, term[part] + stay, -np.inf)
    none = betaln(1, o.alpha + count) - betaln(1, o.alpha)
    # Entry (j, S): the rows of S reach the last component and occupy j.
    total = np.full((o.K + 1, 2**n), -np.inf)
    total[0, 0], total[1, 1:] = 0.0, term[1:]
    for _ in range(o.K - 1):
        before, total = total, none + total
        for j in range(1, o.K + 1):
            total[j] = np.logaddexp(total[j], np.logaddexp.reduceat(here + before[j - 1, whole - part], starts))
    return np.asarray(total[:, -1])


def occupied_prior(n: int, **options: Any) -> np.ndarray:
    """Return p(number of occupied components = j) of n rows before they are seen, j = 0 … K.

    Args:
        n: number of rows.
        options: the model's.

    >>> prior = occupied_prior(82, K=40)
    >>> round(float(prior @ np.arange(41)), 3), round(sum(1 / (1 + i) for i in range(82)), 3)
    (4.990, 4.990)
    """
    o = Options(**options)
    rows = np.arange(n + 1)
    reach, stay = rows[:, None], np.minimum(rows, rows[:, None])
    choose = gammaln(reach + 1) - gammaln(stay + 1) - gammaln(reach - stay + 1)
    p = np.exp(choose + betaln(1 + stay, o.alpha + reach - stay) - betaln(1, o.alpha)) * (rows <= reach)
    total = np.zeros((o.K + 1, n + 1))
    total[0, 0], total[1, 1:] = 1.0, 1.0
    for _ in range(o.K - 1):
        # Row j of `later` holds, for t rows that stay of r that reach a break, what the r - t others occupy.
        later = total[:, reach - stay] * p
        total = later[:, :, 0] + np.vstack([np.zeros(n + 1), later[:-1, :, 1:].sum(-1)])
    return total[:, n]


def posterior(data: Arrays, **options: Any) -> None:
    """Return None: moments by component depend on the order of the components."""
    Options(**options)


def fit(data: Arrays, **options: Any) -> None:
    """Return None: there are no parameters to learn by maximum likelihood."""
    Options(**options)
