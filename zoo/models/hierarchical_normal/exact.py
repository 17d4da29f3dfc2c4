"""What is known exactly of the hierarchical normal: everything.

Without z the model is the normal with a known sd √(tau² + sigma²) and a prior on its mean. With z, the
posterior is Gaussian, its precision an arrow: theta meets every z, and the z do not meet each other.

Every function takes the model's options as keywords; an unknown one raises TypeError.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from scipy.stats import norm

Arrays = Mapping[str, np.ndarray]
LOG_2PI = float(np.log(2 * np.pi))


@dataclass(frozen=True)
class Options:
    """The model's options, in x's unit."""

    prior: str = "normal"
    prior_sd: float = 100.0
    tau: float = 42.0
    sigma: float = 22.1

    @property
    def variance(self) -> float:
        """Variance of a row around theta."""
        return self.tau**2 + self.sigma**2

    @property
    def prior_precision(self) -> float:
        """Precision of theta's prior; 0 where it is flat."""
        return self.prior_sd**-2 if self.prior == "normal" else 0.0

    @property
    def shrink(self) -> float:
        """The share of x - theta that is expected to be z."""
        return self.tau**2 / self.variance

    @property
    def local_variance(self) -> float:
        """Variance of z given theta and x."""
        return self.shrink * self.sigma**2


class MeanField(NamedTuple):
    """The best q(theta) ∏ q(z_i): its ELBO in nats, and by site the mean and sd that it claims."""

    elbo: float
    mean: dict[str, np.ndarray]
    sd: dict[str, np.ndarray]


def log_joint(values: Arrays, data: Arrays, **options: Any) -> dict[str, float]:
    """Return the log density by sample site.

    Args:
        values: {"theta": (), "z": departures (n,)}.
        data: {"x": measurements, shape (n,)}.
        options: the model's.

    Returns:
        Summed log density of "theta" (0 with the flat prior), "z" and "x".
    """
    o = Options(**options)
    theta, z = values["theta"], values["z"]
    return {
        "theta": float(norm.logpdf(theta, 0, o.prior_sd)) if o.prior == "normal" else 0.0,
        "z": float(norm.logpdf(z, 0, o.tau).sum()),
        "x": float(norm.logpdf(data["x"], theta + z, o.sigma).sum()),
    }


def log_likelihood(x: np.ndarray, values: Arrays, **options: Any) -> np.ndarray:
    """Return log p(x_i | theta) of each row, its z integrated out, shape (n,), in nats."""
    return norm.logpdf(x, values["theta"], np.sqrt(Options(**options).variance))


def evidence(data: Arrays, **options: Any) -> float:
    """Return log p(x) in nats; with the flat prior, the log of ∫ p(x | theta) dtheta, in nats and x's unit.

    >>> x = np.array([5.0, 28.0, 64.0, -2.0, 100.0, -30.0])
    >>> round(evidence({"x": x}), 6), round(evidence({"x": x}, prior="flat"), 6)
    (-32.87104, -27.29206)
    """
    o, x = Options(**options), data["x"]
    n, squares = len(x), ((x - x.mean()) ** 2).sum()
    rows = -0.5 * (n * (LOG_2PI + np.log(o.variance)) + squares / o.variance)
    if o.prior == "flat":
        return float(rows + 0.5 * (LOG_2PI + np.log(o.variance / n)))
    ratio = n * o.prior_sd**2 / o.variance
    return float(rows - 0.5 * (np.log1p(ratio) + n * x.mean() ** 2 / (o.variance * (1 + ratio))))


def posterior(data: Arrays, **options: Any) -> dict[str, dict[str, np.ndarray]]:
    """Return the posterior mean and sd of theta, scalars."""
    o, x = Options(**options), data["x"]
    precision = len(x) / o.variance + o.prior_precision
    return {"theta": {"mean": np.asarray(x.sum() / o.variance / precision), "sd": np.asarray(precision**-0.5)}}


def local_posterior(x: np.ndarray, values: Arrays, **options: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return the posterior of each z given theta, a Gaussian.

    Args:
        x: measurements, shape (n,).
        values: {"theta": ()}.
        options: the model's.

    Returns:
        The means, shape (n,), and the one variance, shape ().
    """
    o = Options(**options)
    return o.shrink * (x - values["theta"]), np.asarray(o.local_variance)


def local_marginal(data: Arrays, **options: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return the posterior of each z with theta integrated out: means (n,), and the one variance ()."""
    o, theta = Options(**options), posterior(data, **options)["theta"]
    mean = o.shrink * (data["x"] - theta["mean"])
    return mean, o.local_variance + o.shrink**2 * theta["sd"] ** 2


def mean_field_gap(data: Arrays, **options: Any) -> float:
    """Return log p(x) less the best ELBO of a guide with independent theta and z, in nats of the whole data.

    It is half the log ratio of theta's precision with every z held fixed and with z integrated out, and does
    not depend on x; with the flat prior ½ log((sigma² + tau²) / sigma²), however many the rows.
    """
    o, n = Options(**options), len(data["x"])
    return float(0.5 * np.log((n / o.sigma**2 + o.prior_precision) / (n / o.variance + o.prior_precision)))


def mean_field(data: Arrays, **options: Any) -> MeanField:
    """Return the best guide with theta and all z independent.

    Its means are the posterior's, and its precisions the diagonal of the posterior's. A Gaussian of any
    richer family of theta, or of z, is the same guide: each is one number.
    """
    o, theta = Options(**options), posterior(data, **options)["theta"]
    n = len(data["x"])
    return MeanField(
        elbo=evidence(data, **options) - mean_field_gap(data, **options),
        mean={"theta": theta["mean"], "z": local_marginal(data, **options)[0]},
        sd={
            "theta": np.asarray((n / o.sigma**2 + o.prior_precision) ** -0.5),
            "z": np.full(n, o.local_variance**0.5),
        },
    )


def fit(data: Arrays, **options: Any) -> None:
    """Return None: there are no parameters to learn by maximum likelihood."""
    Options(**options)
