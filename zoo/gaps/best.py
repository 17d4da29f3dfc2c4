"""q*: the best member of an arm's family, row by row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from guides.families import family, generator
from guides.local_layout import PHI
from zoo.backends.state import Values
from zoo.gaps.measure import draw
from zoo.rows import prior_phi
from zoo.schedule import cosine
from zoo.settle import LEAST, Settled, balanced, settle

if TYPE_CHECKING:
    from zoo.run import Run

RATE, STEPS, PAIRS = 0.03, 400, 16  # of the last steps, each with at least so many pairs of balanced draws
LEFT = 5  # rounds of least gain that may be left to free φ
JUDGES = 1000  # draws that choose between candidates; what is chosen is reported on others
TINY = 1e-30  # the least probability whose log is taken


@dataclass(frozen=True)
class Best:
    """q* of each row.

    Args:
        phi: its numbers (n, size).
        rising: why it has not arrived; empty if it has.
        climbs: for each start, what was gained from there in nats per row, and the error of that.
    """

    phi: np.ndarray
    rising: str
    climbs: list[tuple[float, float]]


def current_phi(run: Run, data: Values, rows: np.ndarray | None, seed: int) -> np.ndarray:
    """Return the arm's own φ of rows (n, size).

    A guide with a table of φ has the training rows' own; those of new rows are fitted. A semi-amortized guide's
    refinement takes draws, so that its φ is one outcome of them.

    Args:
        run: with local latents that have numbers of their own.
        data: the rows, arrays by name.
        rows: their places in the training data; None for new rows.
        seed: of the refinement's draws.
    """
    if run.program.guide.table is not None:
        own = run.params[PHI][rows] if rows is not None else run.params_for(data, None)[PHI]
        return np.asarray(own)
    return np.asarray(run.program.phi(run.params, data, seed))


def is_exact(run: Run) -> bool:
    """Whether q* is the posterior itself: one discrete latent, with a probability for each of its values."""
    guide = run.program.guide.rows
    return bool(guide.enumerated and not guide.continuous and len(guide.discrete) == 1)


def best_phi(run: Run, data: Values, starts: Sequence[np.ndarray], seed: int) -> Best:
    """Return the φ of each row that makes its ELBO largest, what rows share being held.

    From every start `zoo.settle.settle` climbs, and each row keeps the best of where these led, by 1,000 draws that are
    the same for all. From there the last steps follow, by balanced draws, and are kept where they gain by the 1,000.

    Args:
        run: an arm.
        data: rows, arrays by name.
        starts: φ of the prior, and what the encoders put out, each (n, size).
        seed: of the draws.
    """
    guide, count = run.program.guide.rows, len(starts[0])
    if guide.phi_size == 0:
        return Best(starts[0], "", [(0.0, 0.0)] * len(starts))
    drawn = balanced(generator(seed, "gaps: choice"), JUDGES, count, run.program.noise_shape(1)[2])

    def bounds(phi: np.ndarray) -> np.ndarray:
        return np.asarray(draw(run, data, phi, drawn).bounds, np.float64)

    if is_exact(run):
        probs = run.program.row_probs(run.params_for(data, starts[0]), {}, data)[0]
        log_probs = np.log(np.maximum(probs, TINY))
        phi = np.asarray(log_probs[:, 1:] - log_probs[:, :1])
        top = bounds(phi)
        return Best(phi, "", [_gained(bounds(start), top) for start in starts])
    nothing = np.zeros(count)
    best, worth = Settled(starts[0], nothing > 0, nothing, nothing), np.full(count, -np.inf)

    def keep(found: Settled, each: np.ndarray) -> tuple[Settled, np.ndarray]:
        after = each.mean(0)
        after = np.where(np.isfinite(after), after, -np.inf)
        return found.where(after > worth, best), np.maximum(after, worth)

    climbs = []
    for start in starts:
        found = settle(run.program, run.params, data, start, seed)
        each = bounds(found.phi)
        climbs.append(_gained(bounds(start), each))
        best, worth = keep(found, each)
    if not guide.discrete:
        last = replace(best, phi=_polished(run, data, best.phi, seed))
        best, worth = keep(last, bounds(last.phi))
    return Best(best.phi, "" if best.arrived else str(best), climbs)


def _gained(before: np.ndarray, after: np.ndarray) -> tuple[float, float]:
    """Return the mean gain over rows and its error, from draws (S, n) common to both, the second half mirrored."""
    with np.errstate(invalid="ignore"):
        each = (after - before).mean(1)
    halved = each.reshape(2, -1).mean(0)
    return float(halved.mean()), float(halved.std(ddof=1) / np.sqrt(len(halved)))


def still_rises(climb: tuple[float, float]) -> str:
    """Say whether a climb from φ gained more than 0.05 nats per row and 3 errors; empty if not.

    A row stops climbing at a round that gains less than `LEAST`; of such rounds several may be left to it.
    """
    gain, error = climb
    if gain <= max(LEFT * LEAST, 3 * error):
        return ""
    return f"its φ still rise: a climb from there gains {gain:.2g} nats per row"


def starts_of(runs: Sequence[Run], phis: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Return where q* of one family is looked for: the prior, and what each arm of that family found."""
    return [prior_phi(runs[0], len(phis[0])), *phis]


def shares(run: Run) -> bool:
    """Whether rows share numbers of the family, such as a flow's weights, so that its q* is that arm's alone."""
    guide = run.program.guide.rows
    return bool(guide.phi_size and guide.shared)


def has_elbo(run: Run) -> bool:
    """Whether the arm's local guide is a density."""
    name = run.request.local_guide
    return name is None or family(name).elbo


def _polished(run: Run, data: Values, phi: np.ndarray, seed: int) -> np.ndarray:
    # Only more pairs than latents balance all of their covariances.
    pairs = max(PAIRS, 2 * run.program.noise_shape(1)[2])
    params = run.params_for(data, phi)
    found: np.ndarray = run.program.fit_rows(params, data, phi, cosine(RATE, STEPS), seed, pairs)
    return np.where(np.isfinite(found).all(1)[:, None], found, phi)
