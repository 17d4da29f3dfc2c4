"""What topics of words say: their likeliest words, whether these go together, and how well they foretell a text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import xlogy

from guides.families import generator

if TYPE_CHECKING:
    from zoo.run import Run


def top_words(topics: np.ndarray, words: Sequence[str], count: int = 8) -> list[list[str]]:
    """Return the most probable words of each topic, the likeliest first.

    Args:
        topics: probabilities of the words by topic, shape (K, V).
        words: what the V columns stand for.
        count: how many words of each topic.

    >>> top_words(np.array([[0.1, 0.6, 0.3], [0.5, 0.2, 0.3]]), ("pope", "king", "war"), 2)
    [['king', 'war'], ['pope', 'war']]
    """
    return [[words[v] for v in row] for row in _top(topics, count)]


def _top(topics: np.ndarray, count: int) -> np.ndarray:
    return np.argsort(-np.asarray(topics), axis=-1, kind="stable")[:, :count]


def coherence(topics: np.ndarray, x: np.ndarray, count: int = 8) -> np.ndarray:
    """Return how often the likeliest words of each topic are in one text: their normalised mutual information (K,).

        NPMI(v, w) = log(p_vw / (p_v p_w)) / −log p_vw

    over all pairs of a topic's `count` words, p being shares of the texts that have a word, or both. It is 1 where
    words come together only, 0 where they come independently, and −1 where never together.

    Args:
        topics: probabilities of the words by topic (K, V).
        x: counts by text (n, V); better not those that the topics were learnt from.
        count: how many words of each topic, at least 2.

    References:
        M. Röder, A. Both and A. Hinneburg, Exploring the space of topic coherence measures, WSDM 2015.

    >>> both, either = np.array([[1, 1, 0], [1, 1, 0], [0, 0, 1]]), np.array([[1, 0, 0], [0, 1, 0]])
    >>> words = np.array([[0.5, 0.4, 0.1]])
    >>> coherence(words, both, 2), coherence(words, either, 2)
    (array([1.]), array([-1.]))
    """
    there = (np.asarray(x) > 0).astype(float)
    found = []
    for words in _top(topics, count):
        together = there[:, words].T @ there[:, words] / len(there)
        alone = np.diag(together)
        pairs = np.triu_indices(len(words), 1)
        both, apart = together[pairs], np.outer(alone, alone)[pairs]
        with np.errstate(divide="ignore", invalid="ignore"):
            npmi = np.log(both / apart) / -np.log(both)
        # Two words that are in every text come together by chance alone; a pair that is in none has the lowest value.
        found.append(np.where(both == 0, -1.0, np.where(both == 1, 0.0, npmi)).mean())
    return np.array(found)


def halves(x: np.ndarray, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Deal each text's words to two halves at random; the second has the odd word.

    Args:
        x: counts (n, V).
        seed: of the dealing.

    Returns:
        Counts of either half, shape (n, V), whose sum is x.
    """
    rng, counts = generator(seed, "halves"), np.round(x).astype(np.int64)
    dealt = [rng.multivariate_hypergeometric(row, row.sum() // 2) for row in counts]
    first = np.stack(dealt).astype(float)
    return first, x - first


def perplexity(x: np.ndarray, shares: np.ndarray, topics: np.ndarray) -> float:
    """Return exp of minus the mean log probability of a word: among how many words one would as well guess blindly.

    Args:
        x: counts (n, V).
        shares: of the topics in each text (n, K).
        topics: probabilities of the words by topic (K, V).

    >>> perplexity(np.ones((1, 4)), np.ones((1, 1)), np.full((1, 4), 0.25))
    4.0
    """
    return float(np.exp(-xlogy(x, shares @ topics).sum() / x.sum()))


def completion(run: Run, data: Any, seed: int = 0) -> float:
    """Return the perplexity of half of each text's words, its topics being read off the other half.

    Document completion (Wallach and others 2009): no evidence of a held-out text is asked for, and topics of any
    model, however they were learnt, are compared by one number.

    Args:
        run: of a model with "topics" and counts "x", such as `sentence` or `lda`.
        data: held-out texts, as `zoo.fit` takes them.
        seed: of the dealing of words to halves.
    """
    first, second = halves(run.checked_rows(data)["x"], seed)
    return perplexity(second, run.represent({"x": first}), run.relabelled["topics"].mean((0, 1)))
