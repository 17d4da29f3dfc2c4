"""Where learning starts: clusters of sentences with similar words."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from guides.start import Start
from zoo.models.seeding import kmeans, memberships, standardised, subsample
from zoo.models.sentence.exact import Options


def start(data: Mapping[str, np.ndarray], rng: np.random.Generator, **options: Any) -> dict[str, Start]:
    """Start at the posterior means given k-means labels of the words' shares.

    The unit of a step is the posterior's sd given the subsample of sentences: the posterior given all of them may be
    much narrower, but the start is no closer to it.

    Args:
        data: {"x": counts, shape (n, V)}.
        rng: draws the coordinates and the centres, so that restarts differ.
        options: the model's.

    Returns:
        A Start for "weights" (K,) and "topics" (K, V).
    """
    o, x = Options(**options), subsample(data["x"], rng)
    # Square roots of shares: their Euclidean distance is Hellinger's, which frequent words do not rule alone. In units
    # of every word's sd, rare words say as much as frequent ones. A draw decides.
    shares = np.sqrt(x / np.maximum(x.sum(1, keepdims=True), 1.0))
    labels = kmeans(shares if rng.random() < 0.5 else standardised(shares), o.K, rng)
    # Each sentence of the subsample represents this many of the data.
    weight = len(data["x"]) / len(x)
    member = memberships(labels, o.K) * weight
    # A topic without sentences would be as any other such: their tie is broken by a draw.
    drawn = rng.dirichlet(np.ones(o.V), o.K) * (member.sum(1, keepdims=True) == 0)
    counts = member @ x + drawn + o.eta
    sentences = member.sum(1) + o.alpha
    return {
        "weights": Start(sentences / sentences.sum(), (weight / sentences[:-1]) ** 0.5),
        "topics": Start(counts / counts.sum(1, keepdims=True), (weight / counts[:, :-1]) ** 0.5),
    }
