"""The finish on functions whose minimum is known: in any units, far away, and where it has none."""

import numpy as np
import pytest

from zoo import finish as module
from zoo.finish import curvatures, finish, lbfgs


def quadratic(hessian: np.ndarray, middle: np.ndarray):
    def objective(v: np.ndarray) -> tuple[float, np.ndarray]:
        off = v - middle
        return float(0.5 * off @ hessian @ off) - 7.0, hessian @ off

    return objective


def narrow(size: int, condition: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return a Hessian with eigenvalues from 1 to `condition`, in a random basis, and a middle."""
    rng = np.random.default_rng(seed)
    basis, _ = np.linalg.qr(rng.standard_normal((size, size)))
    return basis @ np.diag(np.geomspace(1, condition, size)) @ basis.T, rng.standard_normal(size)


@pytest.mark.parametrize("condition", [1.0, 1e3, 1e6])
def test_a_narrow_valley_is_walked_to_its_end(condition):
    """The preconditioner makes it round, so that what is left does not depend on how narrow it is."""
    hessian, middle = narrow(12, condition)
    objective = quadratic(hessian, middle)
    found = finish(objective, objective, np.zeros(12), 1e-6)
    assert objective(found.v)[0] == pytest.approx(-7.0, abs=1e-6)
    assert found.left <= 1e-6


def test_plain_lbfgs_does_not_get_there_in_as_many_steps():
    """What the preconditioner is for: without it the same iterations leave a thousand times the tolerance."""
    hessian, middle = narrow(12, 1e6)
    objective = quadratic(hessian, middle)
    steps = len(finish(objective, objective, np.zeros(12), 1e-6).losses)
    assert lbfgs(objective, np.zeros(12), np.inf, 1e-6, steps).losses[-1] > -7.0 + 1e-3


def test_what_is_left_is_said_in_nats_whatever_the_unit(monkeypatch):
    """Half of the squared Newton decrement is all that a quadratic has left."""
    monkeypatch.setattr(module, "MOST_ROUNDS", 1)
    hessian, middle = narrow(5, 100.0)
    for unit in (1e-2, 1.0, 1e2):
        objective = quadratic(hessian * unit**2, middle / unit)
        found = finish(objective, objective, np.zeros(5), np.inf)
        assert found.left == pytest.approx(objective(np.zeros(5))[0] + 7.0, rel=1e-6)


def test_curvature_comes_with_its_axes():
    hessian, middle = narrow(4, 50.0)
    values, axes = curvatures(quadratic(hessian, middle), np.zeros(4))
    np.testing.assert_allclose(axes @ np.diag(values) @ axes.T, hessian, rtol=1e-6, atol=1e-6)


def test_many_numbers_are_finished_without_their_whole_curvature(monkeypatch):
    monkeypatch.setattr(module, "curvatures", lambda *_: pytest.fail("too many numbers"))
    size = module.MOST + 1
    objective = quadratic(np.diag(np.linspace(1, 30, size)), np.ones(size))
    found = finish(objective, objective, np.zeros(size), 1e-6)
    assert found.losses[-1] == pytest.approx(-7.0, abs=1e-5)
    assert found.left < 1e-4


def test_what_is_not_finite_is_a_wall_and_not_the_end():
    """−log v + v has its minimum at 1, and no value below 0."""

    def objective(v: np.ndarray) -> tuple[float, np.ndarray]:
        with np.errstate(invalid="ignore", divide="ignore"):
            return float(np.sum(v - np.log(v))), 1 - 1 / v

    found = finish(objective, objective, np.array([8.0]), 1e-8)
    assert found.v == pytest.approx([1.0], abs=1e-3)


def test_a_start_that_is_not_finite_is_given_back():
    found = lbfgs(lambda v: (np.nan, np.full(2, np.nan)), np.zeros(2), np.inf, 1e-6)
    assert found.v.tolist() == [0.0, 0.0]
    assert not len(found.losses)
