"""Where learning starts: the topics at clusters of documents, every document at equal shares."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy.special import polygamma

from guides.start import Start
from zoo.models.lda.exact import Options
from zoo.models.sentence import start as sentences

# In logits, whatever the data: clusters of documents of several topics are blurred topics, off by about as much.
CLUSTERS_ARE_OFF = 0.5


def start(data: Mapping[str, np.ndarray], rng: np.random.Generator, **options: Any) -> dict[str, Start]:
    """Start at the topics of k-means clusters, as if a document had one topic, and at documents of all topics.

    Args:
        data: {"x": counts, shape (n, V)}.
        rng: draws the clusters' centres, so that seeds differ.
        options: the model's.

    Returns:
        A Start for "topics" (K, V), for one document's "theta" (K,), and for "concentration" () where it is learnt.
    """
    o = Options(**options)
    topics = sentences.start(data, rng, K=o.K, V=o.V, eta=o.eta)["topics"]
    # As far as a document of mean length, its words dealt evenly, says where its shares are: its sticks' logits.
    each = o.alpha + data["x"].sum(1).mean() / o.K
    sticks = polygamma(1, each) + polygamma(1, each * np.arange(o.K - 1, 0, -1))
    # The posterior narrows with the documents, and how far clusters are from topics does not: the wider is the unit.
    topics = Start(topics.value, np.hypot(topics.spread, CLUSTERS_ARE_OFF))
    found = {"topics": topics, "theta": Start(np.full(o.K, 1 / o.K), np.sqrt(sticks))}
    return found | ({"concentration": Start(o.alpha, 0.5)} if o.estimate == "alpha" else {})
