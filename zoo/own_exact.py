"""The exact answers of a user's own model, as in a zoo model's `exact.py`: none is known."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

Arrays = Mapping[str, np.ndarray]


def evidence(data: Arrays, **options: object) -> None:
    """Return log p(x): not known."""


def posterior(data: Arrays, **options: object) -> None:
    """Return the posterior's moments: not known."""


def fit(data: Arrays, **options: object) -> None:
    """Return the maximum likelihood: not known."""


def log_likelihood(data: Arrays | np.ndarray, values: Arrays, **options: object) -> None:
    """Return the log density of each row: not known."""
