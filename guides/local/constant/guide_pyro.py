"""One φ for all rows, in PyTorch."""

from collections.abc import Mapping
from typing import Any

import torch


def phi(local: Any, params: Mapping[str, torch.Tensor], rows: Any) -> torch.Tensor:
    """Return φ of each row (B, size)."""
    phi = params["local.phi"]
    return phi.expand(rows.count, phi.shape[-1])
