"""Sentences of one topic in Pyro."""

import pyro
import pyro.distributions as dist
import torch
from torch import Tensor as Array

from zoo.distributions.words_pyro import Words


def model(
    x: Array | None = None,
    *,
    size: int | None = None,
    K: int = 5,
    V: int = 120,
    alpha: float = 1.0,
    eta: float = 0.5,
    length: int = 40,
) -> None:
    """Draw the topics, then for each sentence a topic and its words.

    Args:
        x: how often each word comes up in each sentence, shape (n, V); None draws them.
        size: number of sentences of the whole data set, of which x may be a batch.
        K: number of topics.
        V: number of words.
        alpha: concentration of the symmetric Dirichlet prior of the topics' shares.
        eta: concentration of the symmetric Dirichlet prior of each topic's words.
        length: words of a sentence that is drawn.
    """
    n = size if x is None else len(x)
    weights = pyro.sample("weights", dist.Dirichlet(alpha * torch.ones(K)))
    with pyro.plate("topic", K):
        topics = pyro.sample("topics", dist.Dirichlet(eta * torch.ones(V)))
    with pyro.plate("data", size or n, subsample_size=n):
        z = pyro.sample("z", dist.Categorical(logits=torch.log(weights)), infer={"enumerate": "parallel"})
        pyro.sample("x", Words(topics[z], length), obs=x)
