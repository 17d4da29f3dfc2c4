"""The Gaussian in Pyro."""

import pyro
import pyro.distributions as dist
import torch
from pyro.distributions import constraints
from torch import Tensor as Array


def model(x: Array | None = None, *, size: int | None = None) -> None:
    """Draw heights.

    Args:
        x: observed heights in metres, shape (n,); None draws them.
        size: number of rows of the whole data set, of which x may be a batch.
    """
    n = size if x is None else len(x)
    loc = pyro.param("loc", torch.asarray(1.7))
    scale = pyro.param("scale", torch.asarray(0.1), constraint=constraints.positive)
    with pyro.plate("data", size or n, subsample_size=n):
        pyro.sample("x", dist.Normal(loc, scale), obs=x)
