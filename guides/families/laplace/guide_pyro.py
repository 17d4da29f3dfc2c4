"""A normal at the mode, in PyTorch."""

from collections.abc import Mapping

import torch

from guides.families.delta.guide_pyro import draw as point
from guides.families.full_rank.guide_pyro import draw as normal


def draw(params: Mapping[str, torch.Tensor], noise: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Transform noise (size,) to v (size,) and log q(v) (): the mode and 0 while learning climbs to it."""
    return normal(params, noise) if "scale_tril" in params else point(params, noise)
