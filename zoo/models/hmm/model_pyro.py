"""The hidden Markov model in Pyro."""

import pyro
import pyro.distributions as dist
import torch
from pyro.distributions import constraints
from torch import Tensor as Array

from zoo.distributions.markov_chain_pyro import MarkovChain, seen_steps


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
    initial = pyro.param("initial", torch.ones(K) / K, constraint=constraints.simplex)
    even = torch.ones((K, K)) / K
    transition = pyro.param("transition", 0.5 * torch.eye(K) + 0.5 * even, constraint=constraints.simplex)
    if emission == "poisson":
        rate = pyro.param("rate", torch.arange(1.0, K + 1)[:, None] * torch.ones(D), constraint=constraints.positive)
        emitted, by_state = dist.Poisson, {"rate": rate}
    elif emission == "gaussian":
        loc = pyro.param("loc", torch.linspace(-1.0, 1.0, K)[:, None] * torch.ones(D))
        scale = pyro.param("scale", torch.ones((K, D)), constraint=constraints.positive)
        emitted, by_state = dist.Normal, {"loc": loc, "scale": (scale**2 + floor**2) ** 0.5}
    else:
        probs = pyro.param("probs", torch.ones((K, D, V)) / V, constraint=constraints.simplex)
        emitted, by_state = dist.Categorical, {"logits": torch.log(probs)}
    with pyro.plate("data", size or n, subsample_size=n):
        z = pyro.sample("z", MarkovChain(initial, transition, T, length))
        given = emitted(**{name: values[z] for name, values in by_state.items()})
        pyro.sample("x", given.mask(seen).to_event(2), obs=x)
