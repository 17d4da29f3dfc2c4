"""The point, in PyTorch."""

from collections.abc import Mapping

import torch


def draw(params: Mapping[str, torch.Tensor], noise: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return v (*rows, size) and 0 (*rows,): a point has no density."""
    loc = params["loc"]
    return loc, loc.new_zeros(loc.shape[:-1])
