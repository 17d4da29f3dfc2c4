"""The random walk with noise in Pyro."""

import pyro
import pyro.distributions as dist
import torch
from torch import Tensor as Array


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
    running_sum = torch.tril(torch.ones((T, T)))
    with pyro.plate("data", size or n, subsample_size=n):
        z = pyro.sample("z", dist.MultivariateNormal(torch.zeros(T), scale_tril=step_sd * running_sum))
        pyro.sample("x", dist.Normal(z, noise_sd).to_event(1), obs=x)
