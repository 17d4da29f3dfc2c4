"""Traps of NumPyro: each test shows what the library does, and that our guard holds. See docs/pitfalls.md.

A test that fails because the library has been mended is good news: mend the page and drop the guard.
"""

import ast
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
import pytest
from numpyro import handlers
from numpyro.contrib.control_flow import scan
from numpyro.infer import SVI, Trace_ELBO, TraceEnum_ELBO, TraceGraph_ELBO, autoguide
from numpyro.optim import Adam

import guides
import zoo
from guides.families import family, generator
from guides.local import treatment
from guides.rows_numpyro import choices
from guides.trace_numpyro import log_densities, sites
from zoo.models.gmm.model_numpyro import model as gmm

X = jnp.array([-1.0, 1.0, 2.0, 2.5])
ROOT = Path(__file__).parents[1]


def mixture(x: jax.Array, K: int = 2) -> None:
    """The textbook mixture: global latents inside a plate over components, z summed out."""
    weights = numpyro.sample("weights", dist.Dirichlet(jnp.ones(K)))
    with numpyro.plate("components", K):
        loc = numpyro.sample("loc", dist.Normal(0.0, 3.0))
    with numpyro.plate("data", len(x)):
        z = numpyro.sample("z", dist.Categorical(weights), infer={"enumerate": "parallel"})
        numpyro.sample("x", dist.Normal(loc[z], 1.0), obs=x)


def traced_step(model: Callable[..., Any], guide: Any) -> jax.ShapeDtypeStruct:
    """Trace the first step of SVI without running it; return what the loss is."""
    svi = SVI(model, guide, Adam(0.01), TraceEnum_ELBO())

    def step(key: jax.Array) -> jax.Array:
        return svi.update(svi.init(key, X), X)[1]

    return jax.eval_shape(step, jax.random.key(0))


def initial(model: Callable[..., Any], guide: Any, seed: int) -> dict[str, jax.Array]:
    """Return the parameters that SVI begins with."""
    svi = SVI(model, guide, Adam(0.01), Trace_ELBO())
    found: dict[str, jax.Array] = jax.jit(lambda key: svi.get_params(svi.init(key)))(jax.random.key(seed))
    return found


# --- guides --------------------------------------------------------------------------------------------

FAILING = (
    "DiagonalNormal",
    "MultivariateNormal",
    "LowRankMultivariateNormal",
    "LaplaceApproximation",
    "IAFNormal",
)


@pytest.mark.parametrize("name", FAILING)
def test_numpyros_own_guides_fail_on_a_textbook_mixture(name: str) -> None:
    hidden = handlers.block(handlers.seed(mixture, 0), hide=["z"])
    with pytest.raises(KeyError, match="components"):
        traced_step(mixture, getattr(autoguide, f"Auto{name}")(hidden))


@pytest.mark.parametrize("name", ["Normal", "Delta"])
def test_two_of_them_work(name: str) -> None:
    hidden = handlers.block(handlers.seed(mixture, 0), hide=["z"])
    assert traced_step(mixture, getattr(autoguide, f"Auto{name}")(hidden)).shape == ()


@pytest.mark.parametrize("name", guides.names())
def test_ours_all_work(name: str) -> None:
    guide = guides.build(mixture, guide=name, backend="numpyro", data=X)
    assert traced_step(mixture, guide).shape == ()


def test_the_library_low_rank_guide_starts_on_a_saddle_and_ours_does_not() -> None:
    def model() -> None:
        numpyro.sample("z", dist.Normal(0.0, 1.0).expand([3]).to_event(1))

    params = initial(model, autoguide.AutoLowRankMultivariateNormal(model), 0)
    np.testing.assert_array_equal(params["auto_cov_factor"], 0.0)
    ours = {s.name: s.value for s in family("low_rank").initial(3, generator(0, "globals"))}
    assert ours["cov_factor"] is not None
    assert np.abs(ours["cov_factor"]).min() > 0


def test_numpyro_starts_at_random_and_ours_where_it_is_told() -> None:
    def model() -> None:
        numpyro.sample("z", dist.Normal(0.0, 1.0))

    theirs = [initial(model, autoguide.AutoNormal(model), key)["z_auto_loc"] for key in range(3)]
    assert np.std(theirs) > 0.1
    guide = guides.build(model, backend="numpyro", starts={"z": guides.Start(0.3)})
    ours = [initial(model, guide, key)["globals.loc"] for key in range(3)]
    assert ours == [0.0] * 3
    assert float(guide.coordinates.values(jnp.zeros(1))["z"]) == pytest.approx(0.3)


def test_learning_does_not_depend_on_the_unit() -> None:
    x = zoo.model("height").data()["x"]
    metres, centimetres = (zoo.fit("height", data=x * unit, num_steps=100) for unit in (1, 100))
    shift = len(x) * math.log(100)
    np.testing.assert_allclose(metres.losses, centimetres.losses - shift, atol=2e-3)


# --- enumeration ---------------------------------------------------------------------------------------

FIRST = jnp.array([0.7, 0.3])
MOVE = jnp.array([[0.7, 0.3], [0.2, 0.8]])
EMIT = jnp.array([[0.5, 0.4, 0.1], [0.1, 0.3, 0.6]])
WORDS = jnp.array([0, 1, 2, 2, 0])


def hidden_chain(words: jax.Array) -> None:
    """Five steps of a hidden Markov chain, by the library's scan; the state before the first is 0."""

    def step(state: jax.Array, word: jax.Array) -> tuple[jax.Array, None]:
        state = numpyro.sample("state", dist.Categorical(MOVE[state]), infer={"enumerate": "parallel"})
        numpyro.sample("word", dist.Categorical(EMIT[state]), obs=word)
        return state, None

    scan(step, 0, words)


def forward(words: jax.Array) -> float:
    """Return the evidence by the forward recursion."""
    move, emit = np.asarray(MOVE, float), np.asarray(EMIT, float)
    alpha = move[0] * emit[:, words[0]]
    for word in words[1:]:
        alpha = (alpha @ move) * emit[:, word]
    return math.log(alpha.sum())


def test_numpyro_enumeration_inside_scan_is_silently_wrong() -> None:
    elbo = jax.jit(lambda key: -TraceEnum_ELBO().loss(key, {}, hidden_chain, lambda words: None, WORDS))
    assert abs(float(elbo(jax.random.key(0))) - forward(WORDS)) > 1.0


def test_no_model_of_ours_scans_or_gives_logits_to_a_two_valued_site() -> None:
    files = [*(ROOT / "zoo").rglob("*_numpyro.py"), *(ROOT / "guides").rglob("*_numpyro.py")]
    assert files
    for path in files:
        tree = ast.parse(path.read_text())
        imported = {n.module for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)}
        assert "numpyro.contrib.control_flow" not in imported, path
        for call in (n for n in ast.walk(tree) if isinstance(n, ast.Call)):
            name = getattr(call.func, "attr", "")
            if name in {"Bernoulli", "Binomial"}:
                assert "logits" not in {k.arg for k in call.keywords}, path


def one_component(x: jax.Array) -> None:
    with numpyro.plate("data", len(x)):
        z = numpyro.sample("z", dist.Categorical(jnp.ones(1)), infer={"enumerate": "parallel"})
        numpyro.sample("x", dist.Normal(jnp.zeros(1)[z], 1.0), obs=x)


def test_numpyro_cannot_enumerate_a_single_category() -> None:
    with pytest.raises(KeyError, match="z"):
        TraceEnum_ELBO().loss(jax.random.key(0), {}, one_component, lambda x: None, X)


@pytest.mark.parametrize("local", guides.local_names())
def test_our_treatments_serve_a_single_category(local: str) -> None:
    guide = guides.build(one_component, backend="numpyro", data=X, local=local)
    loss = jax.jit(lambda key: guide.objective().loss(key, {}, one_component, guide, X))(jax.random.key(0))
    assert float(loss) == pytest.approx(-float(dist.Normal(0.0, 1.0).log_prob(X).sum()), rel=1e-6)


# --- gradients -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [dist.Bernoulli, lambda logits: dist.Binomial(1, logits=logits)])
def test_the_gradient_at_zero_logits_is_wrong(make: Callable[..., Any]) -> None:
    def gradient(of: Callable[[Any], Any], value: float) -> float:
        return float(jax.grad(lambda logits: of(logits).log_prob(value))(0.0))

    assert gradient(lambda logits: make(logits=logits), 1.0) == 1.0
    assert gradient(lambda logits: make(logits=logits), 0.0) == 0.0
    assert gradient(lambda logits: dist.Bernoulli(probs=jax.nn.sigmoid(logits)), 1.0) == 0.5


def two_values() -> None:
    b = numpyro.sample("b", dist.Bernoulli(0.5))
    numpyro.sample("x", dist.Normal(3.0 * b, 1.0), obs=3.0)


def coin() -> None:
    numpyro.sample("b", dist.Bernoulli(numpyro.param("p", 0.3)))


def exact_gradient() -> float:
    """Return d loss / d p of `two_values` under `coin`, summing over both values."""

    def loss(p: jax.Array) -> jax.Array:
        q = jnp.stack([1 - p, p])
        joint = dist.Normal(jnp.array([0.0, 3.0]), 1.0).log_prob(3.0) - math.log(2)
        return (q * (jnp.log(q) - joint)).sum()

    return float(jax.grad(loss)(0.3))


@pytest.mark.parametrize(("elbo", "right"), [(Trace_ELBO, False), (TraceGraph_ELBO, True)])
def test_trace_elbo_drops_the_score_term(elbo: Any, right: bool) -> None:
    def gradient(key: jax.Array) -> jax.Array:
        return jax.grad(lambda p: elbo().loss(key, {"p": p}, two_values, coin))(0.3)

    found = jax.jit(jax.vmap(gradient))(jax.random.split(jax.random.key(0), 4000))
    error = float(found.std()) / 4000**0.5
    assert (abs(float(found.mean()) - exact_gradient()) < 4 * error) == right


@pytest.mark.parametrize("name", guides.names())
@pytest.mark.parametrize("local", [name for name in guides.local_names() if not treatment(name).quantises])
def test_our_guides_sample_only_what_needs_no_score_term(name: str, local: str) -> None:
    guide = guides.build(mixture, guide=name, local=local, backend="numpyro", data=X)
    drawn: dict[str, str] = {}

    def trace(key: jax.Array) -> None:
        nodes = handlers.trace(handlers.seed(guide, key)).get_trace(X)
        enumerated = {n for n, s in nodes.items() if s.get("infer", {}).get("enumerate") == "parallel"}
        found = {n: type(s["fn"]).__name__ for n, s in nodes.items() if s["type"] == "sample"}
        drawn.update({n: kind for n, kind in found.items() if n not in enumerated})

    jax.eval_shape(trace, jax.random.key(0))
    assert {"weights", "loc"} <= set(drawn)
    assert {d for n, d in drawn.items() if n not in {"_noise", "_choice", "_local_noise"}} <= {"Delta"}


def test_the_exact_treatment_has_the_gradient_of_the_log_likelihood() -> None:
    means, log_share = jnp.array([-1.0, 2.0]), jnp.log(jnp.array([0.3, 0.7]))

    def model(x: jax.Array) -> None:
        shift = numpyro.param("shift", 0.0)
        with numpyro.plate("data", len(x)):
            z = numpyro.sample("z", dist.Categorical(logits=log_share))
            numpyro.sample("x", dist.Normal(means[z] + shift, 1.0), obs=x)

    def log_likelihood(shift: jax.Array) -> jax.Array:
        joint = log_share + dist.Normal(means + shift, 1.0).log_prob(X[:, None])
        return jax.nn.logsumexp(joint, -1).sum()

    guide = guides.build(model, local="exact", backend="numpyro", data=X)

    def gradient(key: jax.Array) -> jax.Array:
        return jax.grad(lambda shift: Trace_ELBO().loss(key, {"shift": shift}, model, guide, X))(0.8)

    found = jax.jit(jax.vmap(gradient))(jax.random.split(jax.random.key(0), 20))
    np.testing.assert_allclose(found, -float(jax.jit(jax.grad(log_likelihood))(0.8)), rtol=1e-5)


# --- values and precision ------------------------------------------------------------------------------


def test_numpyro_does_not_normalise_probabilities_and_our_models_give_logits() -> None:
    probs = jnp.array([1.0, 3.0])
    assert float(dist.Categorical(probs, validate_args=False).log_prob(1)) == pytest.approx(math.log(3))
    values = {
        "weights": probs,
        "loc": jnp.zeros((2, 1)),
        "scale_tril": jnp.ones((2, 1, 1)),
        "z": jnp.array([1]),
    }
    terms = jax.jit(lambda v: log_densities(gmm, (jnp.zeros((1, 1)),), {"K": 2, "D": 1}, v))(values)
    assert float(terms["z"][0]) == pytest.approx(math.log(0.75))


def test_checks_of_values_are_off_under_jit_and_a_fit_that_goes_wrong_stops() -> None:
    assert math.isnan(float(jax.jit(lambda s: dist.Normal(0.0, s, validate_args=True).log_prob(1.0))(-1.0)))
    with pytest.raises(zoo.FitError, match="not finite at step 1, at site 'x'") as caught:
        zoo.fit("height", data=np.array([0.0, *[3e38] * 9]))
    run = caught.value.run
    assert isinstance(run, zoo.Run)
    assert run.status.startswith("stopped")
    assert not len(run.losses)


def test_an_inner_call_takes_the_current_parameters() -> None:
    def guide() -> jax.Array:
        with handlers.block():
            return numpyro.param("loc", 0.0)

    with handlers.substitute(data={"loc": 5.0}):
        assert guide() == 0.0, "the value handed in from outside does not reach the inner call"

    def model() -> None:
        numpyro.sample("z", dist.Normal(numpyro.param("loc", 0.0), 1.0))

    held = log_densities(model, (), {}, {"loc": 5.0, "z": 5.0})
    assert float(held["z"]) == pytest.approx(-0.5 * math.log(2 * math.pi))


def test_jax_takes_doubles_for_singles_and_our_fit_says_which() -> None:
    assert jnp.asarray(np.zeros(2)).dtype == "float32"
    run = zoo.fit("height", num_steps=20, dtype="float64")
    assert run.params["loc"].dtype == "float64"
    assert jnp.asarray(np.zeros(2)).dtype == "float32"


# --- cost ----------------------------------------------------------------------------------------------


def test_svi_run_traces_the_model_again_at_every_call_and_ours_once() -> None:
    calls = 0

    def model(x: jax.Array, size: int | None = None) -> None:
        nonlocal calls
        calls += 1
        loc = numpyro.sample("loc", dist.Normal(0.0, 1.0))
        with numpyro.plate("data", size or len(x), subsample_size=len(x)):
            numpyro.sample("x", dist.Normal(loc, 1.0), obs=x)

    guide = guides.build(model, backend="numpyro", data=X)
    svi = SVI(model, guide, Adam(0.01), guide.objective())
    calls = 0
    counted = []
    for _ in range(2):
        svi.run(jax.random.key(0), 3, X, progress_bar=False)
        counted.append(calls)
    assert counted[1] >= 2 * counted[0]

    from zoo.backends.numpyro_program import Program
    from zoo.backends.state import State

    program = Program(model, {"x": np.asarray(X)}, {}, {})
    state, counted = State.at(np.zeros(program.coordinates.size)), []
    for _ in range(2):
        state, *_ = program.learn(state, np.full(80, 0.01), None, 0)
        counted.append(calls)
    assert counted[1] == counted[0]


def test_a_component_is_factored_once_and_not_once_a_row() -> None:
    (first, *_) = choices(sites(gmm, (jnp.zeros((5, 2)),), {"K": 2, "D": 2}), "data")
    assert first["z"].shape == (1,)
