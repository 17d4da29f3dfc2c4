"""φᵢ by an encoder, in PyTorch."""

from collections.abc import Mapping
from typing import Any

import torch

from guides.nets.encoder_pyro import encode


def phi(local: Any, params: Mapping[str, torch.Tensor], rows: Any) -> torch.Tensor:
    """Return φ of each row (B, size)."""
    return encode(local.encoder, params, rows.data)
