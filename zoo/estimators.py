"""From log weights to numbers: ELBO, importance-weighted bounds, PSIS k̂, each with its Monte Carlo error.

Log weights are log w_s = log p(x, z_s) - log q(z_s) for draws z_s from the guide q: a *larger* log weight
marks a *more important* draw, everywhere in this file. Mind the sign when comparing with ArviZ: `az.psislw`
of 0.23 takes log weights as here, `arviz_stats.psislw` of 1.x takes *minus* log weights, and the wrong sign
shows a bad guide as a perfect one.

References:
    1. Burda, Grosse, Salakhutdinov 2016, Importance weighted autoencoders, eq. 8 (the bound L_K).
    2. Zhang, Stephens 2009, A new and efficient estimation method for the generalized Pareto distribution.
    3. Vehtari, Simpson, Gelman, Yao, Gabry 2024, Pareto smoothed importance sampling, JMLR 25(72): the tail's
       length, the prior on k, and what k̂ above 0.7 means.
    4. Yao, Vehtari, Simpson, Gelman 2018, Yes, but did it work? Evaluating variational inference.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

TRUSTED_K_HAT = 0.7  # [3], [4]
_PRIOR_K, _PRIOR_K_DRAWS = 0.5, 10  # [3]: a Gaussian around 0.5 that weighs as much as 10 tail draws
_PRIOR_B = 3  # [2]: the grid is spaced by 3 times the first quartile
_MIN_TAIL = 5  # fewer points than this do not determine a shape
_ROUNDING = 16 * float(np.finfo(np.float32).eps)  # log weights come from runs in single precision


def rounded(value: float, error: float) -> str:
    """Write a number to the digits that its standard error leaves, if it has one.

    >>> rounded(13.071331, 0.0021), rounded(13.071331, 0.0)
    ('13.0713 ± 0.0021', '13.0713')
    """
    if not (np.isfinite(error) and error >= 1e-8):
        return f"{value:.6g}"
    places = max(0, 1 - int(np.floor(np.log10(error))))
    return f"{value:.{places}f} ± {error:.{places}f}"


@dataclass(frozen=True)
class Estimate:
    """A number with its Monte Carlo standard error, and how it was made.

    Args:
        value: the estimate; a float, or one number a row, shape (n,).
        error: standard error of the value, same shape; 0 where the value is exact.
        method: in a few words, such as "exact" or "ELBO, 1000 draws".
    """

    value: float | np.ndarray
    error: float | np.ndarray
    method: str

    def __str__(self) -> str:
        if np.ndim(self.value):
            return f"{len(np.atleast_1d(self.value))} values ({self.method})"
        if self.error == 0:
            return f"{float(self.value):.6g} ({self.method})"
        return f"{float(self.value):.6g} ± {float(self.error):.2g} ({self.method})"


@dataclass(frozen=True)
class Smoothed:
    """Pareto smoothed importance weights.

    Args:
        log_weights: normalised (their exponentials sum to 1), shape (S,).
        k_hat: shape of the tail; -inf where the weights are constant, inf where there is no tail to fit.
    """

    log_weights: np.ndarray
    k_hat: float


def log_mean_exp(values: np.ndarray, axis: int = 0) -> np.ndarray:
    """Return the log of the mean of exponentials, without overflow.

    Args:
        values: any shape.
        axis: the axis to average over.

    Returns:
        `values`' shape without that axis; -inf where every value is -inf.

    >>> float(log_mean_exp(np.array([1000.0, 1000.0])))
    1000.0
    """
    values = np.asarray(values, dtype=np.float64)
    top = np.max(values, axis=axis, keepdims=True)
    shift = np.where(np.isfinite(top), top, 0.0)
    with np.errstate(divide="ignore"):
        return np.squeeze(shift, axis=axis) + np.log(np.mean(np.exp(values - shift), axis=axis))


def elbo(log_weights: np.ndarray) -> Estimate:
    """Return the evidence lower bound, the mean log weight.

    Args:
        log_weights: (S,), or (S, n) with one column a row of data; nats.

    Returns:
        Value and error in nats, a float or (n,).

    Raises:
        ValueError: fewer than two draws, or a log weight that is NaN or +inf.
    """
    weights = _checked(log_weights)
    num_draws = len(weights)
    value = weights.mean(axis=0)
    finite = np.isfinite(value)
    spread = np.where(finite, weights, 0.0).std(axis=0, ddof=1) / math.sqrt(num_draws)
    return Estimate(_plain(value), _plain(np.where(finite, spread, np.inf)), f"ELBO, {num_draws} draws")


def iwae(log_weights: np.ndarray, num_particles: int) -> Estimate:
    """Return the importance-weighted bound L_K, unbiased, from S // K disjoint groups of K draws.

    Args:
        log_weights: (S,), or (S, n) with one column a row of data; nats.
        num_particles: K, draws in a group. K = 1 is the ELBO.

    Returns:
        Value and error in nats, a float or (n,).

    Raises:
        ValueError: fewer than two whole groups (no error could be given), or a NaN or +inf log weight.

    >>> iwae(np.array([0.0, 0.0, 1.0, 1.0]), num_particles=2).value
    0.5
    """
    weights = _checked(log_weights)
    groups = len(weights) // num_particles if num_particles >= 1 else 0
    if groups < 2:
        raise ValueError(
            f"L_K with K = {num_particles} needs at least two groups of K draws to have an error; "
            f"there are {len(weights)} draws: draw more, or lower K"
        )
    kept = weights[: groups * num_particles].reshape(groups, num_particles, *weights.shape[1:])
    bound = elbo(log_mean_exp(kept, axis=1))
    return Estimate(bound.value, bound.error, f"IWAE bound, K = {num_particles}, {groups} groups")


def importance(log_weights: np.ndarray) -> Estimate:
    """Return the log evidence by importance sampling: the bound L_S from one group of all S draws.

    Its expectation is below the evidence, and its error (delta method: the sd of the weights over their mean
    and √S) is to be trusted only where k̂ is.

    Args:
        log_weights: (S,), or (S, n) with one column a row of data; nats.

    Returns:
        Value and error in nats, a float or (n,).
    """
    weights = _checked(log_weights)
    num_draws = len(weights)
    value = log_mean_exp(weights)
    finite = np.isfinite(value)
    ratios = np.exp(weights - np.where(finite, value, 0.0))
    error = np.where(finite, ratios.std(axis=0, ddof=1) / math.sqrt(num_draws), np.inf)
    return Estimate(_plain(value), _plain(error), f"importance sampling, {num_draws} draws")


def effective_draws(log_weights: np.ndarray) -> float:
    """Return Kish's effective number of draws, (Σw)² / Σw², between 1 and S; 0 where every weight is 0.

    >>> effective_draws(np.zeros(8))
    8.0
    """
    weights = _checked(log_weights)
    top = weights.max()
    if not np.isfinite(top):
        return 0.0
    ratios = np.exp(weights - top)
    return float(ratios.sum() ** 2 / np.sum(ratios**2))


def psis(log_weights: np.ndarray) -> Smoothed:
    """Smooth the largest importance weights by a generalised Pareto tail, and fit its shape k̂.

    The M = ⌈min(S/5, 3√S)⌉ largest of S weights are replaced by the fitted tail's expected order statistics,
    cut at the largest raw weight. A fit in which p / q has k̂ > 0.7 is not to be trusted.

    Args:
        log_weights: (S,) independent draws' log p - log q, larger = more important (not its negative).

    Returns:
        Normalised smoothed log weights, (S,), and k̂: -inf for a perfect guide (weights constant up to single
        precision), inf where fewer than 5 distinct large weights leave no tail to fit.

    Raises:
        ValueError: not one-dimensional, fewer than two draws, or a log weight that is NaN or +inf.

    >>> psis(np.full(100, -3.0)).k_hat
    -inf
    """
    weights = _checked(log_weights)
    if weights.ndim != 1:
        raise ValueError(f"psis takes log weights of shape (S,), got {weights.shape}")
    top = weights.max()
    if not np.isfinite(top):
        return Smoothed(np.full(len(weights), -math.log(len(weights))), math.inf)
    if weights.max() - weights.min() <= _ROUNDING * max(1.0, abs(top)):
        return Smoothed(_normalised(weights - top), -math.inf)
    weights = weights - top
    order = np.argsort(weights, kind="stable")
    num_tail = math.ceil(min(len(weights) / 5, 3 * math.sqrt(len(weights))))
    cutoff = max(weights[order[-num_tail - 1]], math.log(np.finfo(np.float64).tiny))
    tail = order[-num_tail:][weights[order[-num_tail:]] > cutoff]
    if len(tail) < _MIN_TAIL:
        return Smoothed(_normalised(weights), math.inf)
    shape, scale = fit_pareto(np.exp(weights[tail]) - math.exp(cutoff))
    if math.isfinite(shape):
        quantiles = _pareto_quantiles((np.arange(len(tail)) + 0.5) / len(tail), shape, scale)
        weights[tail] = np.minimum(np.log(quantiles + math.exp(cutoff)), 0.0)
    return Smoothed(_normalised(weights), shape)


def k_hat_note(k_hat: float | None) -> str:
    """Say in words what a k̂ means; empty where there is none.

    >>> k_hat_note(0.93)
    'not to be trusted'
    """
    if k_hat is None:
        return ""
    return "good" if k_hat <= TRUSTED_K_HAT else "not to be trusted"


def fit_pareto(exceedances: np.ndarray) -> tuple[float, float]:
    """Fit a generalised Pareto distribution by Zhang and Stephens' posterior mean, with the prior of [3].

    Args:
        exceedances: (M,) positive, in increasing order.

    Returns:
        Shape k (positive = heavy tail; inf where the fit fails) and scale.
    """
    x = np.asarray(exceedances, dtype=np.float64)
    num = len(x)
    num_grid = 30 + int(math.sqrt(num))
    quartile = x[int(num / 4 + 0.5) - 1]
    grid = 1 - np.sqrt(num_grid / (np.arange(1, num_grid + 1) - 0.5))
    grid = grid / (_PRIOR_B * quartile) + 1 / x[-1]
    shapes = np.log1p(-grid[:, None] * x).mean(axis=1)
    profile = num * (np.log(-grid / shapes) - shapes - 1)
    posterior = np.exp(profile - profile.max())
    posterior /= posterior.sum()
    b = float(np.sum(grid * posterior))
    shape = float(np.log1p(-b * x).mean())
    scale = -shape / b
    shape = (num * shape + _PRIOR_K_DRAWS * _PRIOR_K) / (num + _PRIOR_K_DRAWS)
    return (shape, scale) if math.isfinite(shape) and scale > 0 else (math.inf, math.nan)


def _pareto_quantiles(probs: np.ndarray, shape: float, scale: float) -> np.ndarray:
    if abs(shape) < np.finfo(np.float64).eps:
        return -scale * np.log1p(-probs)
    return scale * np.expm1(-shape * np.log1p(-probs)) / shape


def _normalised(weights: np.ndarray) -> np.ndarray:
    return weights - log_mean_exp(weights) - math.log(len(weights))


def _checked(log_weights: np.ndarray) -> np.ndarray:
    weights = np.array(log_weights, dtype=np.float64)
    if weights.ndim == 0 or len(weights) < 2:
        raise ValueError(f"log weights need at least two draws along their first axis, got shape {weights.shape}")
    if np.isnan(weights).any() or np.isposinf(weights).any():
        raise ValueError("a log weight is NaN or +inf: the model or the guide has no finite density at a draw")
    return weights


def _plain(value: np.ndarray) -> float | np.ndarray:
    return value if np.ndim(value) else float(value)
