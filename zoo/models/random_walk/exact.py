"""What is known exactly of the random walk with noise: everything.

Λ is the precision of every series' posterior, tridiagonal, and its mean is Λ⁻¹ x / noise_sd². Every function
takes the model's options as keywords.
"""

from collections.abc import Mapping

import numpy as np
from scipy.stats import norm

Arrays = Mapping[str, np.ndarray]
LOG_2PI = float(np.log(2 * np.pi))


def log_joint(
    values: Arrays, data: Arrays, *, T: int = 10, step_sd: float = 1.0, noise_sd: float = 1.0
) -> dict[str, float]:
    """Return the log density by sample site.

    Args:
        values: {"z": walks (n, T)}.
        data: {"x": series, shape (n, T)}.
        T, step_sd, noise_sd: the model's options.

    Returns:
        Summed log density of "z", which is that of its steps, and of "x".
    """
    steps = np.diff(values["z"], prepend=0.0)
    return {
        "z": float(norm.logpdf(steps, 0, step_sd).sum()),
        "x": float(norm.logpdf(data["x"], values["z"], noise_sd).sum()),
    }


def log_likelihood(
    x: np.ndarray, values: Arrays, *, T: int = 10, step_sd: float = 1.0, noise_sd: float = 1.0
) -> np.ndarray:
    """Return log p(x_i) of each series by the Kalman filter, shape (n,), in nats.

    Args:
        x: series, shape (n, T).
        values: not looked at, as the model has neither parameters nor global latents.
        T, step_sd, noise_sd: the model's options.

    >>> log_likelihood(np.array([[0.0], [1.0]]), {}, T=1).round(6)
    array([-1.265512, -1.515512])
    """
    total, mean, variance = np.zeros(len(x)), np.zeros(len(x)), step_sd**2
    for now in np.asarray(x).T:
        spread = variance + noise_sd**2
        off = now - mean
        total -= 0.5 * (LOG_2PI + np.log(spread) + off**2 / spread)
        gain = variance / spread
        mean = mean + gain * off
        variance = (1 - gain) * variance + step_sd**2
    return total


def evidence(data: Arrays, *, T: int = 10, step_sd: float = 1.0, noise_sd: float = 1.0) -> float:
    """Return log p(x) of all series, in nats."""
    return float(log_likelihood(data["x"], {}, T=T, step_sd=step_sd, noise_sd=noise_sd).sum())


def posterior(data: Arrays, *, T: int = 10, step_sd: float = 1.0, noise_sd: float = 1.0) -> None:
    """Return None: there are no global latents."""


def fit(data: Arrays, *, T: int = 10, step_sd: float = 1.0, noise_sd: float = 1.0) -> None:
    """Return None: there are no parameters to learn."""


def covariance(*, T: int = 10, step_sd: float = 1.0, noise_sd: float = 1.0) -> np.ndarray:
    """Return the covariance of a series under the model, step_sd² min(s, t) + noise_sd² I, shape (T, T)."""
    time = np.arange(1.0, T + 1)
    return step_sd**2 * np.minimum(time[:, None], time) + noise_sd**2 * np.eye(T)


def precision(*, T: int = 10, step_sd: float = 1.0, noise_sd: float = 1.0) -> np.ndarray:
    """Return Λ, the precision of every series' posterior, shape (T, T)."""
    beside = np.eye(T, k=1) + np.eye(T, k=-1)
    rate = (noise_sd**-2 + 2 * step_sd**-2) * np.eye(T) - step_sd**-2 * beside
    rate[-1, -1] -= step_sd**-2
    return rate


def local_posterior(
    x: np.ndarray, values: Arrays, *, T: int = 10, step_sd: float = 1.0, noise_sd: float = 1.0
) -> tuple[np.ndarray, np.ndarray]:
    """Return the posterior of the walks: what a Kalman smoother finds, and the covariance between steps too.

    Args:
        x: series, shape (n, T).
        values: not looked at.
        T, step_sd, noise_sd: the model's options.

    Returns:
        The means, shape (n, T), and the one covariance, shape (T, T).
    """
    spread = np.linalg.inv(precision(T=T, step_sd=step_sd, noise_sd=noise_sd))
    return x @ spread / noise_sd**2, spread


def mean_field_sd(*, T: int = 10, step_sd: float = 1.0, noise_sd: float = 1.0) -> np.ndarray:
    """Return the sds of the best mean-field guide, Λ_tt^-½, shape (T,); its mean is the posterior's."""
    return np.diagonal(precision(T=T, step_sd=step_sd, noise_sd=noise_sd)) ** -0.5


def mean_field_gap(*, T: int = 10, step_sd: float = 1.0, noise_sd: float = 1.0) -> float:
    """Return log p(x) less the best mean-field ELBO, ½(Σ log Λ_tt - log|Λ|), the same for every series, in nats.

    >>> round(mean_field_gap(T=2), 6)  # ½ log(3 · 2 / 5)
    0.091161
    """
    rate = precision(T=T, step_sd=step_sd, noise_sd=noise_sd)
    return float(0.5 * (np.log(np.diagonal(rate)).sum() - np.linalg.slogdet(rate)[1]))


def gap_per_step(*, T: int = 10, step_sd: float = 1.0, noise_sd: float = 1.0) -> float:
    """Return what a further step adds to the mean-field gap of a long series, in nats.

    With a = 1/noise_sd² + 2/step_sd² and b = 1/step_sd², |Λ| grows by the factor (a + √(a² - 4b²)) / 2 a step,
    and the product of its diagonal by a.

    >>> round(gap_per_step(), 4)
    0.0681
    """
    a, b = noise_sd**-2 + 2 * step_sd**-2, step_sd**-2
    return float(0.5 * np.log(2 * a / (a + np.sqrt(a**2 - 4 * b**2))))


def window_gap(
    half_width: int,
    covariance_x: np.ndarray | None = None,
    *,
    shared: bool = False,
    T: int = 10,
    step_sd: float = 1.0,
    noise_sd: float = 1.0,
) -> float:
    """Return the amortization gap of the best encoder that sees x from t - half_width to t + half_width, nats a row.

    The encoder gives a Gaussian guide its means; the variances, the same for every series, are free. With the
    posterior's mean m, a guide of mean m̂ loses ½(m - m̂)ᵀΛ(m - m̂), since the KL divergence from a Gaussian is
    quadratic in the mean, with Λ for its matrix whatever the guide's own variances. Let m̂ = A x, where A_ts is
    free for |t - s| ≤ half_width and else 0, let S = Cov(x), and m = Λ⁻¹x / noise_sd². The mean loss is

        ½ tr Λ(m̂ - m)(m̂ - m)ᵀ = ½ Σ Λ_tt' A_ts S_ss' A_t's' - Σ A_ts S_ts / noise_sd² + ½ tr(Λ⁻¹S) / noise_sd⁴,

    a quadratic function of the free entries, which one linear system minimises. The means are chosen jointly:
    as Λ couples them, m̂_t is *not* the expectation of m_t given the window. Where x is Gaussian with this S, no
    nonlinear encoder does better: at the optimum [Λ(m̂ - m)]_t is uncorrelated with all of window t, so
    independent of it, and its expectation given the window vanishes, which is the condition for the best
    function of the window. Constants are free as well: S is a covariance, not a second moment.

    Args:
        half_width: of the window, which ends where the series does; from T - 1 on the gap is 0.
        covariance_x: of the series that are averaged over, shape (T, T), such as np.cov(x.T, bias=True); the
            model's own unless given.
        shared: whether one set of weights serves every step, x being 0 beyond the ends of the series: the best
            affine encoder that moves along it, such as the zoo's of depth 0. Else each step has its own weights,
            which bounds all encoders of such windows from below.
        T, step_sd, noise_sd: the model's options.
    """
    rows = covariance(T=T, step_sd=step_sd, noise_sd=noise_sd) if covariance_x is None else covariance_x
    rate = precision(T=T, step_sd=step_sd, noise_sd=noise_sd)
    time = np.arange(T)
    t, s = np.nonzero(np.abs(time[:, None] - time) <= half_width)
    matrix = rate[t[:, None], t] * rows[s[:, None], s]
    target = rows[t, s] / noise_sd**2
    if shared:
        tie = np.eye(2 * T - 1)[T - 1 + s - t]
        matrix, target = tie.T @ matrix @ tie, tie.T @ target
    # Fewer series than columns make the system singular; all of its solutions are as good.
    weights = np.linalg.lstsq(matrix, target, rcond=None)[0]
    lost = np.trace(np.linalg.solve(rate, rows)) / noise_sd**4 - target @ weights
    return max(0.0, float(0.5 * lost))
