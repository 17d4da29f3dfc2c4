"""Latent Dirichlet allocation in Pyro."""

import pyro
import pyro.distributions as dist
import torch
from pyro.distributions import constraints
from torch import Tensor as Array

from zoo.distributions.words_pyro import Words


def model(
    x: Array | None = None,
    *,
    size: int | None = None,
    K: int = 10,
    V: int = 120,
    alpha: float = 0.2,
    eta: float = 0.2,
    estimate: str = "nothing",
    length: int = 40,
) -> None:
    """Draw the topics, then for each document its shares of them and its words.

    Args:
        x: how often each word comes up in each document, shape (n, V); None draws them.
        size: number of documents of the whole data set, of which x may be a batch.
        K: number of topics.
        V: number of words.
        alpha: concentration of the symmetric Dirichlet prior of a document's shares.
        eta: concentration of the symmetric Dirichlet prior of each topic's words.
        estimate: "alpha" learns the shares' concentration, from alpha on; "nothing" holds it.
        length: words of a document that is drawn.
    """
    n = size if x is None else len(x)
    concentration = alpha * torch.ones(())
    if estimate == "alpha":
        concentration = pyro.param("concentration", concentration, constraint=constraints.positive)
    with pyro.plate("topic", K):
        topics = pyro.sample("topics", dist.Dirichlet(eta * torch.ones(V)))
    with pyro.plate("data", size or n, subsample_size=n):
        theta = pyro.sample("theta", dist.Dirichlet(concentration * torch.ones(K)))
        pyro.sample("x", Words(theta @ topics, length), obs=x)
