"""What is known exactly of a linear-chain conditional random field with priors: densities, and the posterior's mode."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import norm

from zoo.models.crf import exact as crf

Arrays = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Options:
    """The model's options."""

    K: int = 10
    D: int = 16
    scale: float = 1.0


def log_joint(values: Arrays, data: Arrays, **options: Any) -> dict[str, float]:
    """Return the log density by sample site.

    Args:
        values: "weights" (D, K), "bias" (K,) and "transition" (K, K).
        data: {"x": features (n, T, D), "y": labels (n, T)}.
        options: the model's.
    """
    o = Options(**options)
    prior = {name: float(norm.logpdf(values[name], scale=o.scale).sum()) for name in crf.SITES}
    return {**prior, "y": float(crf.log_likelihood(data, values).sum())}


def log_likelihood(data: Arrays, values: Arrays, **options: Any) -> np.ndarray:
    """Return log p(y | x) of each string at given parameters, shape (n,), in nats."""
    Options(**options)
    return crf.log_likelihood(data, values)


def marginals(x: np.ndarray, values: Arrays, **options: Any) -> np.ndarray:
    """Return the probability of each label at each step at given parameters (n, T, K); 0 past the end."""
    Options(**options)
    return crf.marginals(x, values)


def mode(data: Arrays, **options: Any) -> dict[str, np.ndarray]:
    """Return the parameters at which the posterior density is highest: a penalised fit of `crf`.

    >>> data = {"x": np.array([[[1.0]], [[-1.0]]]), "y": np.array([[1.0], [0.0]])}
    >>> found = mode(data, K=2, D=1)  # w = 2 sigmoid(−2 w), the weights being −w and w
    >>> found["weights"].round(4)
    array([[-0.5213,  0.5213]])
    """
    o = Options(**options)
    return crf.climb(data, o.K, o.D, o.scale**-2)


def evidence(data: Arrays, **options: Any) -> None:
    """Return None: the integral over the parameters has no closed form."""
    Options(**options)


def posterior(data: Arrays, **options: Any) -> None:
    """Return None: the posterior's moments have no closed form."""
    Options(**options)


def fit(data: Arrays, **options: Any) -> None:
    """Return None: there are no parameters to learn by maximum likelihood."""
    Options(**options)
