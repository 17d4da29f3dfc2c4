"""Our bijections: their inverse, their Jacobian, the libraries' own, and each other in the two backends."""

from importlib import import_module

import numpy as np
import pytest

from guides.bijections import unconstrain, unconstrained_shape
from guides.errors import GuideError
from guides.sites import Support, TracedSite

SUPPORTS = {
    "real": (Support("real"), (3,)),
    "positive": (Support("positive", 0.0), (3,)),
    "greater_than": (Support("greater_than", -2.5), (3,)),
    "less_than": (Support("less_than", upper=1.5), (3,)),
    "interval": (Support("interval", -1.0, 4.0), (3,)),
    "simplex": (Support("simplex"), (4,)),
    "ordered": (Support("ordered"), (4,)),
    "positive_ordered": (Support("positive_ordered"), (4,)),
    "corr_cholesky": (Support("corr_cholesky"), (4, 4)),
    "lower_cholesky": (Support("lower_cholesky"), (3, 3)),
    "positive_definite": (Support("positive_definite"), (3, 3)),
}


def site(word: str) -> TracedSite:
    support, shape = SUPPORTS[word]
    return TracedSite("s", "latent", shape, len(shape), support)


def points(word: str, scale: float) -> np.ndarray:
    return scale * np.random.default_rng(len(word)).standard_normal((8, *unconstrained_shape(site(word))))


def forward(name: str, word: str, u: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    from zoo import backends

    with backends.get(name).precision("float64"):
        constrain = import_module(f"guides.bijections_{name}").constrain
        array = import_module("torch").as_tensor if name == "pyro" else import_module("jax.numpy").asarray
        value, log_jacobian = constrain(SUPPORTS[word][0], array(u))
        return np.asarray(value), np.asarray(log_jacobian())


def free(word: str, value: np.ndarray) -> np.ndarray:
    """Return the entries of a value that determine it, flat."""
    if word == "simplex":
        return value[:-1]
    if word in {"lower_cholesky", "positive_definite", "corr_cholesky"}:
        return value[np.tril_indices(len(value), -1 if word == "corr_cholesky" else 0)]
    return value.ravel()


@pytest.mark.parametrize("word", SUPPORTS)
def test_the_inverse_undoes_the_map(word, backend):
    u = points(word, 1.0)
    value, _ = forward(backend, word, u)
    back = np.stack([unconstrain(SUPPORTS[word][0], v) for v in value])
    np.testing.assert_allclose(back, u, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("word", SUPPORTS)
def test_the_log_jacobian_is_that_of_finite_differences(word, backend):
    u, step = points(word, 0.7)[0].ravel(), 1e-5
    shape = unconstrained_shape(site(word))
    moved = [u + s * step * e for e in np.eye(len(u)) for s in (1, -1)]
    values, _ = forward(backend, word, np.stack(moved).reshape(-1, *shape))
    flat = np.stack([free(word, v) for v in values])
    jacobian = (flat[0::2] - flat[1::2]) / (2 * step)
    _, log_jacobian = forward(backend, word, u.reshape(1, *shape))
    # Central differences are off by O(step²) ~ 1e-10, relative, and rounding by 1e-16 / step.
    assert np.linalg.slogdet(jacobian)[1] == pytest.approx(log_jacobian.sum(), rel=1e-7, abs=1e-7)


@pytest.mark.parametrize("word", SUPPORTS)
@pytest.mark.parametrize("scale", [1.0, 6.0])
@pytest.mark.needs("pyro", "numpyro")
def test_both_backends_agree_tails_included(word, scale):
    u = points(word, scale)
    for ours, theirs in zip(forward("pyro", word, u), forward("numpyro", word, u), strict=True):
        assert np.isfinite(ours).all()
        np.testing.assert_allclose(ours, theirs, rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("word", ["positive", "interval", "simplex", "ordered", "corr_cholesky"])
@pytest.mark.needs("numpyro")
def test_the_value_and_jacobian_are_the_librarys(word):
    from numpyro.distributions import biject_to

    from guides.trace_numpyro import constraint
    from zoo import backends

    u = points(word, 1.0)
    with backends.get("numpyro").precision("float64"):
        transform = biject_to(constraint(SUPPORTS[word][0]))
        value = transform(u)
        log_jacobian = transform.log_abs_det_jacobian(u, value)
        ours = forward("numpyro", word, u)
        np.testing.assert_allclose(ours[0], value, rtol=1e-9)
        np.testing.assert_allclose(ours[1], log_jacobian, rtol=1e-8, atol=1e-9)


def test_no_share_is_0_in_single_precision(backend):
    """Sticks broken far from the middle: shares of e^-300 and less, where a Dirichlet's density would be infinite."""
    module = import_module(f"guides.bijections_{backend}")
    u = np.array([[-300.0, 200.0, 0.0], [300.0, -300.0, 300.0]], np.float32)
    u = import_module("torch").tensor(u) if backend == "pyro" else import_module("jax").numpy.asarray(u)
    value = np.asarray(module.constrain(Support("simplex"), u)[0])
    assert value.dtype == np.float32
    assert value.min() >= np.finfo(np.float32).tiny
    assert value.sum(-1) == pytest.approx([1, 1])


def test_a_site_without_coordinates_is_refused():
    odd = TracedSite("angle", "latent", (), 0, Support("circular"))
    with pytest.raises(GuideError, match="'angle'.*'circular'.*reparametrise"):
        unconstrained_shape(odd)


def test_a_start_outside_its_support_is_refused():
    with pytest.raises(GuideError, match="outside its support 'positive'"):
        unconstrain(Support("positive", 0.0), np.array([-1.0]))


@pytest.mark.parametrize("word", ["ordered", "positive_ordered"])
def test_what_is_ordered_stays_apart_in_single_precision(word, backend):
    """A gap below rounding would be 0, and a model that takes its logarithm −inf; so would its gradient be."""
    constrain = import_module(f"guides.bijections_{backend}").constrain
    array = import_module("torch").as_tensor if backend == "pyro" else import_module("jax.numpy").asarray
    u = np.array([[4.0, -30.0, -90.0, -200.0], [-4.0, -30.0, 3.0, -30.0], [0.0, -200.0, -200.0, -200.0]], np.float32)
    value = np.asarray(constrain(SUPPORTS[word][0], array(u))[0])
    assert value.dtype == np.float32
    assert (np.diff(value) > 0).all()
