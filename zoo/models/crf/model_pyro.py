"""A linear-chain conditional random field in Pyro."""

import pyro
import torch
from torch import Tensor as Array

from zoo.distributions.linear_chain_pyro import LinearChain, lengths


def model(x: Array, y: Array | None = None, *, size: int | None = None, K: int = 10, D: int = 16) -> None:
    """Draw the labels of strings whose features are given.

    Args:
        x: features of each step, shape (n, T, D); NaN was not seen, and steps past the last seen one are not there.
        y: observed labels 0 … K − 1, shape (n, T), of any value past a string's end; None draws them.
        size: number of strings of the whole data set, of which x and y may be a batch.
        K: number of labels.
        D: number of features.
    """
    n = len(x)
    weights = pyro.param("weights", torch.zeros((D, K)))
    bias = pyro.param("bias", torch.zeros(K))
    transition = pyro.param("transition", torch.zeros((K, K)))
    unary = torch.nan_to_num(x) @ weights + bias
    with pyro.plate("data", size or n, subsample_size=n):
        pyro.sample("y", LinearChain(unary, transition, lengths(x)), obs=y)
