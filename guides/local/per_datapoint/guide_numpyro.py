"""A free φᵢ for every row, in JAX."""

from collections.abc import Mapping
from typing import Any

import jax

from guides.errors import GuideError


def phi(local: Any, params: Mapping[str, jax.Array], rows: Any) -> jax.Array:
    """Return φ of each row (B, size): the rows of the table that were handed in."""
    phi = params["local.phi"]
    if len(phi) != rows.count:
        raise GuideError(
            f"local='per_datapoint' has {len(phi)} lines of φ and the batch {rows.count} rows; "
            "zoo.fit(batch_size=…) hands in a batch's lines, stock SVI takes all rows at once"
        )
    return phi
