"""What is known exactly of the Gaussian with priors: everything (Murphy 2007, sections 2 and 6).

Every function takes the model's options as keywords; an unknown one raises TypeError.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from scipy.special import digamma, gammaln
from scipy.stats import invgamma, norm, t

Arrays = Mapping[str, np.ndarray]
LOG_2PI = float(np.log(2 * np.pi))


@dataclass(frozen=True)
class Options:
    """The model's options, in metres; after `updated`, the posterior's in the same form."""

    m0: float = 1.7
    kappa0: float = 1.0
    a0: float = 2.0
    b0: float = 0.005
    known_sd: float | None = None
    s0: float = 0.1

    def updated(self, x: np.ndarray) -> "Options":
        """Return the posterior of rows x, shape (n,), as options of the same model."""
        n, mean, squares = len(x), x.mean(), ((x - x.mean()) ** 2).sum()
        if self.known_sd is not None:
            variance = 1 / (1 / self.s0**2 + n / self.known_sd**2)
            loc = variance * (self.m0 / self.s0**2 + n * mean / self.known_sd**2)
            return Options(float(loc), self.kappa0, self.a0, self.b0, self.known_sd, variance**0.5)
        kappa = self.kappa0 + n
        rate = self.b0 + 0.5 * squares + 0.5 * self.kappa0 * n * (mean - self.m0) ** 2 / kappa
        loc = (self.kappa0 * self.m0 + n * mean) / kappa
        return Options(float(loc), kappa, self.a0 + n / 2, float(rate))


class MeanField(NamedTuple):
    """The best q(loc) q(variance): its ELBO in nats, and the posterior sd by site that it claims."""

    elbo: float
    sd: dict[str, float]


def log_joint(values: Arrays, data: Arrays, **options: Any) -> dict[str, float]:
    """Return the log density by sample site.

    Args:
        values: {"loc": metres, "variance": square metres (absent with known_sd)}.
        data: {"x": heights in metres, shape (n,)}.
        options: the model's.

    Returns:
        Summed log density of "variance" (absent with known_sd), "loc" and "x".
    """
    o = Options(**options)
    observed = {"x": float(log_likelihood(data["x"], values, **options).sum())}
    if o.known_sd is not None:
        return {"loc": float(norm.logpdf(values["loc"], o.m0, o.s0))} | observed
    variance = values["variance"]
    return {
        "variance": float(invgamma.logpdf(variance, o.a0, scale=o.b0)),
        "loc": float(norm.logpdf(values["loc"], o.m0, np.sqrt(variance / o.kappa0))),
    } | observed


def log_likelihood(x: np.ndarray, values: Arrays, **options: Any) -> np.ndarray:
    """Return the log density of each row given the latents, shape (n,), in nats."""
    o = Options(**options)
    sd = np.sqrt(values["variance"]) if o.known_sd is None else o.known_sd
    return norm.logpdf(x, values["loc"], sd)


def evidence(data: Arrays, **options: Any) -> float:
    """Return log p(x) in nats.

    >>> x = np.array([1.6, 1.7, 1.65, 1.63, 1.75, 1.71, 1.68, 1.72, 1.77, 1.62])
    >>> round(evidence({"x": x}), 6), round(evidence({"x": x}, known_sd=0.05), 6)
    (13.071331, 13.055054)
    """
    x = data["x"]
    o, p, n = Options(**options), Options(**options).updated(x), len(x)
    if o.known_sd is not None:
        ratio, total = n * o.s0**2 / o.known_sd**2, o.known_sd**2 + n * o.s0**2
        squares = ((x - x.mean()) ** 2).sum() / o.known_sd**2 + n * (x.mean() - o.m0) ** 2 / total
        return float(-0.5 * (n * (LOG_2PI + 2 * np.log(o.known_sd)) + np.log1p(ratio) + squares))
    return float(
        gammaln(p.a0)
        - gammaln(o.a0)
        + o.a0 * np.log(o.b0)
        - p.a0 * np.log(p.b0)
        + 0.5 * np.log(o.kappa0 / p.kappa0)
        - 0.5 * n * LOG_2PI
    )


def posterior(data: Arrays, **options: Any) -> dict[str, dict[str, np.ndarray]]:
    """Return the posterior mean and sd of each latent, scalars; an sd that does not exist is infinite."""
    p = Options(**options).updated(data["x"])
    if p.known_sd is not None:
        return {"loc": {"mean": np.asarray(p.m0), "sd": np.asarray(p.s0)}}
    mean = p.b0 / (p.a0 - 1) if p.a0 > 1 else np.inf
    sd = mean / np.sqrt(p.a0 - 2) if p.a0 > 2 else np.inf
    return {
        "variance": {"mean": np.asarray(mean), "sd": np.asarray(sd)},
        "loc": {"mean": np.asarray(p.m0), "sd": np.sqrt(np.asarray(mean / p.kappa0))},
    }


def predictive(grid: np.ndarray, data: Arrays, **options: Any) -> np.ndarray:
    """Return the density of a new height at points in metres, shape (len(grid),), per metre."""
    p = Options(**options).updated(data["x"])
    if p.known_sd is not None:
        return norm.pdf(grid, p.m0, np.hypot(p.known_sd, p.s0))
    scale = np.sqrt(p.b0 * (p.kappa0 + 1) / (p.a0 * p.kappa0))
    return t.pdf(grid, 2 * p.a0, p.m0, scale)


def mean_field(data: Arrays, **options: Any) -> MeanField:
    """Return the fixed point of coordinate ascent on q(loc) q(variance) (Bishop 2006, section 10.1.3).

    The optimal factors are a Gaussian and an inverse gamma. With known_sd there is one latent, and mean
    field is exact.
    """
    o, p = Options(**options), Options(**options).updated(data["x"])
    if o.known_sd is not None:
        return MeanField(evidence(data, **options), {"loc": float(p.s0)})
    shape = p.a0 + 0.5
    rate = p.b0 * shape / p.a0
    loc_variance = rate / (shape * p.kappa0)
    mean_log = np.log(rate) - digamma(shape)
    steps = 2 * p.a0 - 2 * o.a0 + 1  # the Gaussian factors of the joint: n rows and loc
    expected = (
        o.a0 * np.log(o.b0)
        - gammaln(o.a0)
        + 0.5 * np.log(o.kappa0)
        - 0.5 * steps * LOG_2PI
        - (o.a0 + 1 + 0.5 * steps) * mean_log
        - shape
    )
    entropy = 0.5 * (LOG_2PI + 1 + np.log(loc_variance))
    entropy += shape + np.log(rate) + gammaln(shape) - (1 + shape) * digamma(shape)
    sd = rate / (shape - 1) / np.sqrt(shape - 2) if shape > 2 else np.inf
    return MeanField(float(expected + entropy), {"variance": float(sd), "loc": float(np.sqrt(loc_variance))})


def fit(data: Arrays, **options: Any) -> None:
    """Return None: there are no parameters to learn by maximum likelihood."""
    Options(**options)
