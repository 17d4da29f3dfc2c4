"""Distributions of what a network puts out, in Pyro."""

import pyro.distributions as dist
import torch


def bernoulli(logits: torch.Tensor) -> dist.Bernoulli:
    """Return 0/1 variables with these log-odds (...), independent: density and gradient are stable and right."""
    return dist.Bernoulli(logits=logits)
