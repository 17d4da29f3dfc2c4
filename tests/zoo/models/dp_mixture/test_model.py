"""Both files against exact.py: sampled labels and labels summed out, near and far."""

import numpy as np
import pytest

from zoo.models.dp_mixture import exact

X = np.array([[2.0, 50.0], [4.0, 80.0], [3.0, 99.0], [-9.0, 0.0], [4.5, 85.0]])
Z = {"z": np.array([0, 1, 2, 3, 1])}
OPTIONS = {"K": 4, "D": 2, "alpha": 0.7, "center": (3.0, 60.0), "spread": (1.2, 13.0), "kappa0": 0.4, "a0": 1.5}
VALUES = {
    "sticks": np.array([0.4, 1e-10, 0.3]),
    "variance": np.array([[0.1, 30.0], [1e-5, 20.0], [0.5, 1e4], [2.0, 5.0]]),
    "loc": np.array([[2.0, 55.0], [4.0, 80.0], [300.0, 60.0], [-8.0, 1.0]]),
}


def test_log_density_is_exact_at_sampled_labels(library, plain):
    sites = library.sites(plain("dp_mixture"), VALUES | Z, X, **OPTIONS)
    answer = exact.log_joint(VALUES | Z, {"x": X}, **OPTIONS)
    assert list(sites) == list(answer)
    assert {name: site[0].sum() for name, site in sites.items()} == pytest.approx(answer, rel=1e-10)
    assert (sites["sticks"][0].shape, sites["loc"][0].shape) == ((3,), (4,))


def test_labels_summed_out_by_the_library_are_exact(library, plain):
    joint = exact.log_joint(VALUES | Z, {"x": X}, **OPTIONS)
    answer = sum(value for name, value in joint.items() if name not in ("z", "x"))
    answer += exact.log_likelihood(X, VALUES, **OPTIONS).sum()
    assert library.marginal(plain("dp_mixture"), VALUES, X, **OPTIONS) == pytest.approx(answer, rel=1e-10)


def test_without_data_it_draws(library, plain):
    drawn = library.draw(plain("dp_mixture"), 0, size=6, K=3, D=4)
    shapes = {"sticks": (2,), "variance": (3, 4), "loc": (3, 4), "z": (6,), "x": (6, 4)}
    assert {name: value.shape for name, value in drawn.items()} == shapes
