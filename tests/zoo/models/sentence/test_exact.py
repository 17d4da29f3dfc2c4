"""Sentences of one topic: densities and evidence, each computed in a second way."""

from itertools import product

import numpy as np
import pytest
from scipy.special import logsumexp
from scipy.stats import dirichlet

from zoo.models.sentence import exact
from zoo.models.sentence.data import simulate

X = np.array([[2.0, 0, 1], [0, 3, 0], [1, 1, 1], [0, 0, 2]])
OPTIONS = {"V": 3, "alpha": 0.7, "eta": 0.4}
TOPICS = np.array([[0.7, 0.2, 0.1], [0.1, 0.3, 0.6]])


def urn(tokens: list[int], concentration: float, size: int) -> float:
    """log p of tokens in their order, one after the other, by Pólya's urn."""
    counts, total = np.zeros(size), 0.0
    for token in tokens:
        total += np.log((counts[token] + concentration) / (counts.sum() + size * concentration))
        counts[token] += 1
    return total


def tokens(rows: np.ndarray) -> list[int]:
    return [v for row in rows for v, count in enumerate(row) for _ in range(int(count))]


@pytest.mark.parametrize(("rows", "K"), [(1, 2), (2, 3), (4, 2), (4, 3), (3, 1)])
def test_evidence_is_the_sum_over_all_allocations(rows, K):
    x, terms = X[:rows], []
    for labels in product(range(K), repeat=rows):
        z = np.array(labels)
        words = sum(urn(tokens(x[z == k]), OPTIONS["eta"], 3) for k in range(K))
        terms.append(urn(list(labels), OPTIONS["alpha"], K) + words)
    assert exact.evidence({"x": x}, K=K, **OPTIONS) == pytest.approx(logsumexp(terms), rel=1e-10)


def test_all_sentences_of_three_words_sum_to_one():
    values, orders = {"weights": np.array([0.3, 0.7]), "topics": TOPICS}, list(product(range(3), repeat=3))
    x = np.array([np.bincount(order, minlength=3) for order in orders], float)
    assert np.exp(exact.log_likelihood(x, values)).sum() == pytest.approx(1)
    assert sum(np.exp(exact.evidence({"x": row[None]}, K=2, **OPTIONS)) for row in x) == pytest.approx(1)


def test_more_than_ten_sentences_are_not_summed_but_for_one_topic():
    x = simulate(0, 11, V=4)["x"]
    assert exact.evidence({"x": x}, K=2, V=4) is None
    assert exact.evidence({"x": x}, K=1, V=4) == pytest.approx(urn(tokens(x), 0.5, 4), rel=1e-10)


def test_log_joint_by_hand():
    values = {"weights": np.array([0.3, 0.7]), "topics": TOPICS, "z": np.array([0, 1, 1, 0])}
    found = exact.log_joint(values, {"x": X}, K=2, **OPTIONS)
    assert list(found) == ["weights", "topics", "z", "x"]
    assert found["weights"] == pytest.approx(dirichlet.logpdf([0.3, 0.7], [0.7, 0.7]), rel=1e-12)
    assert found["topics"] == pytest.approx(sum(dirichlet.logpdf(t, [0.4] * 3) for t in TOPICS), rel=1e-12)
    assert found["z"] == pytest.approx(2 * np.log(0.3) + 2 * np.log(0.7), rel=1e-12)
    rows = [sum(np.log(TOPICS[k])[v] for v in tokens(x[None])) for x, k in zip(X, values["z"], strict=True)]
    assert found["x"] == pytest.approx(sum(rows), rel=1e-12)
    weighted = np.log([0.3, 0.7]) + X @ np.log(TOPICS).T
    assert exact.log_likelihood(X, values, K=2) == pytest.approx(logsumexp(weighted, 1), rel=1e-12)
    shares = np.exp(weighted - logsumexp(weighted, 1, keepdims=True))
    assert exact.responsibilities(X, values, K=2) == pytest.approx(shares, abs=1e-12)


def test_posterior_of_one_topic_is_the_urns_mean():
    found = exact.posterior({"x": X}, K=1, **OPTIONS)
    after = [np.exp(urn([*tokens(X), v], 0.4, 3) - urn(tokens(X), 0.4, 3)) for v in range(3)]
    assert found["topics"]["mean"][0] == pytest.approx(after)
    twice = [np.exp(urn([*tokens(X), v, v], 0.4, 3) - urn(tokens(X), 0.4, 3)) for v in range(3)]
    assert found["topics"]["sd"][0] ** 2 == pytest.approx(np.array(twice) - np.array(after) ** 2)
    assert exact.posterior({"x": X}, K=2, **OPTIONS) is None


def test_a_word_that_cannot_come_up_costs_nothing_until_it_does():
    values = {"weights": np.array([1.0]), "topics": np.array([[1.0, 0.0]])}
    with np.errstate(divide="ignore"):
        found = exact.log_likelihood(np.array([[3.0, 0.0], [3.0, 1.0]]), values, K=1, V=2)
    assert found.tolist() == [0.0, -np.inf]
