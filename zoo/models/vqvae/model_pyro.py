"""The vector-quantised autoencoder's model in Pyro."""

import pyro
import pyro.distributions as dist
import torch
from pyro.distributions import constraints
from torch import Tensor as Array

from guides.nets.heads_pyro import bernoulli
from guides.nets.mlp_pyro import mlp
from zoo.distributions.nade_pyro import Nade
from zoo.models.vqvae.options import sizes


def model(
    x: Array | None = None,
    *,
    size: int | None = None,
    K: int = 16,
    positions: int = 8,
    code_size: int = 4,
    hidden: int = 128,
    depth: int = 1,
    activation: str = "relu",
    likelihood: str = "gaussian",
    noise: str = "learnt",
    floor: float = 0.05,
    prior: str = "uniform",
    units: int = 16,
    D: int = 64,
) -> None:
    """Draw a code for each position, look up its vector, decode all vectors, and draw a row around what comes out.

    The initial codes and hidden units are waves, as those that begin alike would stay alike.

    Args:
        x: observed rows, shape (n, D); None draws them.
        size: number of rows of the whole data set, of which x may be a batch.
        K: codes in the codebook.
        positions: codes of a row.
        code_size: numbers of a code's vector.
        hidden: units of a hidden layer of the decoder.
        depth: number of its hidden layers.
        activation: of the hidden layers.
        likelihood: "gaussian", or "bernoulli" for rows of 0 and 1.
        noise: sd of every column, "learnt", sqrt(floor^2 + noise^2), or "fixed", the floor (gaussian).
        floor: smallest sd of a column given the codes, in units of x (gaussian).
        prior: of a row's codes: "uniform", "categorical" (each position's own shares) or "autoregressive".
        units: hidden units of the autoregressive prior.
        D: number of columns of x.
    """
    n = size if x is None else len(x)
    codebook = pyro.param(
        "codebook", torch.cos(torch.outer(torch.arange(1.0, K + 1), torch.arange(1.0, code_size + 1)))
    )
    decoder = mlp("decoder", sizes(positions, code_size, hidden, depth, D), activation)
    variance = floor**2 * torch.ones(())
    if likelihood == "gaussian" and noise == "learnt":
        variance = variance + pyro.param("noise", floor * torch.ones(()), constraint=constraints.positive) ** 2
    bias = torch.zeros((positions, K))
    if prior != "uniform":
        bias = pyro.param("prior.bias", bias)
    if prior == "autoregressive":
        waves = torch.cos(torch.outer(torch.arange(1.0, positions * K + 1), torch.arange(1.0, units + 1)))
        into = pyro.param("prior.into", waves.reshape((positions, K, units)))
        out = pyro.param("prior.out", torch.zeros((positions, units, K)))
        codes = Nade(bias, pyro.param("prior.inner", torch.zeros(units)), into, out)
    else:
        codes = dist.Categorical(logits=bias).to_event(1)
    with pyro.plate("data", size or n, subsample_size=n):
        # Not marked for enumeration: a row's codes have K^positions values.
        z = pyro.sample("z", codes)
        found = decoder(codebook[z].reshape((*z.shape[:-1], positions * code_size)))
        given = bernoulli(found) if likelihood == "bernoulli" else dist.Normal(found, variance**0.5)
        pyro.sample("x", given.to_event(1), obs=x)
