"""Sentences of one topic in NumPyro."""

import jax.numpy as jnp
import numpyro
import numpyro.distributions as dist
from jax import Array

from zoo.distributions.words_numpyro import Words


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
    weights = numpyro.sample("weights", dist.Dirichlet(alpha * jnp.ones(K)))
    with numpyro.plate("topic", K):
        topics = numpyro.sample("topics", dist.Dirichlet(eta * jnp.ones(V)))
    with numpyro.plate("data", size or n, subsample_size=n):
        z = numpyro.sample("z", dist.Categorical(logits=jnp.log(weights)), infer={"enumerate": "parallel"})
        numpyro.sample("x", Words(topics[z], length), obs=x)
