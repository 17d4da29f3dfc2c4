"""The linear infinite mixture in Pyro."""

import pyro
import pyro.distributions as dist
import torch
from pyro.distributions import constraints
from torch import Tensor as Array


def model(x: Array | None = None, *, size: int | None = None, latent: int = 2, D: int = 4) -> None:
    """Draw a code, then a point around its linear image.

    The parameters' initial values suit data of mean 0 and sd 1: column d of x follows code d, d + latent, ….

    Args:
        x: observed points, shape (n, D); None draws them.
        size: number of rows of the whole data set, of which x may be a batch.
        latent: number of entries of a code.
        D: number of columns of x.
    """
    n = size if x is None else len(x)
    weight = pyro.param("weight", torch.eye(latent)[torch.arange(D) % latent])
    loc = pyro.param("loc", torch.zeros(D))
    scale = pyro.param("scale", torch.ones(()), constraint=constraints.positive)
    with pyro.plate("data", size or n, subsample_size=n):
        z = pyro.sample("z", dist.Normal(torch.zeros(latent), 1.0).to_event(1))
        pyro.sample("x", dist.Normal(z @ weight.mT + loc, scale).to_event(1), obs=x)
