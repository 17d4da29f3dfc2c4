"""The standard normal's log density, one text for PyTorch and JAX arrays.

As arithmetic and not as a distribution: torch's `Normal(0.0, 1.0)` makes tensors of its own, which a gradient inside
a gradient on another device refuses.
"""

import math
from typing import Any

HALF_LOG_2PI = 0.5 * math.log(2 * math.pi)


def log_prob(noise: Any) -> Any:
    """Return log N(noise; 0, 1), elementwise.

    >>> round(log_prob(0.0), 6)
    -0.918939
    """
    return -0.5 * noise * noise - HALF_LOG_2PI
