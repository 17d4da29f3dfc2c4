"""What is known exactly of latent Dirichlet allocation: documents at given topics, tiny sets, the classic bound.

The words' shares theta integrate out: given the topics of its words, a document's density is Dirichlet-multinomial in
how many words each topic has. Summed over the words' topics it is a polynomial,

    ∏_v (Σ_k β_kv θ_k)^{x_v} = Σ_n c_n θ₁^{n₁} … θ_K^{n_K},   p(x | β) = Σ_n c_n · B(α + n) / B(α),

whose terms are as many as there are ways to deal N words to K topics.

Every function takes the model's options as keywords; an unknown one raises TypeError.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from scipy.special import digamma, gammaln, logsumexp, xlogy

from zoo.models.sentence.exact import log_dirichlet, log_marginal

Arrays = Mapping[str, np.ndarray]
MOST_ROWS = 5_000  # that a run has computed: some milliseconds each
MOST_TERMS = 200_000  # of one document's polynomial, as an array: (N + 1)^(K - 1)
ITERATIONS = 50  # of the classic updates, from an even start: a story is then 0.01 nats below its top in the mean
TINY = np.finfo(float).tiny
MOST_ALLOCATIONS = 65_536  # of the words of a set of documents to topics: Kᴺ


@dataclass(frozen=True)
class Options:
    """The model's options."""

    K: int = 10
    V: int = 120
    alpha: float = 0.2
    eta: float = 0.2
    estimate: str = "nothing"
    length: int = 40


def concentration(values: Arrays, o: Options) -> float:
    """Return the concentration of a document's shares: learnt, or the option."""
    return float(values["concentration"]) if o.estimate == "alpha" else o.alpha


def log_joint(values: Arrays, data: Arrays, **options: Any) -> dict[str, float]:
    """Return the log density by sample site.

    Args:
        values: "topics" (K, V), "theta" (n, K), and "concentration" () where it is learnt.
        data: {"x": counts, shape (n, V)}.
        options: the model's.

    Returns:
        Summed log density of each latent, and of "x", the words' topics summed out.
    """
    o = Options(**options)
    sites = {
        "topics": log_dirichlet(values["topics"], o.eta).sum(),
        "theta": log_dirichlet(values["theta"], concentration(values, o)).sum(),
        "x": xlogy(data["x"], values["theta"] @ values["topics"]).sum(),
    }
    return {name: float(value) for name, value in sites.items()}


def log_document(words: np.ndarray, topics: np.ndarray, alpha: float) -> float | None:
    """Return log p(words | topics) of one document, its shares integrated out; None where the terms are too many.

    Args:
        words: how often each word comes up (V,).
        topics: probabilities of the words by topic (K, V).
        alpha: concentration of the shares.
    """
    K, N = len(topics), round(float(words.sum()))
    if (N + 1) ** (K - 1) > MOST_TERMS:
        return None
    # The polynomial's coefficients by the words that topics 2 … K have; topic 1 has the rest.
    polynomial, log_scale = np.zeros((N + 1,) * (K - 1)), 0.0
    polynomial[(0,) * (K - 1)] = 1.0
    for v in np.repeat(np.arange(len(words)), np.round(words).astype(int)):
        grown = topics[0, v] * polynomial
        for k in range(1, K):
            # No roll is ever past the end: after j words a topic has at most j.
            grown += topics[k, v] * np.roll(polynomial, 1, axis=k - 1)
        log_scale += np.log(grown.max())
        polynomial = grown / grown.max()
    others = np.stack(np.meshgrid(*[np.arange(N + 1)] * (K - 1), indexing="ij"))
    dealt = others.sum(0) <= N
    counts = np.concatenate([(N - others.sum(0))[dealt][None], others[:, dealt]])
    log_moment = gammaln(K * alpha) - gammaln(K * alpha + N) + (gammaln(alpha + counts) - gammaln(alpha)).sum(0)
    with np.errstate(divide="ignore"):
        return float(log_scale + logsumexp(np.log(polynomial[dealt]) + log_moment))


def log_likelihood(x: np.ndarray, values: Arrays, **options: Any) -> np.ndarray | None:
    """Return log p(x_i | topics) of each document, its shares and its words' topics summed out (n,), in nats.

    Returns:
        None where a document has too many words for that many topics.

    >>> topics = np.array([[0.7, 0.2, 0.1], [0.1, 0.3, 0.6]])
    >>> log_likelihood(np.array([[2.0, 0.0, 1.0]]), {"topics": topics}, K=2, V=3, alpha=0.5).round(6)
    array([-3.176056])
    """
    o = Options(**options)
    if (int(x.sum(1).max(initial=0)) + 1) ** (len(values["topics"]) - 1) > MOST_TERMS:
        return None
    alpha = concentration(values, o)
    return np.array([log_document(row, values["topics"], alpha) for row in x], dtype=float)


def uncollapsed(
    x: np.ndarray, values: Arrays, *, iterations: int = ITERATIONS, **options: Any
) -> tuple[np.ndarray, np.ndarray]:
    """Climb the bound of q(theta_i) ∏_j q(z_ij) to its top at given topics, by coordinate updates.

        q(z_ij = k) ∝ exp(ψ(γ_ik)) β_k,w_ij,    γ_ik = α + Σ_j q(z_ij = k)

    Args:
        x: counts (n, V).
        values: "topics" (K, V), and "concentration" () where it is learnt.
        iterations: updates from γ = α + N / K on.
        options: the model's.

    Returns:
        γ (n, K) and the bound (n,), in nats.

    >>> topics = np.array([[0.7, 0.2, 0.1], [0.1, 0.3, 0.6]])
    >>> found, bound = uncollapsed(np.array([[2.0, 0.0, 1.0]]), {"topics": topics}, K=2, V=3, alpha=0.5)
    >>> found.round(5), bound.round(6)
    (array([[2.70274, 1.29726]]), array([-3.558141]))
    """
    o, topics = Options(**options), values["topics"]
    alpha, K = concentration(values, o), len(topics)
    gamma = alpha + np.repeat(x.sum(1, keepdims=True) / K, K, 1)
    for _ in range(iterations):
        weight = np.exp(digamma(gamma))
        gamma = alpha + weight * ((x / np.maximum(weight @ topics, TINY)) @ topics.T)
    log_theta = digamma(gamma) - digamma(gamma.sum(1, keepdims=True))
    words = xlogy(x, np.exp(log_theta) @ topics).sum(1)
    prior = gammaln(K * alpha) - K * gammaln(alpha) + (alpha - 1) * log_theta.sum(1)
    entropy = gammaln(gamma).sum(1) - gammaln(gamma.sum(1)) - ((gamma - 1) * log_theta).sum(1)
    return gamma, words + prior + entropy


def evidence(data: Arrays, **options: Any) -> float | None:
    """Return log p(x) in nats, topics integrated out too: the sum over the topics of all words, where they are few.

    Args:
        data: {"x": counts, shape (n, V)}.
        options: the model's; with a learnt concentration there is no evidence without its value, hence None.

    >>> round(evidence({"x": np.array([[1.0, 1.0]])}, K=2, V=2, alpha=1.0, eta=1.0), 6)  # log(⅔ · ⅙ + ⅓ · ¼)
    -1.637609
    """
    o, x = Options(**options), np.round(data["x"]).astype(int)
    if o.estimate == "alpha" or o.K ** int(x.sum()) > MOST_ALLOCATIONS:
        return None
    place = [(i, v) for i, row in enumerate(x) for v in np.repeat(np.arange(o.V), row)]
    terms = []
    for topics in product(range(o.K), repeat=len(place)):
        shares, words = np.zeros((len(x), o.K)), np.zeros((o.K, o.V))
        for (i, v), k in zip(place, topics, strict=True):
            shares[i, k] += 1
            words[k, v] += 1
        terms.append(log_marginal(shares, o.alpha).sum() + log_marginal(words, o.eta).sum())
    return float(logsumexp(terms))


def posterior(data: Arrays, **options: Any) -> None:
    """Return None: the topics' posterior is the same for every labelling, and its moments say nothing."""
    Options(**options)


def fit(data: Arrays, **options: Any) -> None:
    """Return None: maximum likelihood of the concentration has no closed form."""
    Options(**options)
