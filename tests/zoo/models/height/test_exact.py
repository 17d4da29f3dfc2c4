"""The Gaussian's closed forms against the shared constants and against a numerical optimum."""

import numpy as np
import pytest
from scipy.optimize import minimize

from zoo.models.height import exact
from zoo.models.height.data import load

X = load()["x"]


def test_maximum_likelihood_of_the_ten_heights():
    found = exact.fit({"x": X})
    assert found["loc"] == pytest.approx(1.683, abs=1e-12)
    assert found["scale"] ** 2 == pytest.approx(0.002921, abs=1e-12)
    assert found["scale"] == pytest.approx(0.0540463, abs=5e-8)
    assert exact.log_likelihood(X, found).sum() == pytest.approx(14.989761, abs=5e-7)


def test_the_slide_is_wrong_and_the_unbiased_estimate_is_another():
    assert X.var() == pytest.approx(0.002921, abs=1e-12)
    assert X.var() > 1.9 * 0.0015
    assert X.var(ddof=1) == pytest.approx(0.0032456, abs=5e-8)


@pytest.mark.parametrize("name", ["lecture", "galton"])
def test_no_other_parameters_are_more_likely(name):
    x = load(name)["x"]
    found = exact.fit({"x": x})

    def loss(u: np.ndarray) -> float:
        return -exact.log_likelihood(x, {"loc": u[0], "scale": np.exp(u[1])}).mean()

    best = minimize(loss, [1.6, np.log(0.2)], method="Nelder-Mead", options={"xatol": 1e-9, "fatol": 1e-13})
    assert best.x == pytest.approx([float(found["loc"]), float(np.log(found["scale"]))], abs=1e-6)


def test_log_joint_is_the_summed_log_likelihood():
    values = {"loc": np.array(1.6), "scale": np.array(0.2)}
    density = np.exp(-0.5 * ((X - 1.6) / 0.2) ** 2) / (0.2 * np.sqrt(2 * np.pi))
    assert exact.log_joint(values, {"x": X}) == {"x": pytest.approx(np.log(density).sum(), rel=1e-12)}


def test_unknown_options_are_refused():
    with pytest.raises(TypeError):
        exact.fit({"x": X}, K=2)
