"""Dirichlet draws from standard normals, in PyTorch."""

from __future__ import annotations

import math

import torch
from torch.special import erfcx, gammainc, gammaln, ndtr

NEWTON = 4


def dirichlet(concentration: torch.Tensor, noise: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Draw from Dirichlet distributions by the inverse of the gamma's distribution function.

    A gamma of shape a is one of shape a + 1 times U^(1/a), and shares are gammas over their sum. Not differentiable.

    Args:
        concentration: (..., K).
        noise: standard normals (..., 2 K).

    Returns:
        Shares (..., K), none of them 0 in the precision at hand, and their log density (...).
    """
    first, second = torch.chunk(noise, 2, -1)
    shape, below, tiny = concentration + 1, ndtr(first), torch.finfo(noise.dtype).tiny
    # Wilson and Hilferty's cube is right to a few thousandths, from where Newton's steps are quadratic.
    gamma = shape * torch.clamp(1 - 1 / (9 * shape) + first / (3 * torch.sqrt(shape)), min=0.05) ** 3
    for _ in range(NEWTON):
        density = torch.exp((shape - 1) * torch.log(gamma) - gamma - gammaln(shape))
        step = (gammainc(shape, gamma) - below) / torch.clamp(density, min=tiny)
        gamma = gamma - torch.clamp(step, -gamma, gamma / 2)
    # torch.special.log_ndtr has no rule for vmap.
    low = torch.log(0.5 * erfcx(-second / math.sqrt(2))) - second**2 / 2
    log_uniform = torch.where(second < 0, low, torch.log(ndtr(second)))
    log_shares = torch.log_softmax(torch.log(gamma) + log_uniform / concentration, -1)
    log_shares = torch.clamp(log_shares, min=math.log(2 * tiny))
    norm = gammaln(concentration.sum(-1)) - gammaln(concentration).sum(-1)
    return torch.exp(log_shares), norm + ((concentration - 1) * log_shares).sum(-1)
