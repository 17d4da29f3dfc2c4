"""Whether an ELBO still rises: by its level at a round's end, or by draws common to two places."""

from __future__ import annotations

import numpy as np

from zoo.backends.contract import Program
from zoo.learnt import CONVERGED, Plan
from zoo.schedule import subsample

TOLERANCE = 0.01  # nats per row: a round that gains less was the last
COARSE = 0.05  # nats per row: an ELBO that is not known better than this says nothing of its having arrived
ERRORS = 2.0  # standard errors that a gain must exceed to be one; by chance one of 44 does
TAIL = 10  # a round is judged by its last tenth
BLOCKS = 20  # whose error is that of the mean of so many blocks of steps
JUDGES = 32  # draws that judge a gain


def level(losses: np.ndarray, plan: Plan) -> tuple[float, float]:
    """Return the mean ELBO of a round's last tenth, at least 20 steps, and its standard error, in nats.

    The error is that of the mean of blocks of steps: batches of one epoch have no row in common, so that their losses
    are not independent.
    """
    count = len(losses)
    tail = -losses[max(0, count - max(20, count // TAIL)) :]
    epoch = 1 if plan.batch_size is None else -(-plan.rows // plan.batch_size)
    length = min(-(-len(tail) // (BLOCKS * epoch)) * epoch, max(1, len(tail) // 2))
    blocks = len(tail) // length
    means = tail[len(tail) - blocks * length :].reshape(blocks, length).mean(1)
    return float(tail.mean()), float(means.std(ddof=1) / np.sqrt(blocks)) if blocks > 1 else 0.0


def verdict(gain: float, error: float, steps: int, plan: Plan) -> str:
    """Return the status after a round: whether it changed the ELBO by more than is allowed, per row."""
    each, unsure = gain / plan.rows, ERRORS * error / plan.rows
    if each > max(TOLERANCE, unsure):
        return f"not converged: the last {steps:,} steps still raised the ELBO by {each:.2g} nats per row"
    if each < -max(TOLERANCE, unsure):
        return f"not converged: the last {steps:,} steps lowered the ELBO by {-each:.2g} nats per row"
    if plan.batch_size is not None and unsure > COARSE:
        return f"not converged: the ELBO is known to ± {unsure:.2g} nats per row only; take a larger batch_size"
    return CONVERGED


def fixed_verdict(losses: np.ndarray, plan: Plan) -> str:
    """Return the status after a fixed number of steps: whether the second half of them still raised the ELBO."""
    half = len(losses) // 2
    if half < 20:
        return f"not converged: {len(losses)} steps are too few to tell"
    first, last = level(losses[:half], plan), level(losses, plan)
    return verdict(last[0] - first[0], float(np.hypot(first[1], last[1])), len(losses) - half, plan)


def judged(program: Program, plan: Plan, before: np.ndarray, after: np.ndarray) -> tuple[float, float]:
    """Return by how much the ELBO is higher at `after`, in nats, and its standard error.

    Each of 32 looks has draws of its own, common to both places, and rows of its own if there are many: the error is
    over the choice of both.
    """

    def look(seed: int) -> float:
        rows = subsample(plan.rows, seed)
        return float(program.objective(before, rows, seed)[0] - program.objective(after, rows, seed)[0])

    gains = np.array([look(fresh_seed(plan, -1 - i)) for i in range(JUDGES)])
    if not np.isfinite(gains).all():
        return -np.inf, 0.0
    return float(gains.mean()), float(gains.std(ddof=1) / np.sqrt(len(gains)))


def fresh_seed(plan: Plan, i: int) -> int:
    """Return a seed of draws that learning has not seen."""
    return int(np.random.default_rng([plan.seed, i + 1_000_000]).integers(2**31))
