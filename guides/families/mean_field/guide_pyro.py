"""Independent normals, in PyTorch."""

from collections.abc import Mapping

import torch

from guides.families.standard import log_prob


def draw(params: Mapping[str, torch.Tensor], noise: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Transform noise (*rows, size) to v (*rows, size) and log q(v) (*rows,)."""
    loc, scale = params["loc"], params["scale"]
    return loc + scale * noise, (log_prob(noise) - torch.log(scale)).sum(-1)
