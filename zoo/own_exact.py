"""What is known exactly of a user's own model: nothing. The same questions as of a zoo's model, answered by None."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

Arrays = Mapping[str, np.ndarray]


def evidence(data: Arrays, **options: Any) -> None:
    """Return log p(x): not known."""


def posterior(data: Arrays, **options: Any) -> None:
    """Return the posterior's moments: not known."""


def fit(data: Arrays, **options: Any) -> None:
    """Return the maximum likelihood: not known."""


def log_likelihood(data: Arrays | np.ndarray, values: Arrays, **options: Any) -> None:
    """Return the log density of each row: not known."""
