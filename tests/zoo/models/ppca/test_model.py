"""Both files against exact.py; the true posterior as a guide, its draws and their densities."""

from importlib import import_module

import numpy as np
import pytest

from zoo.models.ppca import exact
from zoo.models.ppca.data import simulate, true_values

OPTIONS = {"latent": 3, "D": 5}
VALUES = true_values(**OPTIONS)
X = simulate(0, 4, **OPTIONS)["x"]
Z = np.random.default_rng(0).standard_normal((4, 3))


@pytest.fixture
def own(library):
    """exact_pyro.py or exact_numpyro.py, called with NumPy arrays in double precision."""
    module = import_module(f"zoo.models.ppca.exact_{library.name}")

    def draw(noise):
        if library.name == "pyro":
            convert, precision = library.torch.as_tensor, library._quiet()
        else:
            convert, precision = library.jax.numpy.asarray, library.jax.enable_x64(True)
        with precision:
            values = {name: convert(value) for name, value in VALUES.items()}
            sites, log_q = module.draw(values, {"x": convert(X)}, convert(noise), **OPTIONS)
            return np.asarray(sites["z"]), np.asarray(log_q)

    assert module.noise_size(**OPTIONS) == 3
    return draw


def test_log_density_is_exact(library, plain):
    sites = library.sites(plain("ppca"), VALUES | {"z": Z}, X, **OPTIONS)
    assert {name: site[0].shape for name, site in sites.items()} == {"z": (4,), "x": (4,)}
    answer = exact.log_joint(VALUES | {"z": Z}, {"x": X}, **OPTIONS)
    assert {name: site[0].sum() for name, site in sites.items()} == pytest.approx(answer, rel=1e-10)


def test_a_batch_is_scaled_by_the_rows_it_stands_for(library, plain):
    sites = library.sites(plain("ppca"), VALUES | {"z": Z}, X, size=12, **OPTIONS)
    assert {name: site[1] for name, site in sites.items()} == pytest.approx({"z": 3.0, "x": 3.0})


@pytest.mark.parametrize(("latent", "D"), [(1, 1), (3, 2), (2, 5)])
def test_without_data_it_draws(library, plain, latent, D):
    drawn = library.draw(plain("ppca"), 0, size=7, latent=latent, D=D)
    shapes = {"weight": (D, latent), "loc": (D,), "scale": (), "z": (7, latent), "x": (7, D)}
    assert {name: value.shape for name, value in drawn.items()} == shapes


def test_a_posterior_draw_has_the_posteriors_moments(own):
    mean, covariance = exact.local_posterior(X, VALUES, **OPTIONS)
    middle, _ = own(np.zeros((4, 3)))
    assert middle == pytest.approx(mean, abs=1e-12)
    # A draw is affine in its noise: the images of unit vectors are the columns of a root of the covariance.
    root = np.stack([own(np.tile(unit, (4, 1)))[0] - middle for unit in np.eye(3)], -1)
    assert root @ root.transpose(0, 2, 1) == pytest.approx(np.tile(covariance, (4, 1, 1)), abs=1e-12)


def test_a_posterior_draw_weighs_the_evidence(own):
    rng = np.random.default_rng(1)
    evidence = exact.log_likelihood(X, VALUES, **OPTIONS)
    for scale in (0.1, 1.0, 5.0):
        z, log_q = own(scale * rng.standard_normal((4, 3)))
        for i in range(4):
            row = {"z": z[i : i + 1]}
            log_p = sum(exact.log_joint(VALUES | row, {"x": X[i : i + 1]}, **OPTIONS).values())
            assert log_p - log_q[i] == pytest.approx(evidence[i], abs=1e-10)
