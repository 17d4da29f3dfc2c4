"""Both files against exact.py, with either prior; the true posterior as a guide, its draws and densities."""

from importlib import import_module

import numpy as np
import pytest

from zoo.models.hierarchical_normal import exact

X = np.array([5.0, 28.0, -300.0])
OPTIONS = {"prior_sd": 7.0, "tau": 3.0, "sigma": 2.0}
VALUES = {"theta": np.array(1.4)}
Z = {"z": np.array([0.3, -9.0, 50.0])}


@pytest.fixture
def own(library):
    """exact_pyro.py or exact_numpyro.py, called with NumPy arrays in double precision."""
    module = import_module(f"zoo.models.hierarchical_normal.exact_{library.name}")

    def draw(noise):
        if library.name == "pyro":
            convert, precision = library.torch.as_tensor, library._quiet()
        else:
            convert, precision = library.jax.numpy.asarray, library.jax.enable_x64(True)
        with precision:
            values = {name: convert(value) for name, value in VALUES.items()}
            sites, log_q = module.draw(values, {"x": convert(X)}, convert(noise), **OPTIONS)
            return np.asarray(sites["z"]), np.asarray(log_q)

    assert module.noise_size(**OPTIONS) == 1
    return draw


@pytest.mark.parametrize("prior", ["normal", "flat"])
def test_log_density_is_exact(library, plain, prior):
    sites = library.sites(plain("hierarchical_normal"), VALUES | Z, X, prior=prior, **OPTIONS)
    answer = exact.log_joint(VALUES | Z, {"x": X}, prior=prior, **OPTIONS)
    assert list(sites) == list(answer)
    assert {name: site[0].sum() for name, site in sites.items()} == pytest.approx(answer, rel=1e-10)
    assert (answer["theta"] == 0) == (prior == "flat")


def test_a_batch_is_scaled_by_the_rows_it_stands_for(library, plain):
    sites = library.sites(plain("hierarchical_normal"), VALUES | Z, X, size=12, **OPTIONS)
    assert {name: site[1] for name, site in sites.items()} == pytest.approx({"theta": 1.0, "z": 4.0, "x": 4.0})


@pytest.mark.parametrize("prior", ["normal", "flat"])
def test_without_data_it_draws(library, plain, prior):
    drawn = library.draw(plain("hierarchical_normal"), 0, size=5, prior=prior)
    assert {name: value.shape for name, value in drawn.items()} == {"theta": (), "z": (5,), "x": (5,)}


def test_a_posterior_draw_has_the_posteriors_moments(own):
    mean, variance = exact.local_posterior(X, VALUES, **OPTIONS)
    middle, _ = own(np.zeros((3, 1)))
    assert middle == pytest.approx(mean, rel=1e-12)
    assert (own(np.ones((3, 1)))[0] - middle) ** 2 == pytest.approx(np.full(3, variance), rel=1e-12)


def test_a_posterior_draw_weighs_the_evidence(own):
    rng = np.random.default_rng(1)
    evidence = exact.log_likelihood(X, VALUES, **OPTIONS)
    for scale in (0.1, 1.0, 5.0):
        z, log_q = own(scale * rng.standard_normal((3, 1)))
        for i in range(3):
            terms = exact.log_joint(VALUES | {"z": z[i : i + 1]}, {"x": X[i : i + 1]}, **OPTIONS)
            assert terms["z"] + terms["x"] - log_q[i] == pytest.approx(evidence[i], abs=1e-10)
