"""Independent normals, in PyTorch."""

from collections.abc import Mapping

import pyro.distributions as dist
import torch


def draw(params: Mapping[str, torch.Tensor], noise: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Transform noise (size,) to v (size,) and log q(v) ()."""
    loc, scale = params["loc"], params["scale"]
    v = loc + scale * noise
    return v, dist.Normal(loc, scale).log_prob(v).sum()
