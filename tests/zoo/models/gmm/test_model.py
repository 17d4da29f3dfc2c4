"""Both files against exact.py: sampled labels, labels summed out, batches, and initial values that differ."""

import numpy as np
import pytest

from zoo.models.gmm import exact

X = np.array([[2.0, 50.0], [4.0, 80.0], [3.0, 99.0], [-9.0, 0.0]])
OPTIONS = {"K": 3, "D": 2, "floor": 0.3}
VALUES = {
    "weights": np.array([1e-12, 0.3, 0.7 - 1e-12]),
    "loc": np.array([[2.0, 55.0], [4.0, 80.0], [3.0, 60.0]]),
    "scale_tril": np.array([[[0.3, 0.0], [2.0, 5.0]], [[0.5, 0.0], [-1.0, 6.0]], [[1.0, 0.0], [0.0, 9.0]]]),
}
Z = np.array([0, 1, 2, 0])


def test_log_density_is_exact_at_sampled_labels(library, plain):
    sites = library.sites(plain("gmm"), VALUES | {"z": Z}, X, **OPTIONS)
    assert {name: site[0].shape for name, site in sites.items()} == {"z": (4,), "x": (4,)}
    answer = exact.log_joint(VALUES | {"z": Z}, {"x": X}, **OPTIONS)
    assert {name: site[0].sum() for name, site in sites.items()} == pytest.approx(answer, rel=1e-10)


def test_labels_summed_out_by_the_library_are_exact(library, plain):
    answer = exact.log_likelihood(X, VALUES, **OPTIONS).sum()
    assert library.marginal(plain("gmm"), VALUES, X, **OPTIONS) == pytest.approx(answer, rel=1e-10)


def test_a_batch_is_scaled_by_the_rows_it_stands_for(library, plain):
    sites = library.sites(plain("gmm"), VALUES | {"z": Z}, X, size=12, **OPTIONS)
    assert {name: site[1] for name, site in sites.items()} == pytest.approx({"z": 3.0, "x": 3.0})


@pytest.mark.parametrize("K", [1, 3])
def test_without_data_it_draws_from_components_that_differ(library, plain, K):
    drawn = library.draw(plain("gmm"), 0, size=7, K=K, D=4)
    shapes = {"weights": (K,), "loc": (K, 4), "scale_tril": (K, 4, 4), "z": (7,), "x": (7, 4)}
    assert {name: value.shape for name, value in drawn.items()} == shapes
    assert len(np.unique(drawn["loc"], axis=0)) == K


@pytest.mark.needs("pyro")
def test_torch_maps_over_parameters():
    import pyro
    import torch
    from pyro import poutine

    from zoo.models.gmm.model_pyro import model

    x = torch.tensor(X)
    fixed = {name: torch.tensor(value) for name, value in VALUES.items() if name != "loc"}

    def total(loc):
        values = {**fixed, "loc": loc}
        conditioned = poutine.condition(poutine.substitute(model, values), {"z": torch.tensor(Z)})
        return poutine.trace(conditioned).get_trace(x, **OPTIONS).log_prob_sum()

    points = torch.tensor(np.stack([VALUES["loc"], VALUES["loc"] + 1]))
    with pyro.validation_enabled(False):
        found = torch.func.vmap(total)(points)
    answers = [sum(exact.log_joint(VALUES | {"z": Z, "loc": p.numpy()}, {"x": X}, **OPTIONS).values()) for p in points]
    assert found.numpy() == pytest.approx(answers, rel=1e-6)
