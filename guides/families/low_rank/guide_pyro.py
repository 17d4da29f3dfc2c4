"""One normal, diagonal plus low rank, in PyTorch."""

from collections.abc import Mapping

import pyro.distributions as dist
import torch


def draw(params: Mapping[str, torch.Tensor], noise: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Transform noise (*rows, size + rank) to v (*rows, size) and log q(v) (*rows,)."""
    loc, scale, factor = params["loc"], params["scale"], params["cov_factor"]
    size = loc.shape[-1]
    v = loc + scale * noise[..., :size] + (factor @ noise[..., size:, None])[..., 0]
    return v, dist.LowRankMultivariateNormal(loc, factor, scale**2).log_prob(v)
