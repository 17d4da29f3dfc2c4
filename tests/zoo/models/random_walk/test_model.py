"""Both files against exact.py; the true posterior as a guide, its draws and their densities."""

from importlib import import_module

import numpy as np
import pytest

from zoo.models.random_walk import exact
from zoo.models.random_walk.data import simulate

OPTIONS = {"T": 6, "step_sd": 0.7, "noise_sd": 1.9}
X = 2 * simulate(0, 4, **OPTIONS)["x"]
Z = {"z": np.random.default_rng(0).standard_normal((4, 6))}


@pytest.fixture
def own(library):
    """exact_pyro.py or exact_numpyro.py, called with NumPy arrays in double precision."""
    module = import_module(f"zoo.models.random_walk.exact_{library.name}")

    def draw(x, noise, **options):
        if library.name == "pyro":
            convert, precision = library.torch.as_tensor, library._quiet()
        else:
            convert, precision = library.jax.numpy.asarray, library.jax.enable_x64(True)
        with precision:
            sites, log_q = module.draw({}, {"x": convert(x)}, convert(noise), **options)
            return np.asarray(sites["z"]), np.asarray(log_q)

    assert module.noise_size(**OPTIONS) == 6
    return draw


def test_log_density_is_exact(library, plain):
    sites = library.sites(plain("random_walk"), Z, X, **OPTIONS)
    assert {name: site[0].shape for name, site in sites.items()} == {"z": (4,), "x": (4,)}
    answer = exact.log_joint(Z, {"x": X}, **OPTIONS)
    assert {name: site[0].sum() for name, site in sites.items()} == pytest.approx(answer, rel=1e-10)


def test_a_batch_is_scaled_by_the_rows_it_stands_for(library, plain):
    sites = library.sites(plain("random_walk"), Z, X, size=12, **OPTIONS)
    assert {name: site[1] for name, site in sites.items()} == pytest.approx({"z": 3.0, "x": 3.0})


@pytest.mark.parametrize("T", [1, 5])
def test_without_data_it_draws(library, plain, T):
    drawn = library.draw(plain("random_walk"), 0, size=7, T=T)
    assert {name: value.shape for name, value in drawn.items()} == {"z": (7, T), "x": (7, T)}


def test_a_posterior_draw_has_the_posteriors_moments(own):
    mean, covariance = exact.local_posterior(X, {}, **OPTIONS)
    middle, _ = own(X, np.zeros((4, 6)), **OPTIONS)
    assert middle == pytest.approx(mean, abs=1e-12)
    # A draw is affine in its noise: the images of unit vectors are the columns of a root of the covariance.
    root = np.stack([own(X, np.tile(unit, (4, 1)), **OPTIONS)[0] - middle for unit in np.eye(6)], -1)
    assert root @ root.transpose(0, 2, 1) == pytest.approx(np.tile(covariance, (4, 1, 1)), abs=1e-12)


@pytest.mark.parametrize("T", [1, 6])
def test_a_posterior_draw_weighs_the_evidence(own, T):
    rng, options, x = np.random.default_rng(1), OPTIONS | {"T": T}, X[:, :T]
    evidence = exact.log_likelihood(x, {}, **options)
    for scale in (0.1, 1.0, 5.0):
        z, log_q = own(x, scale * rng.standard_normal((4, T)), **options)
        for i in range(4):
            log_p = sum(exact.log_joint({"z": z[i : i + 1]}, {"x": x[i : i + 1]}, **options).values())
            assert log_p - log_q[i] == pytest.approx(evidence[i], abs=1e-10)
