"""What is known exactly of a Gaussian whose parameters are learnt by maximum likelihood."""

from collections.abc import Mapping

import numpy as np
from scipy.stats import norm

Arrays = Mapping[str, np.ndarray]


def log_joint(values: Arrays, data: Arrays) -> dict[str, float]:
    """Return the log density by sample site.

    Args:
        values: {"loc": metres, "scale": metres}.
        data: {"x": heights in metres, shape (n,)}.

    Returns:
        {"x": summed log density}.
    """
    return {"x": float(log_likelihood(data["x"], values).sum())}


def log_likelihood(x: np.ndarray, values: Arrays) -> np.ndarray:
    """Return the log density of each row, shape (n,), in nats (of a density per metre).

    >>> log_likelihood(np.array([1.7]), {"loc": np.array(1.7), "scale": np.array(0.1)}).round(6)
    array([1.383647])
    """
    return norm.logpdf(x, values["loc"], values["scale"])


def evidence(data: Arrays) -> None:
    """Return None: without a prior on the parameters there is no evidence."""


def posterior(data: Arrays) -> None:
    """Return None: there are no latents."""


def fit(data: Arrays) -> dict[str, np.ndarray]:
    """Return the maximum likelihood estimate (Bishop 2006, equations 1.55 and 1.56).

    >>> found = fit({"x": np.array([1.6, 1.7, 1.8])})
    >>> float(found["loc"].round(4)), float(found["scale"].round(4))
    (1.7, 0.0816)
    """
    x = data["x"]
    return {"loc": np.asarray(x.mean()), "scale": np.asarray(x.std())}
