"""The Bayesian hidden Markov model in NumPyro."""

from collections.abc import Sequence

import jax.numpy as jnp
import numpyro
import numpyro.distributions as dist
from jax import Array

from zoo.distributions.markov_chain_numpyro import MarkovChain, seen_steps


def model(
    x: Array | None = None,
    *,
    size: int | None = None,
    emission: str = "poisson",
    K: int = 2,
    T: int = 20,
    D: int = 1,
    V: int = 2,
    alpha: float = 1.0,
    a0: float = 1.0,
    eta: float = 1.0,
    center: float | Sequence[float] = 1.0,
    spread: float | Sequence[float] = 1.0,
) -> None:
    """Draw the states' parameters, a path of states, then what is observed at each of its steps.

    Args:
        x: observed series, shape (n, T, D), NaN for what was not seen; None draws them.
        size: number of series of the whole data set, of which x may be a batch.
        emission: "poisson", "gaussian" or "categorical", of every column at a step given its state.
        K: number of states.
        T: number of steps.
        D: number of columns observed at a step.
        V: number of values of a categorical column.
        alpha: concentration of the Dirichlet priors of the first state and of every next one.
        a0: shape of the rates' prior, whose mean is `center` (poisson).
        eta: concentration of the Dirichlet prior of a column's categories (categorical).
        center: prior mean of rates and locations, a number or one by column.
        spread: prior sd of the locations and scale of the sds (gaussian), a number or one by column.
    """
    n = size if x is None else len(x)
    seen, length, x = seen_steps(x, (n, T, D), whole=emission == "categorical")
    middle, unit = (jnp.asarray(o) * jnp.ones(D) for o in (center, spread))
    initial = numpyro.sample("initial", dist.Dirichlet(alpha * jnp.ones(K)))
    with numpyro.plate("states", K):
        transition = numpyro.sample("transition", dist.Dirichlet(alpha * jnp.ones(K)))
        if emission == "poisson":
            rate = numpyro.sample("rate", dist.Gamma(a0, a0 / middle).to_event(1))
            emitted, by_state = dist.Poisson, {"rate": rate}
        elif emission == "gaussian":
            loc = numpyro.sample("loc", dist.Normal(middle, unit).to_event(1))
            scale = numpyro.sample("scale", dist.HalfNormal(unit).to_event(1))
            emitted, by_state = dist.Normal, {"loc": loc, "scale": scale}
        else:
            probs = numpyro.sample("probs", dist.Dirichlet(eta * jnp.ones((D, V))).to_event(1))
            emitted, by_state = dist.Categorical, {"logits": jnp.log(probs)}
    with numpyro.plate("data", size or n, subsample_size=n):
        z = numpyro.sample("z", MarkovChain(initial, transition, T, length))
        given = emitted(**{name: values[z] for name, values in by_state.items()})
        numpyro.sample("x", given.mask(seen).to_event(2), obs=x)
