"""Where learning starts: the topics by EM from clusters of documents, every document at equal shares."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy.special import polygamma, xlogy

from guides.start import Start
from zoo.models.lda.exact import TINY, Options
from zoo.models.seeding import subsample
from zoo.models.sentence import start as sentences

# A document has several topics, so that the word shares of a cluster of documents are mixtures of topics, and the bound
# is some 5 nats per document too low. EM separates them; it starts from the best of several draws of clusters, since
# about one in six leads to a local optimum that is 10 nats per document lower.
DRAWS, FIRST_ROUNDS, ROUNDS, LEAST_ROUNDS = 5, 50, 300, 10
MOST_PRODUCTS = 10**10  # multiplications of a share by a probability in the last rounds: about five seconds
# Typical distance of EM's point estimate from the posterior mean, in logits, for any number of documents.
POINT_ERROR = 0.5


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
    # The posterior narrows as documents are added, and the error of the start does not: the larger one is the unit.
    words = topics * (data["x"].sum() / o.K) + o.eta
    logits = np.hypot(words[:, :-1] ** -0.5, POINT_ERROR)
    found = {"topics": Start(topics, logits), "theta": Start(np.full(o.K, 1 / o.K), np.sqrt(sticks))}
    return found | ({"concentration": Start(o.alpha, 0.5)} if o.estimate == "alpha" else {})


def by_em(x: np.ndarray, topics: np.ndarray, rounds: int, o: Options) -> tuple[np.ndarray, float]:
    """Estimate topics and the documents' shares by EM, with the priors' concentrations as pseudo-counts.

    This maximises the posterior of topics and shares under concentrations one larger. Under the prior's own, which are
    below 1, the mode has probabilities of 0.

    Args:
        x: counts (n, V).
        topics: where to begin (K, V).
        rounds: number of rounds.
        o: the model's options.

    Returns:
        The topics (K, V), and the objective before the last round, in nats.
    """
    shares, height = np.full((len(x), o.K), 1 / o.K), -np.inf
    for _ in range(rounds):
        mixed = np.maximum(shares @ topics, TINY)
        height = xlogy(x, mixed).sum() + o.alpha * np.log(shares).sum() + o.eta * np.log(topics).sum()
        ratio = x / mixed
        found = shares * (ratio @ topics.T) + o.alpha, topics * (shares.T @ ratio) + o.eta
        shares, topics = (counts / counts.sum(1, keepdims=True) for counts in found)
    return topics, float(height)
