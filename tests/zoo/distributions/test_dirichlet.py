"""Dirichlet draws from standard normals, against SciPy's quantiles and densities."""

from importlib import import_module

import numpy as np
import pytest
from scipy.stats import dirichlet as known
from scipy.stats import gamma, norm

SHAPES = np.array([[0.05, 0.7, 3.0], [1.0, 40.0, 0.2], [250.0, 9.0, 1.5]])


@pytest.fixture
def draw(backend):
    function = import_module(f"zoo.distributions.dirichlet_{backend}").dirichlet
    if backend == "pyro":
        torch = import_module("torch")
        return lambda shapes, noise: [a.numpy() for a in function(torch.tensor(shapes), torch.tensor(noise))]
    jax = import_module("jax")

    def numpyro(shapes, noise):
        with jax.enable_x64(shapes.dtype == np.float64):
            return [np.asarray(a) for a in function(jax.numpy.asarray(shapes), jax.numpy.asarray(noise))]

    return numpyro


def test_a_draw_is_the_gammas_quantiles_over_their_sum(draw):
    noise = np.random.default_rng(0).standard_normal((3, 6))
    noise[0, :3], noise[1, :3] = (-4.0, 4.0, 0.0), (3.0, -3.5, -4.0)
    first, second = noise[:, :3], noise[:, 3:]
    each = gamma.ppf(norm.cdf(first), SHAPES + 1) * norm.cdf(second) ** (1 / SHAPES)
    shares, density = draw(SHAPES, noise)
    assert shares == pytest.approx(each / each.sum(1, keepdims=True), rel=1e-9)
    answer = [known.logpdf(s / s.sum(), a) for s, a in zip(shares, SHAPES, strict=True)]
    assert density == pytest.approx(answer, rel=1e-8)


def test_single_precision_leaves_no_share_at_zero(draw):
    noise = np.full((1, 4), -6.0, np.float32)
    shares, density = draw(np.array([[0.01, 2.0]], np.float32), noise)
    assert shares.min() >= np.finfo(np.float32).tiny
    assert np.isfinite(density).all()
