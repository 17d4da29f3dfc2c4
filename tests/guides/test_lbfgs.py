"""L-BFGS stays where the loss is finite."""

import numpy as np

from guides.lbfgs import minimise


def test_a_point_whose_loss_is_not_finite_is_never_an_iterate():
    """The loss falls towards u = 3, and is NaN beyond."""

    def objective(u: np.ndarray) -> tuple[float, np.ndarray]:
        return (float(-u.sum()) if (u < 3).all() else np.nan), -np.ones_like(u)

    iterates = []
    start = np.array([0.0, 0.5])
    minimise(objective, start, lambda u, _: iterates.append(u), steps=50, memory=5, gradient_tolerance=1e-8)
    assert iterates
    assert np.max(iterates) < 3
    assert np.max(iterates[-1]) > 1  # it has moved
