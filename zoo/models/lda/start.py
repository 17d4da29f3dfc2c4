"""Where learning starts: the topics by EM from clusters of documents, every document at equal shares."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy.special import polygamma, xlogy

from guides.start import Start
from zoo.models.lda.exact import TINY, Options
from zoo.models.seeding import subsample
from zoo.models.sentence import start as sentences

# Clusters of documents of several topics are blurred topics, some 5 nats per document too low: rounds of EM, from the
# best of some draws of clusters, since one in six leads to a local optimum 10 nats below.
DRAWS, FIRST_ROUNDS, ROUNDS, LEAST_ROUNDS = 5, 50, 300, 10
MOST_PRODUCTS = 10**10  # of a share by a probability, in the last rounds: some five seconds
# In logits, whatever the data: EM's point of shares and topics is off the middle of their posterior by about as much.
POINT_IS_OFF = 0.5


def start(data: Mapping[str, np.ndarray], rng: np.random.Generator, **options: Any) -> dict[str, Start]:
    """Start at topics that EM makes of k-means clusters of documents, and at documents of all topics.

    Args:
        data: {"x": counts, shape (n, V)}.
        rng: draws the clusters' centres, so that seeds differ.
        options: the model's.

    Returns:
        A Start for "topics" (K, V), for one document's "theta" (K,), and for "concentration" () where it is learnt.
    """
    o = Options(**options)
    x = subsample(data["x"], rng)
    clusters = [sentences.start({"x": x}, rng, K=o.K, V=o.V, eta=o.eta)["topics"] for _ in range(DRAWS)]
    rounds = int(np.clip(MOST_PRODUCTS // max(1, x.size * o.K), LEAST_ROUNDS, ROUNDS))
    first = max(LEAST_ROUNDS, FIRST_ROUNDS * rounds // ROUNDS)
    tried = [by_em(x, np.asarray(c.value), first, o) for c in clusters]
    best = max(range(DRAWS), key=lambda i: tried[i][1])
    topics, _ = by_em(x, tried[best][0], rounds, o)
    # As far as a document of mean length, its words dealt evenly, says where its shares are: its sticks' logits.
    each = o.alpha + data["x"].sum(1).mean() / o.K
    sticks = polygamma(1, each) + polygamma(1, each * np.arange(o.K - 1, 0, -1))
    # The posterior narrows with the documents, and how far the point is off does not: the wider is the unit.
    words = topics * (data["x"].sum() / o.K) + o.eta
    logits = np.hypot(words[:, :-1] ** -0.5, POINT_IS_OFF)
    found = {"topics": Start(topics, logits), "theta": Start(np.full(o.K, 1 / o.K), np.sqrt(sticks))}
    return found | ({"concentration": Start(o.alpha, 0.5)} if o.estimate == "alpha" else {})


def by_em(x: np.ndarray, topics: np.ndarray, rounds: int, o: Options) -> tuple[np.ndarray, float]:
    """Climb by EM in the topics and the documents' shares, with the priors' concentrations as further counts.

    It is the way to the mode of topics and shares with concentrations one larger. At the prior's own, below 1, the mode
    has probabilities of 0.

    Args:
        x: counts (n, V).
        topics: to begin with (K, V).
        rounds: how many.
        o: the model's options.

    Returns:
        The topics (K, V), and what is climbed before the last round, in nats.
    """
    shares, height = np.full((len(x), o.K), 1 / o.K), -np.inf
    for _ in range(rounds):
        mixed = np.maximum(shares @ topics, TINY)
        height = xlogy(x, mixed).sum() + o.alpha * np.log(shares).sum() + o.eta * np.log(topics).sum()
        ratio = x / mixed
        found = shares * (ratio @ topics.T) + o.alpha, topics * (shares.T @ ratio) + o.eta
        shares, topics = (counts / counts.sum(1, keepdims=True) for counts in found)
    return topics, float(height)
