"""The Dirichlet process mixture of Gaussians in Pyro."""

from collections.abc import Sequence

import pyro
import pyro.distributions as dist
import torch
from torch import Tensor as Array


def model(
    x: Array | None = None,
    *,
    size: int | None = None,
    K: int = 10,
    D: int = 1,
    alpha: float = 1.0,
    center: float | Sequence[float] = 0.0,
    spread: float | Sequence[float] = 1.0,
    kappa0: float = 0.1,
    a0: float = 2.0,
    b0: float = 0.2,
) -> None:
    """Break the stick and draw the components, then for each row a component and a point from its Gaussian.

    Args:
        x: observed points, shape (n, D); None draws them.
        size: number of rows of the whole data set, of which x may be a batch.
        K: number of pieces at which the process is cut off.
        D: number of columns of x.
        alpha: concentration of the process.
        center: prior mean of the locations, a number or one by column.
        spread: the columns' scale, by which variances (squared) are measured.
        kappa0: how many observations the prior of a location is worth.
        a0: shape of the variances' prior.
        b0: scale of the variances' prior, in units of spread squared.
    """
    n = size if x is None else len(x)
    middle, unit = (torch.asarray(o) * torch.ones(D) for o in (center, spread))
    with pyro.plate("breaks", K - 1):
        sticks = pyro.sample("sticks", dist.Beta(1.0, alpha))
    with pyro.plate("components", K):
        variance = pyro.sample("variance", dist.InverseGamma(a0, b0 * unit**2).to_event(1))
        loc = pyro.sample("loc", dist.Normal(middle, (variance / kappa0) ** 0.5).to_event(1))
    left = torch.concatenate([torch.zeros(1), torch.cumsum(torch.log1p(-sticks), 0)])
    taken = torch.concatenate([torch.log(sticks), torch.zeros(1)])
    with pyro.plate("data", size or n, subsample_size=n):
        z = pyro.sample("z", dist.Categorical(logits=taken + left), infer={"enumerate": "parallel"})
        pyro.sample("x", dist.Normal(loc[z], variance[z] ** 0.5).to_event(1), obs=x)
