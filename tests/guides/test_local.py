"""Treatments that give each row its own numbers, over families, in each backend: the same, and right."""

from importlib import import_module
from itertools import combinations, pairwise, product
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from scipy.stats import norm

import guides
from guides.local import treatment

TREATMENTS = [name for name in guides.local_names() if treatment(name).by_row]
FAMILIES = ["delta", "mean_field", "full_rank", "low_rank", "flow"]
_COMPILED: dict[Any, Any] = {}
WEIGHT = np.array([[1.0, 0.5], [0.5, 1.0], [0.3, -0.2]])


def continuous(lib: SimpleNamespace) -> Any:
    """Return a model with a global latent, a param, and two continuous local latents, one of them positive."""
    P, dist, xp = lib.ppl, lib.dist, lib.xp

    def model(x: Any = None, *, size: int | None = None) -> None:
        weight = P.param("weight", lib.array(WEIGHT))
        shift = P.sample("shift", dist.Normal(xp.zeros(()), 2.0))
        n = size if x is None else len(x)
        with P.plate("data", size or n, subsample_size=n):
            z = P.sample("z", dist.Normal(xp.zeros(2), 1.0).to_event(1))
            scale = P.sample("scale", dist.Gamma(2.0 * xp.ones(()), 3.0))
            P.sample("x", dist.Normal(z @ weight.T + shift, (0.5 + scale)[:, None]).to_event(1), obs=x)

    return model


def binary(lib: SimpleNamespace) -> Any:
    """Return a model whose local latent has three binary entries a row."""
    P, dist, xp = lib.ppl, lib.dist, lib.xp

    def model(x: Any = None, *, size: int | None = None) -> None:
        n = size if x is None else len(x)
        with P.plate("data", size or n, subsample_size=n):
            z = P.sample("z", dist.Bernoulli(probs=0.4 * xp.ones(3)).to_event(1))
            P.sample("x", dist.Normal(z @ lib.array(WEIGHT), 0.7).to_event(1), obs=x)

    return model


def categories(lib: SimpleNamespace) -> Any:
    """Return a mixture of three normals with fixed parameters."""
    P, dist, _ = lib.ppl, lib.dist, lib.xp

    def model(x: Any = None, *, size: int | None = None) -> None:
        n = size if x is None else len(x)
        with P.plate("data", size or n, subsample_size=n):
            z = P.sample("z", dist.Categorical(lib.array(np.array([0.2, 0.3, 0.5]))), infer={"enumerate": "parallel"})
            P.sample("x", dist.Normal(lib.array(np.array([-1.0, 0.5, 2.0]))[z], 0.8), obs=x)

    return model


def paths(lib: SimpleNamespace) -> Any:
    """Return a chain of two states, of which the columns are the steps, with its states' means to learn."""
    P, dist, _ = lib.ppl, lib.dist, lib.xp
    markov = import_module(f"zoo.distributions.markov_chain_{lib.name}").MarkovChain

    def model(x: Any = None, *, size: int | None = None) -> None:
        loc = P.param("loc", lib.array(np.array([-1.0, 1.0])))
        move = lib.array(np.array([[0.8, 0.2], [0.4, 0.6]]))
        n = size if x is None else len(x)
        with P.plate("data", size or n, subsample_size=n):
            z = P.sample("z", markov(lib.array(np.array([0.3, 0.7])), move, 3))
            P.sample("x", dist.Normal(loc[z], 0.8).to_event(1), obs=x)

    return model


def nested(lib: SimpleNamespace) -> Any:
    """Return a model with a local latent in a plate of its own inside the row."""
    P, dist, xp = lib.ppl, lib.dist, lib.xp

    def model(x: Any = None, *, size: int | None = None) -> None:
        n = size if x is None else len(x)
        with P.plate("data", size or n, subsample_size=n, dim=-2), P.plate("columns", 3, dim=-1):
            z = P.sample("z", dist.Normal(xp.zeros(()), 1.0))
            P.sample("x", dist.Normal(z, 0.7), obs=x)

    return model


def build(
    lib: SimpleNamespace, model: Any, x: np.ndarray, local: str, family: str = "mean_field", **options: Any
) -> Any:
    """Build a guide; smooth activations, so that finite differences have a meaning."""
    smooth = {"activation": "tanh", "width": 8} if treatment(local).encodes else {}
    context = {"context": 2, "layers": 1} if family == "flow" else {}
    how = {**smooth, **context, **options}
    return guides.build(
        model, backend=lib.name, data={"x": lib.array(x)}, local=local, local_guide=family, local_options=how, starts={}
    )


def elsewhere(site: Any, by: np.ndarray) -> np.ndarray:
    """Return a param's value moved, a positive one by its logarithm; other constraints stay where they are."""
    word = site.support.word
    positive = word == "positive" or (word == "interval" and site.support.lower == 0)
    return site.value * np.exp(by) if positive else site.value + by * (word == "real")


def values_of(guide: Any, seed: int = 1) -> dict[str, np.ndarray]:
    """Return every param of guide and model, moved from where it starts."""
    rng = np.random.default_rng(seed)
    own = [*guide.parameters, *([guide.table] if guide.table else [])]
    moved = {p.name: elsewhere(p, 0.1 * rng.standard_normal(p.shape)) for p in own}
    learnt = {s.name: s.value for s in guide.sites if s.kind == "param"}
    return {**moved, **{name: v + 0.1 * rng.standard_normal(v.shape) for name, v in learnt.items()}}


def noise_of(guide: Any, rows: int, seed: int = 2) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    shape = (1 + guide.rows.inner_draws, rows, guide.rows.noise_size)
    return {"_noise": rng.standard_normal(guide.noise_size), "_local_noise": rng.standard_normal(shape)}


def loss(lib: SimpleNamespace, guide: Any, params: dict, noise: dict, x: np.ndarray, **call: Any) -> tuple[float, dict]:
    """Return the stock objective's loss and gradient at given noise."""
    objective, model = guide.objective(), guide.model
    if lib.name == "pyro":
        from guides.trace_pyro import Hold

        leaves = {k: lib.array(v).clone().requires_grad_() for k, v in params.items()}
        hold = Hold({**leaves, **{k: lib.array(v) for k, v in noise.items()}})
        value = objective.differentiable_loss(hold(model), hold(guide), x=lib.array(x), **call)
        value.backward()
        return value.item(), {
            k: np.zeros_like(params[k]) if v.grad is None else v.grad.numpy() for k, v in leaves.items()
        }
    import jax
    from numpyro.handlers import substitute

    def at(p: dict, e: dict, rows: Any) -> Any:
        return objective.loss(jax.random.key(0), p, model, substitute(guide, data=e), x=rows, **call)

    # Kept with the guide itself, so that another guide at the same address compiles its own.
    compiled = _COMPILED.setdefault((guide, x.shape, *call), jax.jit(jax.value_and_grad(at)))
    value, gradient = compiled(*_arrays(lib, params, noise), lib.array(x))
    return float(value), {k: np.asarray(v) for k, v in gradient.items()}


def _arrays(lib: SimpleNamespace, *trees: dict) -> list[dict]:
    return [{k: lib.array(v) for k, v in tree.items()} for tree in trees]


# Each treatment and each family at least once; the rest of the grid takes minutes to compile.
SHORT = [(local, "full_rank") for local in TREATMENTS] + [("per_datapoint", family) for family in FAMILIES]
GRID = [
    pytest.param(local, family, marks=[] if (local, family) in SHORT else pytest.mark.long)
    for local in TREATMENTS
    for family in FAMILIES
]


@pytest.mark.parametrize(("local", "family"), GRID)
@pytest.mark.needs("pyro", "numpyro")
def test_the_same_noise_gives_the_same_loss_and_gradient_in_both_backends(local, family, lib_named, rows):
    from zoo import backends

    found = []
    for backend in ("pyro", "numpyro"):
        with backends.get(backend).precision("float64"):
            lib = lib_named(backend)
            guide = build(lib, continuous(lib), rows, local, family)
            found.append(loss(lib, guide, values_of(guide), noise_of(guide, 6), rows))
    (ours, our_gradient), (theirs, their_gradient) = found
    assert ours == pytest.approx(theirs, rel=1e-9)
    assert set(our_gradient) == set(their_gradient)
    for key, value in our_gradient.items():
        largest = max(np.abs(value).max(), 1.0)
        np.testing.assert_allclose(value, their_gradient[key], rtol=1e-8, atol=1e-8 * largest, err_msg=key)


@pytest.mark.parametrize(
    ("make", "local"),
    # No gradient steps through draws of binary codes: the test of errors sees that refused.
    [(m, t) for m in (binary, categories, paths) for t in TREATMENTS if m is not binary or t != "semi_amortized"],
)
@pytest.mark.needs("pyro", "numpyro")
def test_discrete_latents_give_the_same_loss_and_gradient_in_both_backends(make, local, lib_named, rows):
    from zoo import backends

    found = []
    for backend in ("pyro", "numpyro"):
        with backends.get(backend).precision("float64"):
            lib = lib_named(backend)
            x = {binary: rows[:, :2], categories: rows[:, 0], paths: rows}[make]
            guide = build(lib, make(lib), x, local)
            found.append(loss(lib, guide, values_of(guide), noise_of(guide, 6), x))
    (ours, our_gradient), (theirs, their_gradient) = found
    assert ours == pytest.approx(theirs, rel=1e-9)
    for key, value in our_gradient.items():
        np.testing.assert_allclose(value, their_gradient[key], rtol=1e-8, atol=1e-10, err_msg=key)


@pytest.mark.parametrize(
    ("make", "family"),
    [
        (continuous, "full_rank"),
        pytest.param(continuous, "flow", marks=pytest.mark.long),
        (categories, "mean_field"),
        (paths, "mean_field"),
    ],
)
@pytest.mark.parametrize("local", TREATMENTS)
def test_the_mean_over_all_batches_is_the_whole_loss(local, make, family, lib, rows):
    """Over all 15 subsets of 4 of 6 rows, each row with its own noise in every subset: exact up to rounding."""
    x = rows[:, 0] if make is categories else rows
    guide = build(lib, make(lib), x, local, family)
    params, noise = values_of(guide), noise_of(guide, 6)
    whole, _ = loss(lib, guide, params, noise, x)
    parts = []
    for chosen in combinations(range(6), 4):
        at = list(chosen)
        some = {**params, **({"local.phi": params["local.phi"][at]} if guide.table else {})}
        heard = {**noise, "_local_noise": noise["_local_noise"][:, at]}
        parts.append(loss(lib, guide, some, heard, x[at], size=6)[0])
    assert np.mean(parts) == pytest.approx(whole, rel=1e-10)
    assert np.std(parts) > 1e-3


@pytest.mark.parametrize(
    ("local", "make"),
    [
        ("semi_amortized", continuous),
        ("semi_amortized", categories),
        ("semi_amortized", paths),
        ("amortized", continuous),
    ],
)
def test_gradients_are_those_of_finite_differences_after_the_parameters_have_moved(local, make, lib, rows):
    """A model called inside a guide could read the *initial* parameters, equally in both backends."""
    x = rows[:, 0] if make is categories else rows
    guide = build(lib, make(lib), x, local)
    params, noise = values_of(guide), noise_of(guide, 6)
    _, gradient = loss(lib, guide, params, noise, x)
    rng, step = np.random.default_rng(3), 1e-6
    for name, value in params.items():
        along = rng.standard_normal(value.shape)
        ends = [loss(lib, guide, {**params, name: value + s * step * along}, noise, x)[0] for s in (1, -1)]
        # Central differences are right to step² times the third derivative, and to the loss's rounding over the step.
        assert (gradient[name] * along).sum() == pytest.approx((ends[0] - ends[1]) / (2 * step), rel=1e-5, abs=1e-5), (
            name
        )


def test_stopped_steps_leave_the_value_and_change_the_gradient(lib, rows):
    guide, stopped = (build(lib, continuous(lib), rows, "semi_amortized", through=t) for t in (True, False))
    params, noise = values_of(guide), noise_of(guide, 6)
    (through, gradient), (value, other) = (loss(lib, g, params, noise, rows) for g in (guide, stopped))
    assert value == pytest.approx(through, rel=1e-12)
    name = "local.encoder.layer0.weight"
    assert np.abs(gradient[name] - other[name]).max() > 1e-3


def test_a_step_of_no_size_is_refused(lib, rows):
    with pytest.raises(guides.GuideError, match="step_size 0 must be above 0"):
        build(lib, continuous(lib), rows, "semi_amortized", step_size=0)


def test_a_step_improves_each_rows_bound(lib, rows):
    """With many inner steps the encoder's poor start is mended: the loss falls by more than its noise."""
    losses = []
    for steps in (1, 15):
        guide = build(lib, continuous(lib), rows, "semi_amortized", steps=steps, step_size=0.1)
        params = values_of(guide)
        losses.append(np.mean([loss(lib, guide, params, noise_of(guide, 6, s), rows)[0] for s in range(4)]))
    assert losses[1] < losses[0] - 1.0


def test_a_plate_inside_a_row_counts_its_densities_once(lib, rows):
    """The loss by hand, at the draw's own noise."""
    from scipy.stats import norm

    guide = build(lib, nested(lib), rows, "constant")
    params, noise = values_of(guide), noise_of(guide, len(rows))
    value, _ = loss(lib, guide, params, noise, rows)
    loc, log_scale = params["local.phi"][:3], params["local.phi"][3:]
    e = noise["_local_noise"][0]
    z = loc + np.exp(log_scale) * e
    log_q = norm.logpdf(e).sum() - len(rows) * log_scale.sum()
    assert value == pytest.approx(log_q - norm.logpdf(z).sum() - norm.logpdf(rows, z, 0.7).sum(), rel=1e-10)


@pytest.mark.parametrize("family", FAMILIES)
def test_numbers_of_zero_are_where_the_family_starts(family, lib, rows):
    """A factor of 0 would stay there: its gradient is 0."""
    guide = build(lib, continuous(lib), rows, "per_datapoint", family)
    held = guide.rows.layout.values(lib.array(np.zeros((2, guide.rows.phi_size))))
    assert set(held) == {p.name for p in guide.rows.phi_sites}
    for p in guide.rows.phi_sites:
        np.testing.assert_allclose(np.asarray(held[p.name]), np.broadcast_to(p.value, (2, *p.shape)), atol=1e-12)


def test_the_stock_loss_of_a_mixture_is_the_expectation_over_its_categories(lib, rows):
    """Σ_k q (log p − log q) by hand, for each row's own probabilities."""
    from scipy.stats import norm

    x = rows[:, 0]
    guide = build(lib, categories(lib), x, "per_datapoint")
    params = values_of(guide)
    value, _ = loss(lib, guide, params, noise_of(guide, 6), x)
    logits = np.pad(params["local.phi"], ((0, 0), (1, 0)))
    q = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    log_p = np.log([0.2, 0.3, 0.5]) + norm.logpdf(x[:, None], [-1.0, 0.5, 2.0], 0.8)
    assert value == pytest.approx(-(q * (log_p - np.log(q))).sum(), rel=1e-10)


@pytest.mark.parametrize("gradient", ["disarm", "score", "score_plain"])
def test_gradients_through_binary_draws_are_unbiased(gradient, lib, rows):
    """40,000 draws for one row against the sum over all 8 values, up to 5 standard errors: one false alarm in 10⁶."""
    copies = 40_000
    x = np.repeat(rows[:1, :2], copies, 0)
    guide = build(lib, binary(lib), x, "per_datapoint", gradient=gradient)
    logits = np.array([0.3, -0.8, 1.1])
    _, found = loss(lib, guide, {"local.phi": np.tile(logits, (copies, 1))}, noise_of(guide, copies), x)
    each = -found["local.phi"]
    step, exact = 1e-5, []
    for j in range(3):
        moved = [logits + s * step * np.eye(3)[j] for s in (1, -1)]
        exact.append((_binary_elbo(moved[0], x[0]) - _binary_elbo(moved[1], x[0])) / (2 * step))
    error = each.std(0) / copies**0.5
    np.testing.assert_array_less(np.abs(each.mean(0) - exact), 5 * error)


def _binary_elbo(logits: np.ndarray, x: np.ndarray) -> float:
    from scipy.stats import norm

    p, total = 1 / (1 + np.exp(-logits)), 0.0
    for z in np.ndindex(2, 2, 2):
        code = np.array(z)
        log_q = np.log(np.where(code, p, 1 - p)).sum()
        log_p = np.log(np.where(code, 0.4, 0.6)).sum() + norm.logpdf(x, code @ WEIGHT, 0.7).sum()
        total += np.exp(log_q) * (log_p - log_q)
    return total


@pytest.mark.parametrize("local", ["marginal", "exact"])
def test_a_path_that_is_summed_out_has_the_likelihood_and_its_gradient(local, lib, rows):
    """Against all eight paths of a row, and their sum's finite differences; whatever path stands for the others."""
    guide = guides.build(paths(lib), backend=lib.name, data={"x": lib.array(rows)}, local=local)
    noise = {"_choice": np.random.default_rng(0).standard_normal(rows.shape)} if local == "exact" else {}

    def evidence(loc: np.ndarray) -> float:
        total = 0.0
        for x in rows:
            each = []
            for path in product(range(2), repeat=3):
                p = np.log([0.3, 0.7][path[0]])
                p += sum(np.log([[0.8, 0.2], [0.4, 0.6]][a][b]) for a, b in pairwise(path))
                each.append(p + norm.logpdf(x, loc[list(path)], 0.8).sum())
            total += np.logaddexp.reduce(each)
        return float(total)

    loc, step = np.array([-0.7, 1.3]), 1e-5
    value, gradient = loss(lib, guide, {"loc": loc}, noise, rows)
    assert value == pytest.approx(-evidence(loc), rel=1e-10)
    for k, e in enumerate(np.eye(2)):
        slope = (evidence(loc + step * e) - evidence(loc - step * e)) / (2 * step)
        assert gradient["loc"][k] == pytest.approx(-slope, rel=1e-6)


def test_a_model_whose_data_look_back_is_refused(lib, rows):
    """What is seen depends on the state and on the one before it, which paths of one state each cannot tell."""
    P, dist, xp = lib.ppl, lib.dist, lib.xp
    markov = import_module(f"zoo.distributions.markov_chain_{lib.name}").MarkovChain
    even = lib.array(np.full((2, 2), 0.5))

    def model(x: Any = None, *, size: int | None = None) -> None:
        loc = P.param("loc", lib.array(np.array([-1.0, 1.0])))
        n = size if x is None else len(x)
        with P.plate("data", size or n, subsample_size=n):
            z = P.sample("z", markov(even[0], even, 3))
            before = xp.roll(z, 1, -1)
            P.sample("x", dist.Normal(loc[z] + 0.1 * loc[before], 0.8).to_event(1), obs=x)

    with pytest.raises(guides.GuideError, match="depend on that step's state alone"):
        guides.build(model, backend=lib.name, data={"x": lib.array(rows)})


def test_a_path_beside_another_discrete_latent_is_refused(lib, rows):
    P, dist = lib.ppl, lib.dist
    markov = import_module(f"zoo.distributions.markov_chain_{lib.name}").MarkovChain
    even = lib.array(np.full((2, 2), 0.5))

    def model(x: Any = None, *, size: int | None = None) -> None:
        n = size if x is None else len(x)
        with P.plate("data", size or n, subsample_size=n):
            z = P.sample("z", markov(even[0], even, 3))
            k = P.sample("k", dist.Categorical(even[0]), infer={"enumerate": "parallel"})
            P.sample("x", dist.Normal(z + 1.0 * k[..., None], 0.8).to_event(1), obs=x)

    with pytest.raises(guides.GuideError, match="cannot be summed over together with 'k'"):
        guides.build(model, backend=lib.name, data={"x": lib.array(rows)})


def test_a_path_in_a_plate_of_its_own_is_refused(lib, rows):
    P, dist = lib.ppl, lib.dist
    markov = import_module(f"zoo.distributions.markov_chain_{lib.name}").MarkovChain
    even = lib.array(np.full((2, 2), 0.5))

    def model(x: Any = None, *, size: int | None = None) -> None:
        n = size if x is None else len(x)
        with P.plate("data", size or n, subsample_size=n, dim=-2), P.plate("several", 1, dim=-1):
            z = P.sample("z", markov(even[0], even, 3))
            P.sample("x", dist.Normal(1.0 * z, 0.8).to_event(1), obs=x[:, None])

    with pytest.raises(guides.GuideError, match="one chain a row of plate 'data'"):
        guides.build(model, backend=lib.name, data={"x": lib.array(rows)})
