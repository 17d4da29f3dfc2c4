"""An arm's numbers by row: bounds, gaps, k̂, active units; from draws of its own q and of q*."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np

from guides.families import generator
from guides.sites import row_axis
from zoo import bounds, estimators
from zoo.backends.state import Evaluation, Values
from zoo.estimators import Estimate

if TYPE_CHECKING:
    from zoo.run import Run

LADDER = (1, 10, 100, 1000, 5000)  # K of the bounds L_K
ACTIVE = 0.01  # Burda, Grosse, Salakhutdinov 2016, appendix C: Var_x E_q[z] of a unit that is in use


@dataclass(frozen=True)
class Rows:
    """What draws from one q say of each row, in nats; n rows.

    Args:
        elbo, error: L(q) and its Monte Carlo standard error (n,).
        reconstruction, kl: its terms, E_q log p(x | z) and KL(q ‖ prior) (n,).
        bounds: L_K by K (n,).
        bound_errors: their errors.
        k_hat: PSIS k̂ (n,), −inf where q is the posterior; None where a discrete latent leaves no tail to fit.
        means: E_q[z] of every number of a row's latents (n, units); None where z is categorical.
        mean_errors: their variances (n, units).
    """

    elbo: np.ndarray
    error: np.ndarray
    reconstruction: np.ndarray
    kl: np.ndarray
    bounds: dict[int, np.ndarray]
    bound_errors: dict[int, np.ndarray]
    k_hat: np.ndarray | None
    means: np.ndarray | None
    mean_errors: np.ndarray | None


def noise(widths: Mapping[str, int], num_draws: int, count: int, name: str, seed: int) -> Callable[[str], np.ndarray]:
    """Return key -> standard normals (S, count, width): common to all keys as far as they are wide.

    >>> a = noise({"x": 2, "y": 3}, 4, 5, "fresh", 0)
    >>> a("y").shape, bool((a("x") == a("y")[..., :2]).all())
    ((4, 5, 3), True)
    """
    widest = max(widths.values(), default=0)
    drawn = generator(seed, name).standard_normal((num_draws, count, widest))
    return lambda key: drawn[..., : widths[key]]


def draw(run: Run, data: Values, phi: np.ndarray, drawn: np.ndarray) -> Evaluation:
    """Return the densities of draws from q(z; φ), by standard normals (S, n, width)."""
    inner = run.program.noise_shape(1)[0] - 1
    local = np.pad(drawn[:, None], ((0, 0), (0, inner), (0, 0), (0, 0)))
    return bounds.evaluate(
        run,
        len(drawn),
        "",
        0,
        data=data,
        phi=phi,
        noise=(np.zeros((len(drawn), 0)), local),
        keep=True,
    )


def sums(run: Run) -> bool:
    """Whether every latent is summed over, so that draws of the ELBO differ by rounding alone."""
    guide = run.program.guide.rows
    return bool(guide.enumerated and not guide.continuous)


def summary(run: Run, found: Evaluation) -> Rows:
    """Turn an arm's draws into its rows' numbers."""
    guide = run.program.guide
    enumerated = guide.rows.enumerated
    weights = np.asarray(found.rows, np.float64) - found.row_log_q
    mean = estimators.elbo(found.bounds)
    error = np.zeros(weights.shape[1]) if sums(run) else np.asarray(mean.error)
    ladder = {k: _bound(weights, k) for k in LADDER if k <= len(weights)}
    ladder[1] = Estimate(mean.value, error, mean.method)
    likelihood = found.likelihood.mean(0, dtype=np.float64)
    tail = None if enumerated else np.array([estimators.psis(w).k_hat for w in weights.T])
    means, spread = (None, None) if enumerated else _means(found, guide)
    return Rows(
        np.asarray(mean.value),
        error,
        likelihood,
        likelihood - np.asarray(mean.value),
        {k: np.asarray(e.value) for k, e in ladder.items()},
        {k: np.asarray(e.error) for k, e in ladder.items()},
        tail,
        means,
        spread,
    )


def _bound(weights: np.ndarray, k: int) -> Estimate:
    """Return L_K by groups of draws; where only one fits, by the error of importance sampling."""
    return estimators.iwae(weights, k) if 2 * k <= len(weights) else estimators.importance(weights[:k])


def _means(found: Evaluation, guide: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return E_q[z] by row, all sites side by side (n, units), and the variance of each as an estimate."""
    count = found.rows.shape[1]
    parts = []
    for site in guide.rows.sites:
        value = np.asarray(found.local_values[site.name], np.float64)
        parts.append(np.moveaxis(value, 1 + row_axis(site, guide.data_plate), 1).reshape(len(value), count, -1))
    every = np.concatenate(parts, -1)
    return every.mean(0), every.var(0, ddof=1) / len(every)


def active_units(rows: Rows) -> tuple[int, int] | None:
    """Return how many numbers of z vary between rows, Var_x E_q[z] > 0.01, and how many there are.

    The variance that the draws add to the means is taken off.
    """
    if rows.means is None or rows.mean_errors is None or len(rows.means) < 2:
        return None
    spread = rows.means.var(0, ddof=1) - rows.mean_errors.mean(0)
    return int((spread > ACTIVE).sum()), len(spread)


def joined(parts: Sequence[Rows]) -> Rows:
    """Return the rows of several parts, one after the other."""

    def together(name: str) -> Any:
        each = [getattr(p, name) for p in parts]
        if isinstance(each[0], dict):
            return {k: np.concatenate([e[k] for e in each]) for k in each[0]}
        return None if each[0] is None else np.concatenate(each)

    return Rows(*(together(f.name) for f in fields(Rows)))


def difference(run: Run, best: Evaluation, own: Evaluation) -> tuple[np.ndarray, np.ndarray]:
    """Return L(q*) − L(q) of each row and its error, draw by draw with common random numbers (n,)."""
    each = np.asarray(best.bounds, np.float64) - own.bounds
    error = np.zeros(each.shape[1]) if sums(run) else each.std(0, ddof=1) / math.sqrt(len(each))
    return each.mean(0), error
