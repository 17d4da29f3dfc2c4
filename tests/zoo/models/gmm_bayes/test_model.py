"""Both files against exact.py: both covariances, sampled labels and labels summed out, near and far."""

import numpy as np
import pytest

from zoo.models.gmm_bayes import exact

X = np.array([[2.0, 50.0], [4.0, 80.0], [3.0, 99.0], [-9.0, 0.0], [4.5, 85.0]])
Z = np.array([0, 1, 2, 0, 1])
SHARED = {"K": 3, "D": 2, "alpha": 0.7, "center": (3.0, 60.0), "spread": (1.2, 13.0)}
FORMS = {
    "diagonal": {"kappa0": 0.4, "a0": 1.5, "b0": 0.3},
    "full": {"location_sd": (2.0, 20.0), "eta": 1.7},
}
LATENTS = {
    "weights": np.array([1e-10, 0.3, 0.7 - 1e-10]),
    "loc": np.array([[2.0, 55.0], [4.0, 80.0], [300.0, 60.0]]),
}
SCALES = {
    "diagonal": {"variance": np.array([[0.1, 30.0], [1e-5, 20.0], [0.5, 1e4]])},
    "full": {
        "scale": np.array([[0.5, 6.0], [0.4, 5.0], [1e-3, 100.0]]),
        "corr": np.array([[[1.0, 0.0], [0.6, 0.8]], [[1.0, 0.0], [-0.28, 0.96]], [[1.0, 0.0], [0.0, 1.0]]]),
    },
}


@pytest.fixture(params=list(FORMS))
def case(request):
    options = {**SHARED, "covariance": request.param, **FORMS[request.param]}
    return options, LATENTS | SCALES[request.param]


def test_log_density_is_exact_at_sampled_labels(library, plain, case):
    options, values = case
    sites = library.sites(plain("gmm_bayes"), values | {"z": Z}, X, **options)
    answer = exact.log_joint(values | {"z": Z}, {"x": X}, **options)
    assert list(sites) == list(answer)
    assert {name: site[0].sum() for name, site in sites.items()} == pytest.approx(answer, rel=1e-10)
    assert sites["loc"][0].shape == (3,)


def test_labels_summed_out_by_the_library_are_exact(library, plain, case):
    options, values = case
    joint = exact.log_joint(values | {"z": Z}, {"x": X}, **options)
    answer = sum(value for name, value in joint.items() if name not in ("z", "x"))
    answer += exact.log_likelihood(X, values, **options).sum()
    assert library.marginal(plain("gmm_bayes"), values, X, **options) == pytest.approx(answer, rel=1e-10)


@pytest.mark.parametrize("covariance", ["diagonal", "full"])
def test_without_data_it_draws(library, plain, covariance):
    drawn = library.draw(plain("gmm_bayes"), 0, size=6, K=3, D=4, covariance=covariance)
    shapes = {"weights": (3,), "loc": (3, 4), "z": (6,), "x": (6, 4)}
    shapes |= {"variance": (3, 4)} if covariance == "diagonal" else {"scale": (3, 4), "corr": (3, 4, 4)}
    assert {name: value.shape for name, value in drawn.items()} == shapes
