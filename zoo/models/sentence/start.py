"""Where learning starts: clusters of sentences with similar words."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from guides.start import Start
from zoo.models.gmm_bayes.start import kmeans_labels
from zoo.models.sentence.exact import Options


def start(data: Mapping[str, np.ndarray], rng: np.random.Generator, **options: Any) -> dict[str, Start]:
    """Start at the posterior means given k-means labels of the words' shares, with its sd as the unit of a step.

    Args:
        data: {"x": counts, shape (n, V)}.
        rng: draws the centres, so that restarts differ.
        options: the model's.

    Returns:
        A Start for "weights" (K,) and "topics" (K, V).
    """
    o, x = Options(**options), data["x"]
    # Square roots of shares: their Euclidean distance is Hellinger's, which rare words do not rule.
    shares = np.sqrt(x / np.maximum(x.sum(1, keepdims=True), 1.0))
    labels = kmeans_labels(shares, o.K, rng)
    member = (labels == np.arange(o.K)[:, None]).astype(float)
    # A topic without sentences would be as any other such: their tie is broken by a draw.
    drawn = rng.dirichlet(np.ones(o.V), o.K) * (member.sum(1, keepdims=True) == 0)
    counts = member @ x + drawn + o.eta
    sentences = member.sum(1) + o.alpha
    return {
        "weights": Start(sentences / sentences.sum(), sentences[:-1] ** -0.5),
        "topics": Start(counts / counts.sum(1, keepdims=True), counts[:, :-1] ** -0.5),
    }
