"""A richer family that starts from the end of mean field does not end below it, on posteriors of many shapes."""

from collections.abc import Callable
from functools import partial
from importlib import import_module
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import guides
from guides.families import family
from guides.raising import gained, poorer, raised

RICHER = [name for name in guides.names() if family(name).contains]


def ordered_mixture(lib: SimpleNamespace) -> tuple[Callable[..., Any], dict[str, np.ndarray]]:
    """Two components with ordered means and a wide prior on the log of their gap, on sixty rows."""
    P, dist, xp, rng = lib.ppl, lib.dist, lib.xp, np.random.default_rng(11)
    first = rng.random(60) < 0.1

    def model(y: Any) -> None:
        base = dist.Normal(xp.zeros(2), 10.0).to_event(1)
        mu = P.sample("mu", dist.TransformedDistribution(base, dist.transforms.OrderedTransform()))
        with P.plate("components", 2):
            sigma = P.sample("sigma", dist.HalfNormal(xp.ones(()) * 5.0))
        w = P.sample("w", dist.Dirichlet(xp.ones(2)))
        with P.plate("data", 60):
            P.sample("y", dist.MixtureSameFamily(dist.Categorical(w), dist.Normal(mu, sigma)), obs=y)

    return model, {"y": np.where(first, -1.5, 1.5) + rng.standard_normal(60)}


def schools(lib: SimpleNamespace, *, centred: bool) -> tuple[Callable[..., Any], dict[str, np.ndarray]]:
    """Eight schools (Rubin 1981; Gelman et al., Bayesian Data Analysis, 5.5)."""
    P, dist, xp = lib.ppl, lib.dist, lib.xp

    def model(y: Any, s: Any) -> None:
        mu, tau = P.sample("mu", dist.Normal(0.0, 5.0)), P.sample("tau", dist.HalfCauchy(xp.ones(()) * 5.0))
        with P.plate("schools", 8):
            if centred:
                theta = P.sample("theta", dist.Normal(mu, tau))
            else:
                theta = mu + tau * P.sample("raw", dist.Normal(xp.zeros(()), 1.0))
            P.sample("y", dist.Normal(theta, s), obs=y)

    y = np.array([28.0, 8.0, -3.0, 7.0, -1.0, 1.0, 18.0, 12.0])
    return model, {"y": y, "s": np.array([15.0, 10.0, 16.0, 11.0, 9.0, 11.0, 10.0, 18.0])}


def logistic(lib: SimpleNamespace) -> tuple[Callable[..., Any], dict[str, np.ndarray]]:
    """A logistic regression with correlated columns."""
    P, dist, xp, rng = lib.ppl, lib.dist, lib.xp, np.random.default_rng(1)
    x = rng.standard_normal((60, 3))
    x[:, 1] = 0.9 * x[:, 0] + 0.4 * x[:, 1]

    def model(x: Any, y: Any) -> None:
        a = P.sample("a", dist.Normal(0.0, 5.0))
        b = P.sample("b", dist.Normal(xp.zeros(3), 2.5).to_event(1))
        with P.plate("data", 60):
            P.sample("y", dist.Bernoulli(logits=a + x @ b), obs=y)

    return model, {"x": x, "y": (rng.random(60) < 1 / (1 + np.exp(-x @ [2.0, -1.0, 1.0]))).astype(float)}


def funnel(lib: SimpleNamespace) -> tuple[Callable[..., Any], dict[str, np.ndarray]]:
    """Neal's funnel, with four narrow latents (Neal, "Slice sampling", 2003)."""
    P, dist, xp = lib.ppl, lib.dist, lib.xp

    def model() -> None:
        v = P.sample("v", dist.Normal(0.0, 3.0))
        with P.plate("narrow", 4):
            P.sample("x", dist.Normal(xp.zeros(()), xp.exp(v / 2)))

    return model, {}


def banana(lib: SimpleNamespace) -> tuple[Callable[..., Any], dict[str, np.ndarray]]:
    """Rosenbrock's valley as a density."""
    P, dist = lib.ppl, lib.dist

    def model() -> None:
        a = P.sample("a", dist.Normal(0.0, 1.0))
        P.sample("b", dist.Normal(a**2, 0.2))

    return model, {}


def groups(lib: SimpleNamespace) -> tuple[Callable[..., Any], dict[str, np.ndarray]]:
    """A hierarchical regression of six groups with a slope, as of radon on floors (Gelman and Hill 2007)."""
    P, dist, xp, rng = lib.ppl, lib.dist, lib.xp, np.random.default_rng(3)
    g, x = np.arange(60) % 6, rng.integers(0, 2, 60).astype(float)

    def model(x: Any, y: Any) -> None:
        mu, b = P.sample("mu", dist.Normal(0.0, 10.0)), P.sample("b", dist.Normal(0.0, 10.0))
        tau, s = (P.sample(name, dist.HalfNormal(xp.ones(()))) for name in ("tau", "s"))
        with P.plate("groups", 6):
            a = P.sample("a", dist.Normal(mu, tau))
        with P.plate("data", 60):
            P.sample("y", dist.Normal(a[g] + b * x, s), obs=y)

    y = 1.5 + 0.3 * rng.standard_normal(6)[g] - 0.6 * x + 0.7 * rng.standard_normal(60)
    return model, {"x": x, "y": y}


POSTERIORS = {
    "ordered_mixture": ordered_mixture,
    "schools": partial(schools, centred=True),
    "schools, not centred": partial(schools, centred=False),
    "logistic": logistic,
    "funnel": funnel,
    "banana": banana,
    "groups": groups,
}


def learn(lib: Any, model: Any, guide: Any, data: dict[str, Any], steps: int, rate: float) -> dict[str, Any]:
    """Return the guide's parameters after stock SVI by Adam, along a cosine."""
    infer = import_module(f"{lib.ppl.__name__}.infer")
    if lib.name == "numpyro":
        import jax
        import jax.numpy as jnp
        from numpyro.optim import Adam

        schedule = Adam(lambda i: rate * 0.5 * (1 + jnp.cos(jnp.pi * i / steps)))
        svi = infer.SVI(model, guide, schedule, guide.objective())
        return svi.run(jax.random.key(0), steps, **data, progress_bar=False).params
    import pyro
    import torch
    from pyro.optim import PyroLRScheduler

    pyro.clear_param_store()
    pyro.set_rng_seed(0)
    # eta_min and T_max as in a cosine to 0
    cosine = torch.optim.lr_scheduler.CosineAnnealingLR
    schedule = PyroLRScheduler(cosine, {"optimizer": torch.optim.Adam, "optim_args": {"lr": rate}, "T_max": steps})
    svi = infer.SVI(model, guide, schedule, guide.objective())
    for _ in range(steps):
        svi.step(**data)
        schedule.step()
    return {name: value.detach().clone() for name, value in pyro.get_param_store().items()}


def log_weights(lib: Any, model: Any, guide: Any, data: dict[str, Any], params: dict[str, Any], e: Any) -> np.ndarray:
    """Return log p(x, z) − log q(z) for each draw's noise (S, noise_size)."""
    log_densities = import_module(f"guides.trace_{lib.name}").log_densities

    def one(noise: Any) -> Any:
        values, log_q = guide.draw(params, noise)
        return sum(d.sum() for d in log_densities(model, (), data, values).values()) - log_q

    if lib.name == "numpyro":
        import jax

        return np.asarray(jax.jit(lambda noise: jax.lax.map(one, noise, batch_size=100))(lib.array(e)))
    import torch

    with torch.no_grad():
        return np.array([float(one(lib.array(noise))) for noise in e])


def climb(lib: Any, posterior: str, name: str, steps: int, rate: float, draws: int) -> tuple[np.ndarray, ...]:
    """Return log weights of mean field, fitted, and of a richer family at its start from there and at its end."""
    model, data = POSTERIORS[posterior](lib)
    data = {key: lib.array(value) for key, value in data.items()}
    build = partial(guides.build, model, backend=lib.name, data=data, starts={})
    found = poorer(name, {})
    assert found is not None
    poor, rich = build(guide=found[0]), build(guide=name)
    e = np.random.default_rng(2).standard_normal((draws, rich.noise_size))
    fitted = learn(lib, model, poor, data, steps, rate)
    fitted = {key: lib.numpy(value) for key, value in fitted.items()}
    guides.start_from(rich, fitted)
    first = {p.name: lib.array(p.value) for p in rich.parameters}
    fitted = {key: lib.array(value) for key, value in fitted.items()}
    end = learn(lib, model, rich, data, steps, rate)
    return (
        log_weights(lib, model, poor, data, fitted, e[:, : poor.noise_size]),
        log_weights(lib, model, rich, data, first, e),
        log_weights(lib, model, rich, data, end, e),
    )


@pytest.mark.slow
@pytest.mark.parametrize("name", RICHER)
def test_a_richer_family_ends_above_the_poorer_one_that_it_starts_from(name, lib):
    """On the ordered mixture: the start is mean field, up to noise of its own draws, and the end is better."""
    draws = 2000 if lib.name == "numpyro" else 300
    poor, first, end = climb(lib, "ordered_mixture", name, 300, 0.05, draws)
    at_start, error = gained(poor, first)
    assert abs(at_start) <= 0.03 + 3 * error  # low_rank starts with correlations of 1e-3
    rise, error = gained(first, end)
    assert rise > 3 * error


@pytest.mark.long
@pytest.mark.parametrize("name", RICHER)
@pytest.mark.parametrize("posterior", POSTERIORS)
def test_a_richer_family_is_never_worse(posterior, name, lib):
    poor, _, end = climb(lib, posterior, name, 2000, 0.02, 4000)
    rise, error = gained(poor, end)
    assert rise >= -3 * error


@pytest.mark.parametrize("name", RICHER)
def test_every_parameter_has_its_start(name):
    rng = np.random.default_rng(0)
    fitted = {"globals.loc": rng.normal(size=4), "globals.scale": np.ones(4), "a.param": np.zeros(2)}
    values = raised(name, {}, fitted, 4, 0)
    first = family(name).initial(4, rng)
    assert {f"globals.{s.name}": s.shape for s in first} == {key: value.shape for key, value in values.items()}
    np.testing.assert_array_equal(values["globals.loc"], fitted["globals.loc"])


def test_a_family_that_contains_no_other_is_refused():
    with pytest.raises(ValueError, match="mean_field"):
        raised("mean_field", {}, {}, 2, 0)


def test_an_end_with_a_draw_outside_is_no_gain():
    assert gained(np.zeros(3), np.array([5.0, 5.0, -np.inf]))[0] == -np.inf
    assert gained(np.array([0.0, np.nan, 0.0]), np.zeros(3))[0] == np.inf
