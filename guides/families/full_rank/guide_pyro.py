"""One normal with a full covariance, in PyTorch."""

from collections.abc import Mapping

import pyro.distributions as dist
import torch


def draw(params: Mapping[str, torch.Tensor], noise: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Transform noise (size,) to v (size,) and log q(v) ()."""
    loc, scale_tril = params["loc"], params["scale_tril"]
    v = loc + scale_tril @ noise
    return v, dist.MultivariateNormal(loc, scale_tril=scale_tril).log_prob(v)
