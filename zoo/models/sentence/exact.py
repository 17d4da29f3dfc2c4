"""What is known exactly of sentences of one topic: densities always, the evidence of few of them.

Topics integrate out: what words a set of sentences of one topic has among them is Dirichlet-multinomial. The
evidence is then a sum over all Kⁿ allocations of sentences to topics, as in `gmm_bayes`.

Every function takes the model's options as keywords; an unknown one raises TypeError.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import gammaln, logsumexp, xlogy

from zoo.models.gmm_bayes.exact import MOST_ROWS, all_sets, sum_over_allocations

Arrays = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Options:
    """The model's options."""

    K: int = 5
    V: int = 120
    alpha: float = 1.0
    eta: float = 0.5
    length: int = 40


def log_dirichlet(probs: np.ndarray, concentration: float) -> np.ndarray:
    """Return the log density of a symmetric Dirichlet distribution at probs (…, V), shape (…)."""
    size = np.shape(probs)[-1]
    norm = gammaln(size * concentration) - size * gammaln(concentration)
    return np.asarray(norm + xlogy(concentration - 1, probs).sum(-1))


def log_words(x: np.ndarray, topics: np.ndarray) -> np.ndarray:
    """Return Σ_v x_iv log topics_kv of each sentence in each topic, shape (n, K)."""
    return np.asarray(xlogy(x[:, None], topics).sum(-1))


def log_joint(values: Arrays, data: Arrays, **options: Any) -> dict[str, float]:
    """Return the log density by sample site.

    Args:
        values: "weights" (K,), "topics" (K, V) and the topics of the sentences, "z" (n,).
        data: {"x": counts, shape (n, V)}.
        options: the model's.

    Returns:
        Summed log density of each latent, and of "x".
    """
    o = Options(**options)
    z = np.asarray(values["z"], dtype=int)
    sites = {
        "weights": log_dirichlet(values["weights"], o.alpha),
        "topics": log_dirichlet(values["topics"], o.eta).sum(),
        "z": np.log(values["weights"])[z].sum(),
        "x": log_words(data["x"], values["topics"])[np.arange(len(z)), z].sum(),
    }
    return {name: float(value) for name, value in sites.items()}


def log_weighted(x: np.ndarray, values: Arrays) -> np.ndarray:
    """Return log π_k + log p(x_i | topic k), shape (n, K)."""
    return np.log(values["weights"]) + log_words(x, values["topics"])


def log_likelihood(x: np.ndarray, values: Arrays, **options: Any) -> np.ndarray:
    """Return log Σ_k π_k p(x_i | topic k) of each sentence at given global latents, shape (n,), in nats.

    >>> topics = np.array([[0.7, 0.2, 0.1], [0.1, 0.3, 0.6]])
    >>> values = {"weights": np.array([0.5, 0.5]), "topics": topics}
    >>> log_likelihood(np.array([[2.0, 0.0, 1.0]]), values).round(6)  # log ½(0.049 + 0.006)
    array([-3.593569])
    """
    Options(**options)
    return logsumexp(log_weighted(x, values), axis=1)


def responsibilities(x: np.ndarray, values: Arrays, **options: Any) -> np.ndarray:
    """Return p(z_i = k | x_i, global latents), shape (n, K)."""
    Options(**options)
    weighted = log_weighted(x, values)
    return np.exp(weighted - logsumexp(weighted, axis=1, keepdims=True))


def log_marginal(counts: np.ndarray, eta: float) -> np.ndarray:
    """Return the log density of words in their order, all of one topic that is integrated out.

    Args:
        counts: how often each word comes up in each set of sentences, shape (sets, V).
        eta: concentration of the topic's words.

    Returns:
        Shape (sets,), in nats; 0 for a set without words.
    """
    size = counts.shape[-1]
    each = (gammaln(eta + counts) - gammaln(eta)).sum(-1)
    return np.asarray(each + gammaln(size * eta) - gammaln(size * eta + counts.sum(-1)))


def evidence(data: Arrays, **options: Any) -> float | None:
    """Return log p(x) in nats: for one topic, or for at most 10 sentences, else None.

    Args:
        data: {"x": counts, shape (n, V)}.
        options: the model's.

    >>> round(evidence({"x": np.eye(2)}, K=2, V=2, eta=1.0), 6)  # log(⅔ · ⅙ + ⅓ · ¼)
    -1.637609
    """
    o, x = Options(**options), data["x"]
    if o.K == 1:
        return float(log_marginal(x.sum(0)[None], o.eta)[0])
    if len(x) > MOST_ROWS:
        return None
    return sum_over_allocations(log_marginal(all_sets(len(x)) @ x, o.eta), o.K, o.alpha)


def posterior(data: Arrays, **options: Any) -> dict[str, dict[str, np.ndarray]] | None:
    """Return posterior mean and sd by latent for one topic, else None.

    With more topics the posterior is the same for every labelling, and its moments say nothing.

    Args:
        data: {"x": counts, shape (n, V)}.
        options: the model's.

    Returns:
        "mean" and "sd" of "weights" (1,) and "topics" (1, V).
    """
    o = Options(**options)
    if o.K > 1:
        return None
    shape = o.eta + data["x"].sum(0)[None]
    total = shape.sum(-1, keepdims=True)
    mean = shape / total
    return {
        "weights": {"mean": np.ones(1), "sd": np.zeros(1)},
        "topics": {"mean": mean, "sd": np.sqrt(mean * (1 - mean) / (total + 1))},
    }


def fit(data: Arrays, **options: Any) -> None:
    """Return None: there are no parameters to learn by maximum likelihood."""
    Options(**options)
