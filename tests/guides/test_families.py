"""Every family in the folder, in each backend: its density, its gradients, its parity."""

from importlib import import_module
from typing import Any

import numpy as np
import pytest

import guides
from guides.families import family, generator
from guides.sites import TracedSite

SIZE = 3
FAMILIES = guides.names()


def moved(name: str, size: int = SIZE, **options: Any) -> dict[str, np.ndarray]:
    """Return a family's parameters, moved off their start, at which many gradients are zero by symmetry."""
    sites = family(name).initial(size, generator(0, name), **options)
    rng = np.random.default_rng(1)
    return {s.name: at(s, 0.3 * rng.standard_normal(s.shape)) for s in sites}


def at(site: TracedSite, noise: np.ndarray) -> np.ndarray:
    assert site.value is not None
    if site.support.word == "positive":
        return site.value * np.exp(noise)
    return site.value + (np.tril(noise, -1) if site.support.word == "lower_cholesky" else noise)


def draw(name: str, lib: Any, params: dict[str, Any], noise: Any) -> Any:
    return import_module(f"guides.families.{name}.guide_{lib.name}").draw(params, noise)


@pytest.fixture
def noise(request) -> np.ndarray:
    return np.random.default_rng(2).standard_normal(16)


@pytest.mark.parametrize("name", [f for f in FAMILIES if family(f).elbo and f not in {"low_rank", "laplace"}])
@pytest.mark.parametrize("size", [1, SIZE])
def test_log_q_is_the_noise_density_less_the_log_jacobian(name, size, lib, noise):
    params = {k: lib.array(v) for k, v in moved(name, size).items()}
    e, step = noise[:size], 1e-5
    _, log_q = draw(name, lib, params, lib.array(e))
    ends = [[lib.numpy(draw(name, lib, params, lib.array(e + s * step * i))[0]) for s in (1, -1)] for i in np.eye(size)]
    jacobian = np.stack([(up - down) / (2 * step) for up, down in ends])
    expected = -0.5 * (e**2 + np.log(2 * np.pi)).sum() - np.linalg.slogdet(jacobian)[1]
    assert float(lib.numpy(log_q)) == pytest.approx(expected, rel=1e-7)  # central differences


def test_low_rank_is_a_normal_of_that_covariance(lib, noise):
    params = moved("low_rank", rank=2)
    v, log_q = draw("low_rank", lib, {k: lib.array(p) for k, p in params.items()}, lib.array(noise[: SIZE + 2]))
    covariance = np.diag(params["scale"] ** 2) + params["cov_factor"] @ params["cov_factor"].T
    off = lib.numpy(v) - params["loc"]
    expected = -0.5 * (off @ np.linalg.solve(covariance, off) + np.linalg.slogdet(2 * np.pi * covariance)[1])
    assert float(lib.numpy(log_q)) == pytest.approx(expected, rel=1e-10)


def test_laplace_is_a_point_until_it_has_its_curvature(lib, noise):
    params = {"loc": lib.array(noise[:SIZE])}
    v, log_q = draw("laplace", lib, params, lib.array(noise[3:6]))
    np.testing.assert_array_equal(lib.numpy(v), noise[:SIZE])
    assert float(lib.numpy(log_q)) == 0.0
    full = {**params, "scale_tril": lib.array(0.2 * np.eye(SIZE))}
    assert float(lib.numpy(draw("laplace", lib, full, lib.array(noise[3:6]))[1])) != 0.0


@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.needs("pyro")
def test_gradients_reach_every_parameter(name):
    import torch

    params = {k: torch.tensor(v, requires_grad=True) for k, v in moved(name).items()}
    noise = torch.as_tensor(np.random.default_rng(3).standard_normal((4, 8)))[:, : family(name).noise_size(SIZE)]
    module = import_module(f"guides.families.{name}.guide_pyro")
    total = sum((v**3).sum() + log_q**2 for v, log_q in (module.draw(params, e) for e in noise))
    total.backward()
    for key, value in params.items():
        assert value.grad is not None, key
        assert value.grad.abs().sum() > 0, key


@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.parametrize("size", [1, 2, SIZE])
@pytest.mark.needs("pyro", "numpyro")
def test_the_same_parameters_and_noise_give_the_same_draw(name, size):
    from zoo import backends

    noise, params = np.random.default_rng(4).standard_normal(family(name).noise_size(size)), moved(name, size)
    found = []
    for backend in ("pyro", "numpyro"):
        with backends.get(backend).precision("float64"):
            array = import_module("torch").as_tensor if backend == "pyro" else import_module("jax.numpy").asarray
            module = import_module(f"guides.families.{name}.guide_{backend}")
            v, log_q = module.draw({k: array(p) for k, p in params.items()}, array(noise))
            found.append((np.asarray(v), float(log_q)))
    np.testing.assert_allclose(found[0][0], found[1][0], rtol=1e-12)
    assert found[0][1] == pytest.approx(found[1][1], rel=1e-11)


def test_the_flow_bends_what_an_affine_map_cannot(lib):
    """In one dimension the spline makes the density other than normal: its kurtosis moves."""
    params = {k: lib.array(v) for k, v in moved("flow", 1).items()}
    e = np.random.default_rng(6).standard_normal(4000)
    v = np.array([float(lib.numpy(draw("flow", lib, params, lib.array(x[None]))[0])[0]) for x in e[:400]])
    fitted = np.polynomial.Polynomial.fit(e[:400], v, 1)(e[:400])
    assert np.abs(v - fitted).max() > 0.01 * v.std()


def jacobian_of_flow(lib: Any, e: np.ndarray) -> tuple[np.ndarray, float]:
    """Return ∂v/∂e of the flow by central differences, and log q, at one noise."""
    params, step = {k: lib.array(v) for k, v in moved("flow").items()}, 1e-5
    ends = [
        [lib.numpy(draw("flow", lib, params, lib.array(e + s * step * i))[0]) for s in (1, -1)] for i in np.eye(SIZE)
    ]
    _, log_q = draw("flow", lib, params, lib.array(e))
    return np.stack([(up - down) / (2 * step) for up, down in ends], -1), float(lib.numpy(log_q))


def test_the_flows_density_holds_beyond_the_splines(lib):
    """Outside [−5, 5] the splines are the identity: a clipped one would have no density there."""
    e = np.array([7.0, -6.0, 0.5])
    jacobian, log_q = jacobian_of_flow(lib, e)
    expected = -0.5 * (e**2 + np.log(2 * np.pi)).sum() - np.linalg.slogdet(jacobian)[1]
    assert log_q == pytest.approx(expected, rel=1e-7)  # central differences


def test_the_flows_layers_turn_the_order(lib, noise):
    """Layers that saw one order alone would leave ∂v/∂e triangular: here every v feels every e."""
    jacobian, _ = jacobian_of_flow(lib, noise[:SIZE])
    assert (np.abs(jacobian) > 1e-4).all()


@pytest.mark.parametrize("name", [f for f in FAMILIES if "init_scale" in family(f).options])
def test_the_start_is_as_narrow_as_asked(name):
    narrow, wide = (
        {s.name: s.value for s in family(name).initial(SIZE, generator(0, name), init_scale=scale)}
        for scale in (0.1, 0.4)
    )
    key = "scale_tril" if name == "full_rank" else "scale"
    np.testing.assert_allclose(wide[key], 0.4 * np.eye(SIZE) if key == "scale_tril" else np.full(SIZE, 0.4))
    np.testing.assert_allclose(wide[key], 4 * narrow[key])


def test_the_flow_has_the_layers_asked_for():
    sites = {s.name: s.shape for s in family("flow").initial(SIZE, generator(0, "flow"), layers=3, hidden=5)}
    assert [n for n in sites if n.endswith("in_weight")] == [f"layer{i}.in_weight" for i in range(3)]
    assert sites["layer2.in_weight"] == (5, SIZE)


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [("low_rank", {"rank": 0}, "rank 0"), ("low_rank", {"rank": 9}, "rank 9")],
)
def test_an_option_out_of_range_is_refused(name, options, words):
    with pytest.raises(guides.GuideError, match=words):
        family(name).initial(SIZE, generator(0, name), **options)


def member(size: int, rows: tuple[int, ...] = ()) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(7)
    return {"loc": rng.normal(3.0, 2.0, (*rows, size)), "scale": np.exp(rng.normal(-1.0, 2.0, (*rows, size)))}


RAISED = [f for f in FAMILIES if family(f).contains]


@pytest.mark.parametrize("rows", [(), (4,)])
@pytest.mark.parametrize("size", [1, SIZE])
@pytest.mark.parametrize("name", RAISED)
def test_a_raised_family_is_the_poorer_ones_member(name, size, rows, lib):
    """The same noise gives v and log q of the poorer family; low_rank is off it by correlations of 1e-3."""
    poor, given = family(name).contains, member(size, rows)
    first = {s.name: s.value for s in family(name).initial(size, generator(0, name))}
    params = {**first, **family(name).raised(given, generator(0, "raised"))}
    noise = np.random.default_rng(8).standard_normal((*rows, family(name).noise_size(size)))
    if name == "low_rank":
        factor, scale = params["cov_factor"], params["scale"]
        covariance = factor @ np.swapaxes(factor, -1, -2) + scale[..., None] ** 2 * np.eye(size)
        correlation = covariance / (given["scale"][..., None] * given["scale"][..., None, :])
        np.testing.assert_allclose(np.diagonal(correlation, axis1=-2, axis2=-1), 1.0, rtol=1e-12)
        # KL(raised, member) = −½ log|correlation|, and correlations are 1e-3 at most.
        assert (-0.5 * np.linalg.slogdet(correlation)[1] <= 0.51e-6 * size * (size - 1) / 2).all()
        assert (factor != 0).all()
        return
    found = draw(name, lib, {k: lib.array(v) for k, v in params.items()}, lib.array(noise))
    expected = draw(poor, lib, {k: lib.array(v) for k, v in given.items()}, lib.array(noise))
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(lib.numpy(a), lib.numpy(b), rtol=1e-10, atol=1e-10)  # rounding in the splines


@pytest.mark.parametrize("name", RAISED)
@pytest.mark.needs("pyro")
def test_gradients_reach_every_parameter_soon_after_it_is_raised(name):
    """One step away: weights in front of weights that are 0 have none before."""
    import torch

    module, noise = import_module(f"guides.families.{name}.guide_pyro"), np.random.default_rng(3)
    first = {s.name: s.value for s in family(name).initial(SIZE, generator(0, name))}
    values = {**first, **family(name).raised(member(SIZE), generator(0, "raised"))}
    params = {k: torch.tensor(v, requires_grad=True) for k, v in values.items()}
    for _ in range(2):
        draws = (
            module.draw(params, e) for e in torch.as_tensor(noise.standard_normal((8, family(name).noise_size(SIZE))))
        )
        sum((torch.tanh(v).prod() + log_q**2) for v, log_q in draws).backward()
        reached = {k: float(p.grad.abs().sum()) for k, p in params.items()}
        params = {k: (p - 1e-2 * torch.sign(p.grad)).detach().requires_grad_() for k, p in params.items()}
    assert min(reached.values()) > 0, reached
