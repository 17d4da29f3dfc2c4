"""Networks are the same function in both backends, with the same gradients, and start at the same values."""

from importlib import import_module

import numpy as np
import pytest

from guides.errors import GuideError
from guides.nets import encoder, mlp

SIZES = (3, 7, 5, 2)
X = np.random.default_rng(5).normal(size=(4, 6, 3)) * 3


def net(backend):
    return import_module(f"guides.nets.mlp_{backend}")


def value_and_gradient(backend, params, x, activation, double=True):
    """Return f(x) (NumPy) and the gradients of Σ sin f by parameter and x."""
    forward = net(backend).forward
    if backend == "pyro":
        import torch

        dtype = torch.float64 if double else torch.float32
        held = {k: torch.tensor(v, dtype=dtype, requires_grad=True) for k, v in {**params, "x": x}.items()}
        out = forward(held, "f", held["x"], activation)
        torch.sin(out).sum().backward()
        return out.detach().numpy(), {k: v.grad.numpy() for k, v in held.items()}
    import jax
    import jax.numpy as jnp

    with jax.enable_x64(double):
        held = {k: jnp.asarray(v) for k, v in {**params, "x": x}.items()}
        out = forward(held, "f", held["x"], activation)
        gradient = jax.grad(lambda p: jnp.sin(forward(p, "f", p["x"], activation)).sum())(held)
        return np.asarray(out), {k: np.asarray(v) for k, v in gradient.items()}


@pytest.mark.needs("pyro", "numpyro")
@pytest.mark.parametrize("activation", mlp.ACTIVATIONS)
def test_values_and_gradients_are_equal_in_both(activation):
    params = mlp.initial("f", SIZES, seed=3)
    params["f.layer0.bias"] += 0.3
    # Far out, where torch's own softplus leaves off.
    x = X * np.array([1.0, 10.0, 0.01])
    (a, da), (b, db) = (value_and_gradient(backend, params, x, activation) for backend in ("pyro", "numpyro"))
    assert a.shape == (4, 6, 2)
    assert a == pytest.approx(b, rel=1e-12, abs=1e-12)
    assert da.keys() == db.keys() == params.keys() | {"x"}
    for name in da:
        assert da[name] == pytest.approx(db[name], rel=1e-11, abs=1e-11), name


@pytest.mark.parametrize(
    ("activation", "formula"),
    [
        ("relu", lambda a: np.maximum(a, 0)),
        ("tanh", np.tanh),
        ("silu", lambda a: a / (1 + np.exp(-a))),
        ("softplus", lambda a: np.logaddexp(a, 0)),
    ],
)
def test_a_network_of_one_unit_is_its_activation(backend, activation, formula):
    a = np.array([-60.0, -21.0, -1.0, 0.0, 0.7, 20.5, 25.0, 39.9, 40.1, 200.0])
    ones = {"f.layer0.weight": np.ones((1, 1)), "f.layer0.bias": np.zeros(1)}
    ones |= {"f.layer1.weight": np.ones((1, 1)), "f.layer1.bias": np.zeros(1)}
    found, _ = value_and_gradient(backend, ones, a[:, None], activation)
    assert found[:, 0] == pytest.approx(formula(a), rel=1e-12, abs=0)


@pytest.mark.parametrize("double", [True, False])
def test_a_network_by_hand(backend, double):
    # h = relu((1·2 − 1 , −2·2 + 0.5)) = (1, 0); out = (3·1 + 0, −1·1 + 0.25)
    params = {
        "f.layer0.weight": np.array([[1.0], [-2.0]]),
        "f.layer0.bias": np.array([-1.0, 0.5]),
        "f.layer1.weight": np.array([[3.0, 4.0], [-1.0, 9.0]]),
        "f.layer1.bias": np.array([0.0, 0.25]),
        "other.layer0.weight": np.zeros((1, 1)),
    }
    found, _ = value_and_gradient(backend, {k: v for k, v in params.items() if k[0] == "f"}, np.array([2.0]), "relu")
    assert found.tolist() == [3.0, -0.75]
    assert mlp.depth(params, "f") == 2
    assert mlp.depth(params, "other") == 1


def test_initial_values_have_the_documented_spread_and_depend_on_seed_and_name():
    sizes = (400, 300, 200)
    drawn = mlp.initial("f", sizes, seed=1)
    assert drawn["f.layer0.weight"].std() == pytest.approx((2 / 400) ** 0.5, rel=0.02)
    assert drawn["f.layer1.weight"].std() == pytest.approx((1 / 300) ** 0.5, rel=0.02)
    assert not drawn["f.layer0.bias"].any()
    assert sum(v.size for v in drawn.values()) == mlp.count(sizes)
    again, other, named = (mlp.initial(n, sizes, seed=s) for n, s in (("f", 1), ("f", 2), ("g", 1)))
    assert (again["f.layer0.weight"] == drawn["f.layer0.weight"]).all()
    assert (other["f.layer0.weight"] != drawn["f.layer0.weight"]).all()
    assert (named["g.layer0.weight"] != drawn["f.layer0.weight"]).all()


def declared(backend, function):
    """Run a function that declares parameters; return them as NumPy."""
    if backend == "pyro":
        import pyro

        with pyro.get_param_store().scope():
            trace = pyro.poutine.trace(function).get_trace()
            return {name: node["value"].detach() for name, node in trace.nodes.items() if node["type"] == "param"}
    from numpyro.handlers import trace

    return {name: node["value"] for name, node in trace(function).get_trace().items() if node["type"] == "param"}


def test_a_declared_network_is_the_initial_one_in_the_default_precision(backend):
    x = np.ones((5, 3))

    def run():
        if backend == "pyro":
            import torch

            x_here = torch.ones(5, 3)
        else:
            x_here = x
        return outputs.append(net(backend).mlp("f", SIZES, "tanh", seed=2)(x_here))

    outputs = []
    params = declared(backend, run)
    start = mlp.initial("f", SIZES, seed=2)
    assert list(params) == list(start)
    assert {str(v.dtype).removeprefix("torch.") for v in params.values()} == {"float32"}
    assert all(np.asarray(params[name]) == pytest.approx(start[name], rel=1e-6) for name in start)
    assert np.asarray(outputs[0].detach() if backend == "pyro" else outputs[0]).shape == (5, 2)


def test_a_step_draws_nothing_anew(backend, monkeypatch):
    mlp.shared.cache_clear()
    calls = []
    monkeypatch.setattr(mlp, "generator", lambda *a: calls.append(a) or np.random.default_rng(0))
    for _ in range(3):
        declared(backend, lambda: net(backend).mlp("f", SIZES))
    assert len(calls) == 3  # a weight a layer, once
    mlp.shared.cache_clear()


def test_what_is_not_there_is_said(backend):
    params = mlp.initial("f", SIZES)
    with pytest.raises(GuideError, match="'g.layer0.weight'"):
        net(backend).forward(params, "g", X, "relu")
    with pytest.raises(GuideError, match="'gelu' is unknown"):
        net(backend).forward(params, "f", X, "gelu")
    with pytest.raises(ValueError, match="read-only"):
        mlp.shared("f", SIZES)["f.layer0.bias"][0] = 1.0


@pytest.mark.parametrize("logit", [-800.0, -50.0, -1.0, 0.0, 1e-20, 2.0, 50.0, 800.0])
@pytest.mark.parametrize("value", [0.0, 1.0])
@pytest.mark.parametrize("double", [True, False])
def test_bits_have_the_right_density_and_gradient(backend, logit, value, double):
    bernoulli = import_module(f"guides.nets.heads_{backend}").bernoulli
    if backend == "pyro":
        import torch

        a = torch.tensor(logit, dtype=torch.float64 if double else torch.float32, requires_grad=True)
        density = bernoulli(a).log_prob(torch.tensor(value, dtype=a.dtype))
        density.backward()
        density, slope = density.detach(), a.grad
    else:
        import jax

        with jax.enable_x64(double):
            density, slope = jax.value_and_grad(lambda a: bernoulli(a).log_prob(value))(logit)
    sign = 2 * value - 1
    with np.errstate(over="ignore"):
        expected = sign / (1 + np.exp(sign * logit))
    assert float(density) == pytest.approx(-np.logaddexp(0, -sign * logit), rel=1e-6, abs=1e-13 if double else 1e-5)
    assert float(slope) == pytest.approx(expected, rel=1e-5, abs=1e-15 if double else 1e-7)


@pytest.mark.parametrize("kind", encoder.KINDS)
def test_an_encoder_sees_what_it_says(kind, lib):
    """Rows standardised, counts by their logs in one unit, a window with a step's neighbours and where they end."""
    x = np.random.default_rng(3).poisson(4.0, (9, 5)).astype(float)
    options = {"depth": 1, "width": 4, "activation": "tanh", "half_width": 1}
    size, blocks = (10, [(5,), (5,)]) if kind == "window" else (4, [(2,), (2,)])
    built = encoder.build({"x": kind}, {"x": x}, size, blocks, options)
    features = import_module(f"guides.nets.encoder_{lib.name}").features
    seen = np.asarray(features(built, {"x": lib.array(x)}))
    if kind == "window":
        z = (x - x.mean()) / x.std()
        np.testing.assert_allclose(seen[:, 2, :3], z[:, 1:4], rtol=1e-12)
        np.testing.assert_allclose(seen[:, 0, :3], np.concatenate([np.zeros((9, 1)), z[:, :2]], 1), rtol=1e-12)
        np.testing.assert_allclose(seen[:, 4, :3], np.concatenate([z[:, 3:], np.zeros((9, 1))], 1), rtol=1e-12)
        np.testing.assert_array_equal(seen[0, :, 3:], [[0, 1, 1], [1, 1, 1], [1, 1, 1], [1, 1, 1], [1, 1, 0]])
    else:
        y = np.log1p(x) if kind == "counts" else x
        scale = y.std(0).max() if kind == "counts" else y.std(0)
        np.testing.assert_allclose(seen, (y - y.mean(0)) / scale, rtol=1e-12)


def test_a_windows_numbers_are_those_of_its_step(lib):
    """Affine, of the middle alone: φ's arrays are (5,), (5, 3) and (5,), and each of their rows is its step's."""
    x = np.random.default_rng(3).standard_normal((4, 5))
    options = {"depth": 0, "width": 4, "activation": "tanh", "half_width": 0}
    built = encoder.build({"x": "window"}, {"x": x}, 25, [(5,), (5, 3), (5,)], options)
    weight = np.stack([np.arange(1.0, 6.0), np.zeros(5)], -1)
    params = {"local.encoder.layer0.weight": weight, "local.encoder.layer0.bias": np.zeros(5)}
    encode = import_module(f"guides.nets.encoder_{lib.name}").encode
    found = np.asarray(encode(built, {n: lib.array(p) for n, p in params.items()}, {"x": lib.array(x)}))
    z = (x - x.mean()) / x.std()
    np.testing.assert_allclose(found[:, :5], z, rtol=1e-12)
    np.testing.assert_allclose(found[:, 5:20].reshape(4, 5, 3), z[:, :, None] * [2.0, 3.0, 4.0], rtol=1e-12)
    np.testing.assert_allclose(found[:, 20:], 5 * z, rtol=1e-12)


def test_a_window_refuses_what_has_no_steps():
    x = np.zeros((4, 5))
    options = {"depth": 0, "width": 4, "activation": "tanh", "half_width": 0}
    with pytest.raises(GuideError, match="local_guide='mean_field'"):
        encoder.build({"x": "window"}, {"x": x}, 20, [(5,), (15,)], options)
