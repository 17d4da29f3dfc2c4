"""A guide built from a model's trace: every family and treatment, in each backend, on constrained supports."""

from importlib import import_module
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import guides
from guides.families import family

# Treatments with numbers for each row have a file of their own, test_local.py.
FAMILIES, TREATMENTS = guides.names(), ["exact", "marginal"]
_COMPILED: dict[Any, Any] = {}


def build(lib: SimpleNamespace, rows: np.ndarray, name: str, local: str = "marginal", **options: Any) -> Any:
    data = {"x": lib.array(rows)}
    # From the supports' middle: what is tested must not hang on a start that is good already.
    return guides.build(
        lib.supports_model, guide=name, backend=lib.name, data=data, local=local, **{"starts": {}, **options}
    )


def moved(guide: Any) -> dict[str, np.ndarray]:
    """Return the guide's parameters, its location moved, so that nothing is tested at the start alone."""
    rng = np.random.default_rng(8)
    start = {p.name: p.value for p in guide.parameters}
    return {k: v + 0.2 * rng.standard_normal(v.shape) if k.endswith("loc") else v for k, v in start.items()}


def loss(lib: SimpleNamespace, guide: Any, params: dict, noise: np.ndarray, rows: np.ndarray, **call: Any) -> Any:
    """Return the stock objective's loss and its gradient by the parameters, at given noise."""
    objective, model, x = guide.objective(), guide.model, lib.array(rows)
    fed = {"_noise": lib.array(noise)}
    if lib.name == "pyro":
        from guides.trace_pyro import Hold

        leaves = {k: lib.array(v).clone().requires_grad_() for k, v in params.items()}
        held = Hold({**leaves, **fed})(guide)
        lib.ppl.set_rng_seed(0)
        value = objective.differentiable_loss(model, held, x=x, **call)
        value.backward()
        return value.item(), {k: v.grad.numpy() for k, v in leaves.items()}
    import jax
    from numpyro.handlers import substitute

    def at(p: dict, rows_: Any) -> Any:
        return objective.loss(jax.random.key(0), p, model, substitute(guide, data=fed), x=rows_, **call)

    compiled = _COMPILED.setdefault((guide, x.shape), jax.jit(jax.value_and_grad(at)))
    value, gradient = compiled({k: lib.array(v) for k, v in params.items()}, x)
    return float(value), {k: np.asarray(v) for k, v in gradient.items()}


@pytest.mark.parametrize("local", TREATMENTS)
@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.needs("pyro", "numpyro")
def test_the_same_noise_gives_the_same_loss_and_gradient_in_both_backends(name, local, lib_named, rows):
    from zoo import backends

    found = []
    for backend in ("pyro", "numpyro"):
        with backends.get(backend).precision("float64"):
            lib = lib_named(backend)
            guide = build(lib, rows, name, local)
            noise = np.random.default_rng(9).standard_normal(guide.noise_size)
            found.append(loss(lib, guide, moved(guide), noise, rows))
    (ours, our_gradient), (theirs, their_gradient) = found
    assert ours == pytest.approx(theirs, rel=1e-9)
    for key, value in our_gradient.items():
        np.testing.assert_allclose(value, their_gradient[key], rtol=1e-8, atol=1e-8 * np.abs(value).max())


@pytest.mark.parametrize("name", FAMILIES)
def test_the_stock_objective_is_log_joint_less_log_q(name, lib, rows):
    """Enumeration by the library against our own replay with each value of z held constant."""
    guide = build(lib, rows, name)
    noise = np.random.default_rng(9).standard_normal(guide.noise_size)
    params = moved(guide)
    value, _ = loss(lib, guide, params, noise, rows)
    replay = import_module(f"guides.rows_{lib.name}").row_log_joint

    def both(own: dict, e: Any) -> Any:
        values, log_q = guide.draw(own, e)
        return log_q, replay(guide.model, (), {"x": lib.array(rows)}, values, guide.sites, "data")

    compiled = both if lib.name == "pyro" else import_module("jax").jit(both)
    log_q, (outside, *each) = compiled({k: lib.array(v) for k, v in params.items()}, lib.array(noise))
    log_joint = float(lib.numpy(outside)) + np.logaddexp.reduce(lib.numpy(sum(each)), -1).sum()
    assert value == pytest.approx(float(lib.numpy(log_q)) - log_joint, rel=1e-10)


def test_the_exact_treatment_has_no_variance(lib, rows):
    """Whichever z is drawn, the loss and its gradient are those of the sum over z."""
    guides_ = {local: build(lib, rows, "mean_field", local) for local in TREATMENTS}
    noise = np.random.default_rng(9).standard_normal(guides_["exact"].noise_size)
    params = moved(guides_["exact"])
    exact, gradient = loss(lib, guides_["exact"], params, noise, rows)
    marginal, expected = loss(lib, guides_["marginal"], params, noise, rows)
    assert exact == pytest.approx(marginal, rel=1e-12)
    for key, value in gradient.items():
        np.testing.assert_allclose(value, expected[key], rtol=1e-9, atol=1e-10)


def test_the_exact_treatment_draws_from_the_posterior(lib, rows):
    """2000 copies of a row: the share of z = 1 is its probability, up to four standard errors."""
    same = np.repeat(rows[:1], 2000, 0)
    guide = build(lib, same, "delta", "exact")
    params = {p.name: lib.array(p.value) for p in guide.parameters}
    params["globals.loc"] = lib.array(0.3 * np.random.default_rng(8).standard_normal(guide.coordinates.size))
    values, _ = guide.draw(params, lib.array(np.zeros(0)))
    replay = import_module(f"guides.rows_{lib.name}").row_log_joint
    one = {"x": lib.array(rows[:1])}
    each = lib.numpy(sum(replay(guide.model, (), one, values, guide.trace((), one), "data")[1:]))[0]
    prob = 1 / (1 + np.exp(each[0] - each[1]))
    if lib.name == "pyro":
        from guides.trace_pyro import Hold

        lib.ppl.set_rng_seed(0)
        held = Hold(params)(guide)
        z = lib.ppl.poutine.trace(held).get_trace(x=lib.array(same)).nodes["z"]["value"]
    else:
        from numpyro.handlers import seed, substitute, trace

        z = trace(substitute(seed(guide, 0), data=params)).get_trace(x=lib.array(same))["z"]["value"]
    assert 0.05 < prob < 0.95
    assert lib.numpy(z).mean() == pytest.approx(prob, abs=4 * (prob * (1 - prob) / 2000) ** 0.5)


@pytest.mark.parametrize("local", TREATMENTS)
def test_the_mean_over_all_batches_is_the_whole_loss(local, lib, rows):
    from itertools import combinations

    guide = build(lib, rows, "full_rank", local)
    noise = np.random.default_rng(9).standard_normal(guide.noise_size)
    params = moved(guide)
    whole, _ = loss(lib, guide, params, noise, rows)
    batches = [loss(lib, guide, params, noise, rows[list(c)], size=6)[0] for c in combinations(range(6), 4)]
    assert np.mean(batches) == pytest.approx(whole, rel=1e-10)
    assert np.ptp(batches) > 1e-3


def far_model(lib: SimpleNamespace) -> Any:
    """Rows near 0 and 1 that the start, with both components at 0, explains badly."""

    def model(x: Any) -> None:
        scale = lib.ppl.sample("scale", lib.dist.HalfNormal(lib.xp.ones(()) * 3.0))
        with lib.ppl.plate("components", 2):
            loc = lib.ppl.sample("loc", lib.dist.Normal(lib.xp.zeros(()), 10.0))
        with lib.ppl.plate("data", len(x)):
            z = lib.ppl.sample("z", lib.dist.Categorical(lib.xp.ones(2) / 2), infer={"enumerate": "parallel"})
            lib.ppl.sample("x", lib.dist.Normal(loc[z], scale), obs=x)

    return model


@pytest.mark.parametrize(("name", "local"), [*((f, "marginal") for f in FAMILIES), ("mean_field", "exact")])
def test_it_learns_in_the_librarys_own_svi(name, local, lib, rows):
    """The rows lie 6 to 8 away from the start, at a scale of 1: the loss falls from over 100 to about 20."""
    model, x = far_model(lib), lib.array(np.abs(rows[:, 0]) + 6.0)
    guide = guides.build(model, guide=name, backend=lib.name, data={"x": x}, local=local, starts={})
    if lib.name == "pyro":
        lib.ppl.set_rng_seed(1)
        with lib.ppl.get_param_store().scope():
            svi = lib.ppl.infer.SVI(model, guide, lib.ppl.optim.Adam({"lr": 0.1}), guide.objective())
            losses = [svi.step(x=x) for _ in range(100)]
    else:
        import jax
        from numpyro.infer import SVI
        from numpyro.optim import Adam

        svi = SVI(model, guide, Adam(0.1), guide.objective())
        losses = np.asarray(svi.run(jax.random.key(1), 100, x=x, progress_bar=False).losses)
    assert np.isfinite(losses).all()
    assert np.median(losses[-20:]) < losses[0] - 50.0


def test_the_draws_lie_in_their_supports(lib, rows):
    guide = build(lib, rows, "full_rank", init_scale=1.0)
    params = {p.name: lib.array(p.value) for p in guide.parameters}
    noise = np.random.default_rng(1).standard_normal((50, guide.noise_size))
    draw = guide.draw if lib.name == "pyro" else import_module("jax").jit(guide.draw)
    for e in noise:
        v = {name: lib.numpy(value) for name, value in draw(params, lib.array(e))[0].items()}
        assert v["weights"].sum() == pytest.approx(1.0)
        assert (v["weights"] > 0).all()
        assert v["rate"] > 0
        assert 0 < v["share"] < 1
        assert -1 < v["shift"] < 4
        assert (np.diff(v["cuts"]) > 0).all()
        np.testing.assert_allclose((v["corr"] ** 2).sum(-1), 1.0)
        assert (v["scale"] > 0).all()


def test_starts_and_spreads_move_the_coordinates(lib, rows):
    start = {"rate": guides.Start(5.0, 0.01), "loc": guides.Start(np.arange(6.0).reshape(2, 3), 2.0)}
    guide = build(lib, rows, "delta", starts=start)
    at = {p.name: lib.array(p.value) for p in guide.parameters}
    values, _ = guide.draw(at, lib.array(np.zeros(0)))
    assert float(lib.numpy(values["rate"])) == pytest.approx(5.0)
    np.testing.assert_allclose(lib.numpy(values["loc"]), np.arange(6.0).reshape(2, 3))
    step = {k: v + 1.0 for k, v in at.items()}
    assert np.log(float(lib.numpy(guide.draw(step, lib.array(np.zeros(0)))[0]["rate"])) / 5.0) == pytest.approx(0.01)


def test_spreads_are_in_the_density(lib, rows):
    """At the same values, a v of twice the spread has half the density in z as in v: log q falls by log 2."""
    narrow, wide = (build(lib, rows, "mean_field", starts={"rate": guides.Start(1.0, spread)}) for spread in (1.0, 2.0))
    params = {p.name: lib.array(p.value) for p in narrow.parameters}
    nothing = lib.array(np.zeros(narrow.noise_size))
    log_q = [float(lib.numpy(guide.draw(params, nothing)[1])) for guide in (narrow, wide)]
    assert log_q[1] - log_q[0] == pytest.approx(-np.log(2.0), rel=1e-9)


def test_the_seed_is_that_of_the_familys_start(lib, rows):
    first, again, other = (
        next(p.value for p in build(lib, rows, "low_rank", seed=s).parameters if p.name == "globals.cov_factor")
        for s in (0, 0, 1)
    )
    np.testing.assert_array_equal(first, again)
    assert (first != other).all()


def test_the_data_plate_has_the_name_it_is_given(lib, rows):
    def model(x: Any) -> None:
        loc = lib.ppl.sample("loc", lib.dist.Normal(lib.xp.zeros(2), 1.0).to_event(1))
        with lib.ppl.plate("people", len(x)):
            z = lib.ppl.sample("z", lib.dist.Categorical(lib.xp.ones(2) / 2), infer={"enumerate": "parallel"})
            lib.ppl.sample("x", lib.dist.Normal(loc[z], 1.0), obs=x)

    guide = guides.build(model, backend=lib.name, data=lib.array(rows[:, 0]), data_plate="people")
    assert [s.name for s in guide.latents] == ["loc"]
    assert [s.name for s in guide.local_latents] == ["z"]
    assert guide.plate_size == 6


def scale_above_a_latent(lib: SimpleNamespace) -> Any:
    def model(x: Any) -> None:
        scale = lib.ppl.param("scale", lib.xp.ones(()), constraint=lib.dist.constraints.positive)
        loc = lib.ppl.sample("loc", lib.dist.Normal(0.0, scale))
        with lib.ppl.plate("data", len(x)):
            lib.ppl.sample("x", lib.dist.Normal(loc, 1.0), obs=x)

    return model


@pytest.mark.parametrize("name", [f for f in FAMILIES if family(f).point])
def test_a_point_refuses_an_unbounded_joint_maximum(name, lib, rows):
    with pytest.raises(guides.GuideError, match="unbounded.*'scale'"):
        guides.build(scale_above_a_latent(lib), guide=name, backend=lib.name, data=lib.array(rows[:, 0]))


def test_a_density_serves_that_model(lib, rows):
    guide = guides.build(scale_above_a_latent(lib), guide="mean_field", backend=lib.name, data=lib.array(rows[:, 0]))
    assert [s.name for s in guide.latents] == ["loc"]


def test_a_continuous_local_latent_is_refused(lib, rows):
    def model(x: Any) -> None:
        with lib.ppl.plate("data", len(x)):
            z = lib.ppl.sample("z", lib.dist.Normal(lib.xp.zeros(()), 1.0))
            lib.ppl.sample("x", lib.dist.Normal(z, 1.0), obs=x)

    with pytest.raises(guides.GuideError, match="'z'.*continuous"):
        guides.build(model, backend=lib.name, data=lib.array(rows[:, 0]))


def test_a_discrete_global_latent_is_refused(lib, rows):
    def model(x: Any) -> None:
        k = lib.ppl.sample("k", lib.dist.Bernoulli(lib.xp.ones(()) * 0.3))
        with lib.ppl.plate("data", len(x)):
            lib.ppl.sample("x", lib.dist.Normal(k, 1.0), obs=x)

    with pytest.raises(guides.GuideError, match="'k'.*discrete and outside plate 'data'"):
        guides.build(model, backend=lib.name, data=lib.array(rows[:, 0]))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"guide": "full_rnk"}, "guide 'full_rnk' is unknown; did you mean 'full_rank'"),
        ({"local": "exat"}, "local treatment 'exat' is unknown; did you mean 'exact'"),
        ({"rank": 2}, "guide option 'rank' is unknown"),
        ({"data": {"y": np.ones(3)}}, "cannot be called with these data"),
    ],
)
def test_a_mistake_is_one_line(words, message, lib, rows):
    with pytest.raises(guides.GuideError, match=message) as error:
        guides.build(lib.supports_model, **{"backend": lib.name, "data": {"x": lib.array(rows)}, **words})
    assert "\n" not in str(error.value)


def test_an_unknown_backend_is_named():
    with pytest.raises(guides.GuideError, match="'stan' is unknown. Known: pyro, numpyro"):
        guides.build(print, backend="stan")


def test_a_trace_leaves_nothing_behind(lib, rows):
    """Pyro keeps parameters in one global store: a guide must not leave the shape of one model to the next."""
    build(lib, rows, "mean_field")
    if lib.name == "pyro":
        guides.build(scale_above_a_latent(lib), backend="pyro", data=lib.array(rows[:, 0]))
        assert list(lib.ppl.get_param_store().keys()) == []
