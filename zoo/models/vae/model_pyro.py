"""The variational autoencoder's model in Pyro."""

import pyro
import pyro.distributions as dist
import torch
from torch import Tensor as Array

from guides.nets.heads_pyro import bernoulli
from guides.nets.mlp_pyro import mlp, softplus, split
from zoo.models.vae.layers import sizes


def model(
    x: Array | None = None,
    *,
    size: int | None = None,
    latent: int = 8,
    hidden: int = 128,
    depth: int = 1,
    activation: str = "relu",
    likelihood: str = "gaussian",
    covariance: str = "diagonal",
    rank: int = 2,
    floor: float = 0.05,
    D: int = 64,
) -> None:
    """Draw a code, decode it, and draw a row around what comes out.

    Args:
        x: observed rows, shape (n, D); None draws them.
        size: number of rows of the whole data set, of which x may be a batch.
        latent: numbers in a code.
        hidden: units of a hidden layer.
        depth: number of hidden layers.
        activation: of the hidden layers.
        likelihood: "gaussian", or "bernoulli" for rows of 0 and 1.
        covariance: of a Gaussian row given its code, "diagonal" or "low_rank".
        rank: of the low-rank part.
        floor: smallest sd of a column given the code, in units of x.
        D: number of columns of x.
    """
    n = size if x is None else len(x)
    decoder = mlp("decoder", sizes(latent, hidden, depth, likelihood, covariance, rank, D), activation)
    with pyro.plate("data", size or n, subsample_size=n):
        z = pyro.sample("z", dist.Normal(torch.zeros(latent), 1.0).to_event(1))
        out = decoder(z)
        if likelihood == "bernoulli":
            given = bernoulli(out).to_event(1)
        else:
            mean, raw, loadings = split(out, D, D)
            scale = torch.sqrt(floor**2 + softplus(raw) ** 2)
            if covariance == "diagonal":
                given = dist.Normal(mean, scale).to_event(1)
            else:
                factor = torch.tanh(loadings).reshape((*out.shape[:-1], D, rank))
                given = dist.LowRankMultivariateNormal(mean, scale[..., None] * factor, scale**2)
        pyro.sample("x", given, obs=x)
