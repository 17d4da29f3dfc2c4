"""Log p(x) of each row: exact where the model knows it, else the best of several lower bounds, and so called."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from zoo import bounds, estimators
from zoo.backends.state import Values
from zoo.estimators import Estimate
from zoo.gaps.annealing import Pilot, annealed, pilot
from zoo.gaps.measure import draw, noise
from zoo.rows import prior_phi

if TYPE_CHECKING:
    from zoo.run import Run


@dataclass(frozen=True)
class Evidence:
    """Log p(x) of each row.

    Args:
        estimate: value and Monte Carlo error (n,), in nats, and how it was made.
        exact: whether it is known; else it is a lower bound.
        tried: the estimators that were chosen from, and the mean over rows that each had on the draws of the choice.
    """

    estimate: Estimate
    exact: bool
    tried: dict[str, float]


def evidence(
    run: Run,
    proposals: Sequence[tuple[str, Run, np.ndarray]],
    data: Values,
    blocks: Sequence[slice],
    seed: int,
    num: int,
) -> Evidence:
    """Return log p(x) of rows at the frozen model.

    Where the model does not know it (in closed form, by a sum, or by quadrature for z of at most two numbers), the
    lower bounds are L_K from each q*, and AIS from the prior and from the best q*. The one with the largest mean is
    chosen on draws of its own, and reported on fresh ones.

    Args:
        run: the frozen run.
        proposals: of each family: its name, an arm, and φ of q* (n, size).
        data: rows, arrays by name.
        blocks: the rows that are drawn for at once.
        seed: of the draws.
        num: K of L_K.
    """
    known = bounds.exact_rows(run, data)
    if known is not None:
        known = np.asarray(known, np.float64)
        how = run.model.card.exact.get("log_likelihood", "the sum over the local latents' values")
        return Evidence(Estimate(known, np.zeros(len(known)), f"exact: {how}"), True, {})
    if not proposals:
        nothing = np.full(len(next(iter(data.values()))), np.nan)
        return Evidence(Estimate(nothing, nothing, "not known: no arm is a density to bound it by"), False, {})
    tried: dict[str, float] = {}
    importance: dict[str, tuple[Run, np.ndarray]] = {}
    pilots: dict[str, tuple[Run, Pilot]] = {}
    for family, arm, phi in proposals:
        words = f"L_{num} from q* {family}"
        importance[words] = arm, phi
        tried[words] = _mean(_importance(arm, data, phi, blocks, "gaps: choice of evidence", seed, num))
    _, arm, best = proposals[int(np.argmax([tried[w] for w in importance]))]
    if not arm.program.guide.rows.discrete:
        for words, start in (("AIS from the prior", prior_phi(arm, len(best))), ("AIS from q*", best)):
            pilots[words] = arm, pilot(arm, data, start, 2 * seed + 1)
            tried[words] = float(pilots[words][1].value.mean())
    chosen = max(tried, key=lambda words: tried[words] if np.isfinite(tried[words]) else -np.inf)
    if chosen in importance:
        arm, phi = importance[chosen]
        found = _importance(arm, data, phi, blocks, "gaps: evidence", seed, num)
        return Evidence(Estimate(found.value, found.error, f"{chosen}: a lower bound"), False, tried)
    arm, tuned = pilots[chosen]
    found = annealed(arm, data, tuned, 2 * seed + 2)
    return Evidence(Estimate(found.value, found.error, f"{chosen}, {found.method}"), False, tried)


def _mean(found: Estimate) -> float:
    return float(np.mean(found.value))


def _importance(
    run: Run, data: Values, phi: np.ndarray, blocks: Sequence[slice], name: str, seed: int, num: int
) -> Estimate:
    parts = []
    for i, block in enumerate(blocks):
        rows = {key: x[block] for key, x in data.items()}
        count = len(phi[block])
        width = {"": run.program.noise_shape(1)[2]}
        drawn = noise(width, num, count, f"{name} {i}", seed)("")
        found = draw(run, rows, phi[block], drawn)
        parts.append(estimators.importance(np.asarray(found.rows, np.float64) - found.row_log_q))
    value, error = (np.concatenate([np.asarray(getattr(p, word)) for p in parts]) for word in ("value", "error"))
    return Estimate(value, error, f"L_{num}")
