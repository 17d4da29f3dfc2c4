"""L-BFGS on a loss that need not be finite everywhere: SciPy's L-BFGS-B, with a wall around the finite region."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np

Objective = Callable[[np.ndarray], tuple[float, np.ndarray]]  # u (size,) -> the loss and its gradient (size,)
Told = Callable[[np.ndarray, np.ndarray], None]  # the point after an iteration, and the gradient there

WALL = 1e10  # by how much a point whose loss is not finite counts as worse than the best one


class InverseHessian(Protocol):
    """The inverse Hessian that the steps have shown, as an operator."""

    def dot(self, vector: np.ndarray) -> np.ndarray:
        """Return the product with a vector (size,)."""


def minimise(
    objective: Objective, start: np.ndarray, told: Told, *, steps: int, memory: int, gradient_tolerance: float
) -> InverseHessian:
    """Minimise a loss; a line search that leaves the finite region comes back.

    Args:
        objective: the loss and its gradient.
        start: where to begin (size,).
        told: called after each iteration.
        steps: iterations at most.
        memory: pairs of steps and changes of the gradient that are kept.
        gradient_tolerance: the largest entry of the gradient at which it ends.
    """
    from scipy.optimize import minimize
    from threadpoolctl import threadpool_limits

    lowest = np.inf
    gradients: dict[bytes, np.ndarray] = {}

    def walled(u: np.ndarray) -> tuple[float, np.ndarray]:
        nonlocal lowest
        loss, gradient = objective(u)
        if not (np.isfinite(loss) and np.isfinite(gradient).all()):
            return (abs(lowest) if np.isfinite(lowest) else 0.0) + WALL, np.zeros_like(u)
        lowest = min(lowest, loss)
        gradients[u.tobytes()] = gradient
        return loss, gradient

    def note(u: np.ndarray) -> None:
        gradient = gradients.get(u.tobytes())
        gradient = objective(u)[1] if gradient is None else gradient
        gradients.clear()
        gradients[u.tobytes()] = gradient
        told(u.copy(), gradient)

    options = {"maxiter": steps, "maxfun": 3 * steps, "maxcor": memory, "gtol": gradient_tolerance, "ftol": 1e-12}
    # L-BFGS-B multiplies small matrices; beside other work a second BLAS thread makes it wait for each.
    with threadpool_limits(1, user_api="blas"):
        found = minimize(walled, start, jac=True, method="L-BFGS-B", callback=note, options=options)
    inverse: InverseHessian = found.hess_inv
    return inverse
