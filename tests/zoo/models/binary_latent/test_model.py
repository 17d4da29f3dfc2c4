"""Both files against exact.py, and a size and a batch that are what they say."""

import numpy as np
import pytest

import zoo
from zoo.models.binary_latent import data, exact

H, D = 3, 5
OPTIONS = {"latent": H, "D": D}
X = data.simulate(2, 4, latent=H, D=D)["x"]
VALUES = {**data.true_values(H, D), "z": np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 1], [1, 1, 1]])}


def test_log_density_is_exact(library, plain):
    sites = library.sites(plain("binary_latent"), VALUES, X, **OPTIONS)
    assert {name: site[0].shape for name, site in sites.items()} == {"z": (4,), "x": (4,)}
    answer = exact.log_joint(VALUES, {"x": X}, **OPTIONS)
    assert {name: site[0].sum() for name, site in sites.items()} == pytest.approx(answer, rel=1e-10)


def test_a_batch_is_scaled_by_the_rows_it_stands_for(library, plain):
    sites = library.sites(plain("binary_latent"), VALUES, X, size=12, **OPTIONS)
    assert {name: site[1] for name, site in sites.items()} == pytest.approx({"z": 3.0, "x": 3.0})


def test_without_data_it_draws_bits(library, plain):
    drawn = library.draw(plain("binary_latent"), 0, size=500, **OPTIONS)
    assert {name: v.shape for name, v in drawn.items()} == {
        "weight": (D, H),
        "bias": (D,),
        "z": (500, H),
        "x": (500, D),
    }
    assert drawn["z"].mean(0) == pytest.approx(0.5, abs=0.12)
    assert set(np.unique(drawn["x"])) == {0.0, 1.0}
    assert len(np.unique(drawn["weight"], axis=1).T) == H


@pytest.mark.needs("pyro", "numpyro")
def test_both_are_one_model():
    check = zoo.crosscheck(zoo.model("binary_latent", **OPTIONS), num_points=16, num_tail=4)
    assert check.ok, check.text()
