"""One normal with a full covariance, in PyTorch."""

from collections.abc import Mapping

import torch

from guides.families.standard import log_prob


def draw(params: Mapping[str, torch.Tensor], noise: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Transform noise (*rows, size) to v (*rows, size) and log q(v) (*rows,)."""
    loc, scale_tril = params["loc"], params["scale_tril"]
    v = loc + (scale_tril @ noise[..., None])[..., 0]
    log_diagonal = torch.log(scale_tril.diagonal(dim1=-2, dim2=-1))
    return v, (log_prob(noise) - log_diagonal).sum(-1)
