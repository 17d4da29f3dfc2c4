"""The finish of an ELBO without noise: L-BFGS on the vector that SVI learns, preconditioned by the curvature there.

SVI's last steps are short and the way along a narrow valley is long. An ELBO that has no noise (maximum likelihood
with local latents summed out or served exactly, or a guide of points) can be finished by a second-order method instead.
Everything is measured in nats: with g the gradient and H the Hessian, ½ gᵀ|H|⁻¹g is about what is still to be gained,
whatever the unit of the data (half of the squared Newton decrement; Boyd and Vandenberghe, Convex Optimization, 9.5.1).

References:
    1. Liu, Nocedal 1989, On the limited memory BFGS method for large scale optimization.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from guides.lbfgs import Objective, minimise

Told = Callable[[float], None]  # the loss after an iteration

MOST = 300  # numbers whose whole curvature is looked at, by two gradients each
STEP = 1e-2  # of the central differences of gradients; a unit is a typical move of a parameter
FLATTEST = 1e-6  # nats per unit²: the least curvature that is divided by; a unit is then no move worth mentioning
SHARPEST = {"float32": 1e7, "float64": 1e13}  # the curvatures divided by differ by at most this: rounding hides more
MOST_ROUNDS, MOST_STEPS = 6, 500
MEMORY = 20  # pairs of steps and gradients that L-BFGS keeps


@dataclass(frozen=True)
class Finish:
    """Where the finish came to.

    Args:
        v: the best vector found (size,).
        losses: the loss after each iteration, nats.
        left: about what is still to be gained at v, nats.
    """

    v: np.ndarray
    losses: np.ndarray
    left: float


def finish(
    objective: Objective,
    rough: Objective,
    v: np.ndarray,
    tolerance: float,
    dtype: str = "float64",
    told: Told = lambda _: None,
) -> Finish:
    """Minimise a loss without noise.

    Args:
        objective: v (size,) -> the loss in nats and its gradient (size,).
        rough: the same of fewer rows, by which the curvature is found.
        v: where to start.
        tolerance: nats; less than this is not worth a step.
        dtype: precision of the objective, "float32" or "float64".
        told: called after each iteration.
    """
    best, losses = np.asarray(v, dtype=np.float64), [np.zeros(0)]
    if best.size > MOST:
        found = lbfgs(objective, best, np.inf, tolerance, told=told)
        return Finish(found.v, found.losses, found.left)
    left = np.inf
    for _ in range(MOST_ROUNDS):
        curvature, axes = curvatures(rough, best)
        back = axes / np.sqrt(np.maximum(curvature, curvature.max() / SHARPEST[dtype]))
        left = 0.5 * float(np.sum((axes.T @ objective(best)[1]) ** 2 / curvature))
        if not left > tolerance:
            break
        found = lbfgs(_within(objective, best, back), np.zeros(best.size), left, tolerance, told=told)
        best = best + back @ found.v
        losses.append(found.losses)
    return Finish(best, np.concatenate(losses), left)


def curvatures(objective: Objective, v: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the Hessian's |eigenvalues| at v (size,), `FLATTEST` at least, and its eigenvectors as columns.

    The Hessian is that of central differences of the gradient; if they are not finite it counts as the identity.
    """
    columns = []
    for i in range(v.size):
        ahead, behind = v.copy(), v.copy()
        ahead[i] += STEP
        behind[i] -= STEP
        columns.append((objective(ahead)[1] - objective(behind)[1]) / (2 * STEP))
    hessian = np.stack(columns)
    if not np.isfinite(hessian).all():
        return np.ones(v.size), np.eye(v.size)
    values, vectors = np.linalg.eigh(0.5 * (hessian + hessian.T))
    return np.maximum(np.abs(values), FLATTEST), np.asarray(vectors)


def lbfgs(
    objective: Objective,
    v: np.ndarray,
    left: float,
    tolerance: float,
    steps: int = MOST_STEPS,
    told: Told = lambda _: None,
) -> Finish:
    """Minimise a loss by L-BFGS, and keep the best point that was seen.

    Args:
        objective: v (size,) -> the loss in nats and its gradient (size,).
        v: where to start.
        left: about what is to be gained at v, nats.
        tolerance: nats.
        steps: most iterations.
        told: called after each iteration.
    """
    seen: list[tuple[float, np.ndarray]] = []

    def watched(at: np.ndarray) -> tuple[float, np.ndarray]:
        loss, gradient = objective(at)
        if np.isfinite(loss) and np.isfinite(gradient).all() and (not seen or loss < seen[0][0]):
            seen[:] = [(loss, at.copy())]
        return loss, gradient

    losses: list[float] = []

    def note(at: np.ndarray, gradient: np.ndarray) -> None:
        losses.append(seen[0][0] if seen else np.nan)
        told(losses[-1])

    small = 0.1 * (2 * tolerance / max(v.size, 1)) ** 0.5
    inverse = minimise(watched, v, note, steps=steps, memory=MEMORY, gradient_tolerance=small)
    if not seen:
        return Finish(v, np.zeros(0), left)
    if not losses or losses[-1] > seen[0][0]:
        losses.append(seen[0][0])  # found by a last search along a line that came to no end
    gradient = objective(seen[0][1])[1]
    return Finish(seen[0][1], np.array(losses), 0.5 * float(gradient @ inverse.dot(gradient)))


def _within(objective: Objective, v: np.ndarray, back: np.ndarray) -> Objective:
    def inside(w: np.ndarray) -> tuple[float, np.ndarray]:
        loss, gradient = objective(v + back @ w)
        with np.errstate(invalid="ignore", over="ignore"):  # what is not finite is a wall for `lbfgs`
            return loss, back.T @ gradient

    return inside
