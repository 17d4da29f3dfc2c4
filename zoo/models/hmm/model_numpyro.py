"""The hidden Markov model in NumPyro."""

import jax.numpy as jnp
import numpyro
import numpyro.distributions as dist
from jax import Array
from numpyro.distributions import constraints

from zoo.distributions.markov_chain_numpyro import MarkovChain, seen_steps


def model(
    x: Array | None = None,
    *,
    size: int | None = None,
    emission: str = "poisson",
    K: int = 3,
    T: int = 107,
    D: int = 1,
    V: int = 2,
    floor: float = 1e-3,
) -> None:
    """Draw a path of states, then what is observed at each of its steps.

    Args:
        x: observed series, shape (n, T, D), NaN for what was not seen; None draws them.
        size: number of series of the whole data set, of which x may be a batch.
        emission: "poisson", "gaussian" or "categorical", of every column at a step given its state.
        K: number of states.
        T: number of steps.
        D: number of columns observed at a step.
        V: number of values of a categorical column.
        floor: smallest sd of a Gaussian column, in units of x.
    """
    n = size if x is None else len(x)
    seen, length, x = seen_steps(x, (n, T, D), whole=emission == "categorical")
    initial = numpyro.param("initial", jnp.ones(K) / K, constraint=constraints.simplex)
    even = jnp.ones((K, K)) / K
    transition = numpyro.param("transition", 0.5 * jnp.eye(K) + 0.5 * even, constraint=constraints.simplex)
    if emission == "poisson":
        rate = numpyro.param("rate", jnp.arange(1.0, K + 1)[:, None] * jnp.ones(D), constraint=constraints.positive)
        emitted, by_state = dist.Poisson, {"rate": rate}
    elif emission == "gaussian":
        loc = numpyro.param("loc", jnp.linspace(-1.0, 1.0, K)[:, None] * jnp.ones(D))
        scale = numpyro.param("scale", jnp.ones((K, D)), constraint=constraints.positive)
        emitted, by_state = dist.Normal, {"loc": loc, "scale": (scale**2 + floor**2) ** 0.5}
    else:
        probs = numpyro.param("probs", jnp.ones((K, D, V)) / V, constraint=constraints.simplex)
        emitted, by_state = dist.Categorical, {"logits": jnp.log(probs)}
    with numpyro.plate("data", size or n, subsample_size=n):
        z = numpyro.sample("z", MarkovChain(initial, transition, T, length))
        given = emitted(**{name: values[z] for name, values in by_state.items()})
        numpyro.sample("x", given.mask(seen).to_event(2), obs=x)
