"""Binary causes of binary pixels in Pyro."""

import pyro
import pyro.distributions as dist
import torch
from torch import Tensor as Array

from guides.nets.heads_pyro import bernoulli


def model(x: Array | None = None, *, size: int | None = None, latent: int = 100, D: int = 64) -> None:
    """Draw a code of fair coins, then every pixel given the code.

    The initial weights are not 0, or all causes would stay alike.

    Args:
        x: observed rows of 0 and 1, shape (n, D); None draws them.
        size: number of rows of the whole data set, of which x may be a batch.
        latent: bits in a code.
        D: number of columns of x.
    """
    n = size if x is None else len(x)
    waves = torch.cos(torch.outer(torch.arange(1.0, D + 1), torch.arange(1.0, latent + 1)))
    weight = pyro.param("weight", waves / latent**0.5)
    bias = pyro.param("bias", torch.zeros(D))
    with pyro.plate("data", size or n, subsample_size=n):
        # Not marked for enumeration: a code has 2^latent values.
        z = pyro.sample("z", dist.Bernoulli(probs=torch.ones(latent) / 2).to_event(1))
        # Bits may come as whole numbers, which torch does not multiply with others.
        pyro.sample("x", bernoulli((1.0 * z) @ weight.mT + bias).to_event(1), obs=x)
