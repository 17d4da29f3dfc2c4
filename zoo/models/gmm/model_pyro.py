"""The mixture of Gaussians in Pyro."""

import pyro
import pyro.distributions as dist
import torch
from pyro.distributions import constraints
from torch import Tensor as Array


def model(x: Array | None = None, *, size: int | None = None, K: int = 2, D: int = 2, floor: float = 1e-6) -> None:
    """Draw a component, then a point from its Gaussian.

    The parameters' initial values suit data of mean 0 and sd 1: components side by side on the diagonal.

    Args:
        x: observed points, shape (n, D); None draws them.
        size: number of rows of the whole data set, of which x may be a batch.
        K: number of components.
        D: number of columns of x.
        floor: added to the diagonal of every covariance, in squared units of x.
    """
    n = size if x is None else len(x)
    eye = torch.eye(D)
    weights = pyro.param("weights", torch.ones(K) / K, constraint=constraints.simplex)
    loc = pyro.param("loc", torch.linspace(-1.0, 1.0, K)[:, None] * torch.ones(D))
    scale_tril = pyro.param("scale_tril", torch.ones((K, 1, 1)) * eye, constraint=constraints.lower_cholesky)
    floored_tril = torch.linalg.cholesky(scale_tril @ scale_tril.mT + floor * eye)
    with pyro.plate("data", size or n, subsample_size=n):
        z = pyro.sample("z", dist.Categorical(logits=torch.log(weights)), infer={"enumerate": "parallel"})
        pyro.sample("x", dist.MultivariateNormal(loc[z], scale_tril=floored_tril[z]), obs=x)
