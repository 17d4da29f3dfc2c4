"""Both files against exact.py: sampled topics and topics summed out, near and far."""

import numpy as np
import pytest

from zoo.models.sentence import exact

X = np.array([[2.0, 0, 1, 0], [0, 3, 0, 1], [1, 1, 1, 9], [0, 0, 0, 0], [0, 0, 2, 40]])
Z = {"z": np.array([0, 1, 2, 0, 1])}
OPTIONS = {"K": 3, "V": 4, "alpha": 0.7, "eta": 0.4}
VALUES = {
    "weights": np.array([1e-10, 0.3, 0.7 - 1e-10]),
    "topics": np.array([[0.7, 0.2, 0.05, 0.05], [1e-8, 1 - 3e-8, 1e-8, 1e-8], [0.25, 0.25, 0.25, 0.25]]),
}


def test_log_density_is_exact_at_sampled_topics(library, plain):
    sites = library.sites(plain("sentence"), VALUES | Z, X, **OPTIONS)
    answer = exact.log_joint(VALUES | Z, {"x": X}, **OPTIONS)
    assert list(sites) == list(answer)
    assert {name: site[0].sum() for name, site in sites.items()} == pytest.approx(answer, rel=1e-10)
    assert sites["topics"][0].shape == (3,)


def test_topics_summed_out_by_the_library_are_exact(library, plain):
    joint = exact.log_joint(VALUES | Z, {"x": X}, **OPTIONS)
    answer = joint["weights"] + joint["topics"] + exact.log_likelihood(X, VALUES, **OPTIONS).sum()
    assert library.marginal(plain("sentence"), VALUES, X, **OPTIONS) == pytest.approx(answer, rel=1e-10)


def test_without_data_it_draws_sentences_of_the_length(library, plain):
    drawn = library.draw(plain("sentence"), 0, size=6, K=3, V=5, length=7)
    shapes = {"weights": (3,), "topics": (3, 5), "z": (6,), "x": (6, 5)}
    assert {name: value.shape for name, value in drawn.items()} == shapes
    assert drawn["x"].sum(1).tolist() == [7] * 6
