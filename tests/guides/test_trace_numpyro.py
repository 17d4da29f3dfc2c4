"""Reading a NumPyro model: in one compilation, with the numbers that come out of it."""

import jax
import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
from numpyro.distributions import constraints

from guides.sites import Support
from guides.trace_numpyro import sites

compiled: list[bool] = []


def model(x: jax.Array, *, size: int) -> None:
    low = jnp.arange(3.0)[1]
    compiled.append(isinstance(low, jax.core.Tracer))
    numpyro.param("scale", 2 * low, constraint=constraints.greater_than(low / 2))
    numpyro.param("each", low * jnp.ones(2), constraint=constraints.interval(jnp.zeros(2), low + jnp.arange(2)))
    high = numpyro.sample("high", dist.Uniform(low, low + 4))
    with numpyro.plate("data", size):
        numpyro.sample("x", dist.Uniform(0.0, high), obs=x)


def test_a_model_is_not_run_operation_by_operation() -> None:
    compiled.clear()
    sites(model, (np.ones(5),), {"size": 5})
    assert compiled == [True]


def test_numbers_of_the_sites_are_computed() -> None:
    scale, each, high, x = sites(model, (np.ones(5),), {"size": 5})
    assert (scale.support, scale.value) == (Support("greater_than", 0.5), 2.0)
    assert (each.support.lower, each.value.tolist()) == (0.0, [1.0, 1.0])
    assert np.isnan(each.support.upper)  # it has two
    assert high.support == Support("interval", 1.0, 5.0)
    assert (high.value, high.kind, x.kind, x.shape) == (None, "latent", "observed", (5,))
