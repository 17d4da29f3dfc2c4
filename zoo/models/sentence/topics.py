"""Topics in words."""

from collections.abc import Sequence

import numpy as np


def top_words(topics: np.ndarray, words: Sequence[str], count: int = 8) -> list[list[str]]:
    """Return the most probable words of each topic, the likeliest first.

    Args:
        topics: probabilities of the words by topic, shape (K, V).
        words: what the V columns stand for.
        count: how many words of each topic.

    >>> top_words(np.array([[0.1, 0.6, 0.3], [0.5, 0.2, 0.3]]), ("pope", "king", "war"), 2)
    [['king', 'war'], ['pope', 'war']]
    """
    order = np.argsort(-np.asarray(topics), axis=-1, kind="stable")[:, :count]
    return [[words[v] for v in row] for row in order]
