"""The mixture's density, responsibilities and one-component fit against constants and other people's code."""

import numpy as np
import pytest
from scipy.stats import multivariate_normal, norm
from sklearn.mixture import GaussianMixture

from zoo.models.gmm import exact
from zoo.models.gmm.data import load

X = load()["x"]
VALUES = {
    "weights": np.array([0.2, 0.3, 0.5]),
    "loc": np.array([[2.0, 55.0], [4.0, 80.0], [3.0, 60.0]]),
    "scale_tril": np.array([[[0.3, 0.0], [2.0, 5.0]], [[0.5, 0.0], [-1.0, 6.0]], [[1.0, 0.0], [0.0, 9.0]]]),
}


def covariances(floor: float) -> np.ndarray:
    return np.stack([tril @ tril.T + floor * np.eye(2) for tril in VALUES["scale_tril"]])


def test_shared_constants_in_one_dimension():
    values = {
        "weights": np.array([0.3, 0.7]),
        "loc": np.array([[-1.0], [2.0]]),
        "scale_tril": np.array([[[0.5]], [[1.0]]]),
    }
    x = np.array([[0.4]])
    assert exact.log_likelihood(x, values, D=1, floor=0.0) == pytest.approx(-2.496244, abs=5e-7)
    assert exact.responsibilities(x, values, D=1, floor=0.0)[0, 1] == pytest.approx(0.942359, abs=5e-7)
    by_hand = np.log(0.3 * norm.pdf(0.4, -1, 0.5) + 0.7 * norm.pdf(0.4, 2, 1))
    assert exact.log_likelihood(x, values, D=1, floor=0.0) == pytest.approx(by_hand, rel=1e-12)


@pytest.mark.parametrize("floor", [1e-6, 0.5])
def test_density_by_scipy(floor):
    pairs = zip(VALUES["loc"], covariances(floor), strict=True)
    by_component = np.stack([multivariate_normal.pdf(X, mean, cov) for mean, cov in pairs], 1)
    weighted = VALUES["weights"] * by_component
    options = {"K": 3, "floor": floor}
    assert exact.log_likelihood(X, VALUES, **options) == pytest.approx(np.log(weighted.sum(1)), rel=1e-9)
    posterior = weighted / weighted.sum(1, keepdims=True)
    assert exact.responsibilities(X, VALUES, **options) == pytest.approx(posterior, abs=1e-12)
    z = np.arange(len(X)) % 3
    found = exact.log_joint(VALUES | {"z": z}, {"x": X}, **options)
    assert found["z"] == pytest.approx(np.log(VALUES["weights"])[z].sum(), rel=1e-12)
    assert found["x"] == pytest.approx(np.log(by_component[np.arange(len(X)), z]).sum(), rel=1e-9)


def test_one_component_is_the_gaussian():
    found = exact.fit({"x": X}, K=1)
    best = exact.log_likelihood(X, found, K=1).sum()
    reference = GaussianMixture(1, reg_covar=1e-6).fit(X)
    assert found["loc"] == pytest.approx(reference.means_, rel=1e-12)
    assert best == pytest.approx(reference.score(X) * len(X), abs=1e-6)
    covariance = np.cov(X.T, bias=True)
    at_sample = multivariate_normal.logpdf(X, X.mean(0), covariance).sum()
    assert best == pytest.approx(at_sample, abs=1e-8)


def test_one_component_under_a_high_floor_is_the_best_allowed():
    floor = 1.0  # above the smaller eigenvalue of the sample covariance
    found = exact.fit({"x": X}, K=1, floor=floor)
    best = exact.log_likelihood(X, found, K=1, floor=floor).sum()
    covariance = found["scale_tril"][0] @ found["scale_tril"][0].T + floor * np.eye(2)
    eigenvalues = np.linalg.eigvalsh(covariance)
    assert eigenvalues[0] == pytest.approx(floor, rel=1e-5)
    assert eigenvalues[1] == pytest.approx(np.linalg.eigvalsh(np.cov(X.T, bias=True))[1], rel=1e-9)
    rng = np.random.default_rng(0)
    for _ in range(50):
        tril = found["scale_tril"] + np.tril(0.02 * rng.standard_normal((2, 2)))
        other = {**found, "scale_tril": tril}
        assert exact.log_likelihood(X, other, K=1, floor=floor).sum() <= best + 1e-3


def test_what_is_not_known_is_none():
    assert exact.fit({"x": X}, K=2) is None
    assert exact.evidence({"x": X}) is None
    assert exact.posterior({"x": X}) is None
    with pytest.raises(TypeError):
        exact.fit({"x": X}, k=1)
