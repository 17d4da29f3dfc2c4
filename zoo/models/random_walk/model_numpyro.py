"""The random walk with noise in NumPyro."""

import jax.numpy as jnp
import numpyro
import numpyro.distributions as dist
from jax import Array


def model(
    x: Array | None = None, *, size: int | None = None, T: int = 10, step_sd: float = 1.0, noise_sd: float = 1.0
) -> None:
    """Draw a walk, the running sum of its steps, then the series around it.

    Args:
        x: observed series, shape (n, T); None draws them.
        size: number of rows of the whole data set, of which x may be a batch.
        T: number of steps of a series.
        step_sd: standard deviation of a step of the walk.
        noise_sd: standard deviation of the noise.
    """
    n = size if x is None else len(x)
    running_sum = jnp.tril(jnp.ones((T, T)))
    with numpyro.plate("data", size or n, subsample_size=n):
        z = numpyro.sample("z", dist.MultivariateNormal(jnp.zeros(T), scale_tril=step_sd * running_sum))
        numpyro.sample("x", dist.Normal(z, noise_sd).to_event(1), obs=x)
