"""Latent Dirichlet allocation: densities, evidence and the classic bound, each computed in a second way."""

from itertools import product

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import digamma, gammaln, logsumexp, softmax
from scipy.stats import dirichlet

from zoo.models.lda import exact

TOPICS = np.array([[0.7, 0.2, 0.1], [0.1, 0.3, 0.6], [0.3, 0.3, 0.4]])
X = np.array([[2.0, 0, 1], [0, 3, 0], [1, 2, 4], [0, 0, 0]])


def tokens(row: np.ndarray) -> list[int]:
    return [v for v, count in enumerate(row) for _ in range(int(count))]


def urn(labels, concentration: float, size: int) -> float:
    """log p of labels one after the other, by Pólya's urn."""
    counts, total = np.zeros(size), 0.0
    for label in labels:
        total += np.log((counts[label] + concentration) / (counts.sum() + size * concentration))
        counts[label] += 1
    return total


@pytest.mark.parametrize("K", [2, 3])
def test_a_document_is_the_sum_over_its_words_topics(K):
    topics, alpha = TOPICS[:K], 0.35
    for row in X:
        words = tokens(row)
        deals = list(product(range(K), repeat=len(words)))
        terms = [urn(z, alpha, K) + np.log(topics[list(z), words]).sum() for z in deals]
        assert exact.log_document(row, topics, alpha) == pytest.approx(logsumexp(terms), rel=1e-12, abs=1e-12)


def test_a_long_document_is_known_too():
    """2,000 words: by quadrature over the one share that there is."""
    x, topics = np.array([900.0, 500, 600]), TOPICS[:2]
    share = (np.arange(400_000) + 0.5) / 400_000
    log_density = dirichlet.logpdf(np.stack([share, 1 - share]), [2.0, 2.0])
    terms = log_density + np.log(np.outer(share, topics[0]) + np.outer(1 - share, topics[1])) @ x
    assert exact.log_document(x, topics, 2.0) == pytest.approx(logsumexp(terms) - np.log(len(share)), abs=1e-6)


def test_all_documents_of_three_words_sum_to_one():
    x = np.array([np.bincount(order, minlength=3) for order in product(range(3), repeat=3)], float)
    assert np.exp(exact.log_likelihood(x, {"topics": TOPICS[:2]}, K=2, alpha=0.5)).sum() == pytest.approx(1)
    options = {"K": 2, "V": 3, "alpha": 0.5, "eta": 0.3}
    assert sum(np.exp(exact.evidence({"x": row[None]}, **options)) for row in x) == pytest.approx(1)


def test_evidence_is_the_sum_over_all_words_topics():
    """Of two documents of three words that share their topics, one word after the other by Pólya's urns."""
    words, alpha, eta, K = [tokens(row) for row in X[:2]], 0.6, 2.5, 2
    terms = []
    for z in product(range(K), repeat=6):
        shares = urn(z[:3], alpha, K) + urn(z[3:], alpha, K)
        topics = [[v for v, k in zip(words[0] + words[1], z, strict=True) if k == topic] for topic in range(K)]
        terms.append(shares + sum(urn(some, eta, 3) for some in topics))
    found = exact.evidence({"x": X[:2]}, K=K, V=3, alpha=alpha, eta=eta)
    assert found == pytest.approx(logsumexp(terms), rel=1e-12)


def test_what_takes_too_many_terms_is_not_answered():
    assert exact.log_likelihood(np.full((1, 3), 20.0), {"topics": np.tile(TOPICS, (2, 1))}, K=6) is None
    assert exact.evidence({"x": np.full((1, 3), 20.0)}, K=2, V=3) is None
    assert exact.evidence({"x": X}, K=2, V=3, estimate="alpha") is None


def test_log_joint_by_hand():
    theta = np.array([[0.2, 0.5, 0.3], [0.1, 0.1, 0.8], [0.6, 0.2, 0.2], [0.3, 0.3, 0.4]])
    values = {"topics": TOPICS, "theta": theta}
    found = exact.log_joint(values, {"x": X}, K=3, V=3, alpha=0.7, eta=0.4)
    assert list(found) == ["topics", "theta", "x"]
    assert found["topics"] == pytest.approx(sum(dirichlet.logpdf(t, [0.4] * 3) for t in TOPICS), rel=1e-12)
    assert found["theta"] == pytest.approx(sum(dirichlet.logpdf(t, [0.7] * 3) for t in theta), rel=1e-12)
    mixed = [np.log(t @ TOPICS[:, v]) for t, row in zip(theta, X, strict=True) for v in tokens(row)]
    assert found["x"] == pytest.approx(sum(mixed), rel=1e-12)
    learnt = exact.log_joint({**values, "concentration": np.array(1.3)}, {"x": X}, K=3, V=3, estimate="alpha")
    assert learnt["theta"] == pytest.approx(sum(dirichlet.logpdf(t, [1.3] * 3) for t in theta), rel=1e-12)


def textbook(free: np.ndarray, words: list[int], topics: np.ndarray, alpha: float) -> float:
    """The bound of q(theta) q(z₁) … q(z_N), term by term (Blei, Ng and Jordan 2003, equation 15)."""
    K = len(topics)
    gamma, phi = np.exp(free[:K]), softmax(free[K:].reshape(len(words), K), -1)
    log_theta = digamma(gamma) - digamma(gamma.sum())
    bound = gammaln(K * alpha) - K * gammaln(alpha) + (alpha - 1) * log_theta.sum()
    bound += (phi * (log_theta + np.log(topics[:, words]).T - np.log(phi))).sum()
    return float(bound - gammaln(gamma.sum()) + gammaln(gamma).sum() - ((gamma - 1) * log_theta).sum())


@pytest.mark.parametrize("document", [0, 2])
def test_the_classic_bound_is_the_top_of_the_textbooks(document):
    """Climbed by a general optimiser over q's own numbers, from four starts."""
    row, alpha, K = X[document], 0.5, 2
    words = tokens(row)
    rng, topics = np.random.default_rng(0), TOPICS[:2]
    starts = rng.normal(size=(4, K + K * len(words)))
    tops = [minimize(lambda f: -textbook(f, words, topics, alpha), s, options={"gtol": 1e-8}) for s in starts]
    gamma, bound = exact.uncollapsed(row[None], {"topics": topics}, K=2, V=3, alpha=alpha)
    assert bound[0] == pytest.approx(-min(t.fun for t in tops), abs=1e-8)
    assert gamma[0] == pytest.approx(np.exp(min(tops, key=lambda t: t.fun).x[:K]), rel=1e-4)
    assert bound[0] < exact.log_document(row, topics, alpha)
