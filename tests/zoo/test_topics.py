"""Topics in words: coherence and perplexity by hand; document completion on documents of known topics."""

from itertools import permutations

import numpy as np
import pytest

import zoo
from zoo import topics
from zoo.models.lda.data import simulate, true_topics

K, V, LENGTH = 3, 30, 60


@pytest.fixture(scope="module")
def documents():
    x = simulate(0, 300, K=K, V=V, alpha=0.3, length=LENGTH)["x"]
    return {"x": x[:200]}, {"x": x[200:]}


@pytest.fixture(scope="module")
def runs(backends_here, documents):
    how = {"K": K, "alpha": 0.3, "num_steps": 400, "learning_rate": 0.05, "seed": 1, "num_draws": 40}
    return {b: zoo.fit("lda", data=documents[0], backend=b, local="coordinate", **how) for b in backends_here}


def test_coherence_by_hand():
    """Four texts; topic 0's words are in {0, 1} and {0, 2} together, topic 1's pair in all of them."""
    x = np.array([[1, 2, 0, 1, 1], [1, 0, 0, 1, 1], [0, 1, 1, 1, 2], [0, 0, 0, 1, 1]])
    words = np.array([[0.5, 0.3, 0.2, 0.0, 0.0], [0.0, 0.0, 0.0, 0.6, 0.4]])
    # Pairs (0, 1): both 1/4, alone 1/2 and 1/2, independent. (0, 2): never. (1, 2): both 1/4, alone 1/2 and 1/4.
    expected = (0.0 + -1.0 + np.log(0.25 / 0.125) / -np.log(0.25)) / 3
    assert topics.coherence(words[:1], x, 3) == pytest.approx([expected])
    assert topics.coherence(words[1:], x, 2) == pytest.approx([0.0])


def test_halves_deal_every_word_once():
    x = np.random.default_rng(0).poisson(2.0, (50, 6)).astype(float)
    first, second = topics.halves(x, 3)
    assert np.all(first + second == x)
    assert np.all((first >= 0) & (second >= 0))
    assert first.sum(1) == pytest.approx(x.sum(1) // 2)
    assert not np.array_equal(first, topics.halves(x, 4)[0])


def test_perplexity_is_the_geometric_mean_of_the_words_odds():
    x, shares = np.array([[2.0, 0, 1]]), np.array([[0.5, 0.5]])
    words = np.array([[0.6, 0.2, 0.2], [0.2, 0.2, 0.6]])
    assert topics.perplexity(x, shares, words) == pytest.approx((0.4 * 0.4 * 0.4) ** (-1 / 3))


@pytest.mark.long
def test_learnt_topics_complete_documents_as_well_as_the_true_ones(runs, documents):
    """The best that any shares of the true topics do on the second halves is below; their frequencies are far above."""
    _, held_out = documents
    _, second = topics.halves(held_out["x"])
    true = true_topics(K, V)
    alone = topics.perplexity(second, np.ones((100, 1)), documents[0]["x"].sum(0, keepdims=True) / 200 / LENGTH)
    for run in runs.values():
        found = topics.completion(run, held_out)
        shares = run.represent({"x": held_out["x"] - second})
        assert found == topics.perplexity(second, shares, run.relabelled["topics"].mean((0, 1)))
        # The true topics, at the shares that the classic updates give the first halves.
        exact = run.model.exact
        gamma, _ = exact.uncollapsed(held_out["x"] - second, {"topics": true}, **run.model.options)
        best = topics.perplexity(second, gamma / gamma.sum(1, keepdims=True), true)
        assert found < best * 1.1
        assert found < alone * 0.8


def test_shares_and_topics_have_one_order(runs, documents):
    """Whatever order relabelling gives the topics, a document's shares come in it."""
    train, _ = documents
    for run in runs.values():
        shares, words = run.represent(train), run.relabelled["topics"].mean((0, 1))
        here = topics.perplexity(train["x"], shares, words)
        others = [topics.perplexity(train["x"], shares[:, list(p)], words) for p in permutations(range(K))]
        assert here == min(others)
        assert sorted(others)[1] > here * 1.05
        assert not np.array_equal(run.order, np.arange(K))


def test_documents_too_many_to_compute_are_bounded(runs, documents, monkeypatch):
    """A few documents' density is exact at each draw of the topics; by importance sampling it is the same, or below."""
    few = {"x": documents[0]["x"][:10]}
    for run in runs.values():
        assert run.log_likelihood_draws() is None
        assert run.evidence() is None
        known = run.log_likelihood(few)
        assert known.method == "posterior predictive, 40 draws"
        with monkeypatch.context() as patched:
            patched.setattr(run.model.exact, "MOST_ROWS", 0)
            bound = run.log_likelihood(few, num_draws=400)
        assert bound.method == "importance sampling, 400 draws"
        off = bound.value - known.value
        # 20 comparisons at 4.5 of their errors: a false alarm in 15,000, were they normal.
        assert np.all(np.abs(off) < 4.5 * np.hypot(bound.error, known.error))


def test_the_learnt_concentration_is_the_bounds_own_maximum(documents, backend):
    """In the mean over the guide's topics neither a much smaller nor a much larger one has the higher bound."""
    how = {"K": K, "num_steps": 400, "learning_rate": 0.05, "num_draws": 10, "local": "coordinate"}
    run = zoo.fit("lda", data=documents[0], backend=backend, estimate="alpha", alpha=1.0, **how)
    found = float(run.params["concentration"])

    def top(alpha):
        each = ({"topics": t.astype(float), "concentration": alpha} for t in run.flat["topics"])
        return sum(run.model.exact.uncollapsed(documents[0]["x"], v, **run.model.options)[1].sum() for v in each)

    assert top(found) > max(top(found / 1.5), top(found * 1.5))
