"""A free φᵢ for every row, in PyTorch."""

from collections.abc import Mapping
from typing import Any

import torch

from guides.errors import GuideError


def phi(local: Any, params: Mapping[str, torch.Tensor], rows: Any) -> torch.Tensor:
    """Return φ of each row (B, size): the rows of the table that were handed in."""
    phi = params["local.phi"]
    if len(phi) != rows.count:
        raise GuideError(
            f"local='per_datapoint' has {len(phi)} lines of φ and the batch {rows.count} rows; "
            "zoo.fit(batch_size=…) hands in a batch's lines, stock SVI takes all rows at once"
        )
    return phi
