"""A model in other units of its data, as `in_other_units` in its data.py says.

A model whose density or options have units has `in_other_units(options, shift, scale)`: each column of x is
multiplied by `scale` (D,), then `shift` (D,) is added, and it returns the `Units` in which the fit is the same. The log
likelihood then changes by minus the log of the scale for each number of x, and by nothing else.
"""

from typing import Any, NamedTuple

import numpy as np

ModelOptions = dict[str, Any]  # a model's, by name


class Units(NamedTuple):
    """What a model takes in other units.

    Args:
        options: the model's, those with a unit moved along.
        shift: what is added to each column (D,): 0 if the model has an origin.
        scale: what each column is multiplied by (D,): the same for all if the model compares columns.
    """

    options: ModelOptions
    shift: np.ndarray
    scale: np.ndarray
