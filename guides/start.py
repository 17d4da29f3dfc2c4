"""Where learning starts, and in which coordinates a step is small."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Start:
    """The start of one parameter or latent.

    Learning moves v = (u - u₀) / spread, where u is the unconstrained value, and u₀ the start's for a latent and 0
    for a parameter. A step of the optimiser then means the same for a height in metres and in centimetres.

    Args:
        value: the constrained value to start from, of the site's shape.
        spread: typical size of a move of u; a scalar, or an array of u's shape.
    """

    value: np.ndarray | float
    spread: np.ndarray | float = 1.0
