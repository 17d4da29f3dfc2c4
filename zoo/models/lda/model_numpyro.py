"""Latent Dirichlet allocation in NumPyro."""

import jax.numpy as jnp
import numpyro
import numpyro.distributions as dist
from jax import Array
from numpyro.distributions import constraints

from zoo.distributions.words_numpyro import Words


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
    concentration = alpha * jnp.ones(())
    if estimate == "alpha":
        concentration = numpyro.param("concentration", concentration, constraint=constraints.positive)
    with numpyro.plate("topic", K):
        topics = numpyro.sample("topics", dist.Dirichlet(eta * jnp.ones(V)))
    with numpyro.plate("data", size or n, subsample_size=n):
        theta = numpyro.sample("theta", dist.Dirichlet(concentration * jnp.ones(K)))
        numpyro.sample("x", Words(theta @ topics, length), obs=x)
