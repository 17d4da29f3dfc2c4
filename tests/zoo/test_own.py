"""A model of one's own in every verb: known answers, minibatches, what a file keeps, and one line for what is wrong."""

from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import zoo
from zoo import backends
from zoo.errors import UserError
from zoo.svi import starting_point

RNG = np.random.default_rng(0)
X = RNG.uniform(0, 10, 60)
LINE = {"x": X, "y": 170 + 3 * X + RNG.standard_normal(60)}
BLOBS = {"x": np.concatenate([RNG.standard_normal(60), 4 + RNG.standard_normal(40)])}
FACES = {"x": np.outer(RNG.standard_normal(40), [1.0, 2.0]) + RNG.standard_normal((40, 2))}


def namespace(backend: str) -> SimpleNamespace:
    """Return the words in which a model is written, for one library."""
    arrays = {"pyro": "torch", "numpyro": "jax.numpy"}[backend]
    return SimpleNamespace(
        ppl=import_module(backend),
        dist=import_module(f"{backend}.distributions"),
        xp=import_module(arrays),
    )


def line(backend: str) -> Any:
    """Return a regression with known noise: its posterior and its evidence are normal."""
    lib = namespace(backend)

    def model(x: Any, y: Any) -> None:
        a = lib.ppl.sample("a", lib.dist.Normal(0.0, 1000.0))
        b = lib.ppl.sample("b", lib.dist.Normal(0.0, 100.0))
        with lib.ppl.plate("data", len(x)):
            lib.ppl.sample("y", lib.dist.Normal(a + b * x, 1.0), obs=y)

    return model


def mixture(backend: str) -> Any:
    """Return two clusters with a discrete latent, in a plate that is not called "data"."""
    lib = namespace(backend)

    def model(x: Any) -> None:
        share = lib.ppl.sample("share", lib.dist.Beta(2.0, 2.0))
        with lib.ppl.plate("people", len(x)):
            z = lib.ppl.sample("z", lib.dist.Bernoulli(share), infer={"enumerate": "parallel"})
            lib.ppl.sample("x", lib.dist.Normal(4.0 * z, 1.0), obs=x)

    return model


def factor(backend: str) -> Any:
    """Return one factor behind two columns: a parameter, and a continuous latent for each row."""
    lib = namespace(backend)

    def model(x: Any) -> None:
        w = lib.ppl.param("w", lib.xp.ones(2))
        with lib.ppl.plate("data", len(x)):
            z = lib.ppl.sample("z", lib.dist.Normal(0.0, 1.0))
            lib.ppl.sample("x", lib.dist.Normal(z[..., None] * w, 1.0).to_event(1), obs=x)

    return model


def log_evidence() -> float:
    """Return log p(y) of `line`, whose y is normal."""
    design = np.stack([np.ones(60), X], 1) * [1000.0, 100.0]
    covariance = np.eye(60) + design @ design.T
    _, log_det = np.linalg.slogdet(2 * np.pi * covariance)
    return float(-0.5 * (log_det + LINE["y"] @ np.linalg.solve(covariance, LINE["y"])))


@pytest.mark.slow
def test_the_elbo_of_a_posterior_that_the_family_contains_is_the_evidence(backend):
    run = zoo.fit(line(backend), data=LINE, backend=backend, guide="full_rank")
    assert run.status == "converged"
    # To 1e-3 nats per row, by which learning stops; an ELBO is never above the evidence but by its noise.
    assert run.elbo().value == pytest.approx(log_evidence(), abs=0.06)
    assert run.elbo().value < log_evidence() + 4 * run.elbo().error + 1e-3


@pytest.mark.parametrize(("write", "data"), [(line, LINE), (mixture, BLOBS), (factor, FACES)])
def test_the_mean_over_all_minibatches_is_the_whole(write, data, backend):
    """ELBO and gradient at the same draw of the globals, without noise of the rows: the plate alone is scaled."""
    run = zoo.fit(write(backend), data=data, backend=backend, num_steps=1, dtype="float64")
    if write is factor:
        run = run.refit(local="constant", local_guide="delta", num_steps=1)
    v = starting_point(run, run.starts) + 0.1
    rows = len(next(iter(data.values())))
    assert run.program.guide.plate_size == rows  # by which log q of the rows is scaled
    whole, slope = run.program.objective(v, None, 3)
    parts = [run.program.objective(v, np.arange(i, i + 10, dtype=np.int32), 3) for i in range(0, rows, 10)]
    assert np.mean([p[0] for p in parts]) == pytest.approx(whole, rel=1e-10)
    assert np.mean([p[1] for p in parts], 0) == pytest.approx(slope, rel=1e-8, abs=1e-8)


@pytest.mark.needs("pyro", "numpyro")
@pytest.mark.parametrize(
    ("write", "data", "values"),
    [
        (line, LINE, {"a": 150.0, "b": 2.5}),
        (mixture, BLOBS, {"share": 0.3, "z": np.arange(100) % 2}),
        (factor, FACES, {"w": np.array([0.5, -1.0]), "z": np.linspace(-1, 1, 40)}),
    ],
)
def test_a_pair_is_one_model(write, data, values):
    """Each site's log density in both backends, at the same values."""
    model = zoo.own({name: write(name) for name in ("pyro", "numpyro")}, data)
    found = []
    for name in ("pyro", "numpyro"):
        with backends.get(name).precision("float64"):
            given = {key: np.asarray(v, np.float64) for key, v in values.items()}
            found.append(backends.get(name).log_joint(model.function(name), data, {}, given))
    assert found[0] == pytest.approx(found[1], rel=1e-10)


@pytest.mark.slow
def test_rows_of_ones_own_have_gaps(backend):
    """The factor's posterior is normal, so that free φ reach log p(x), and the gaps are the encoder's alone."""
    run = zoo.fit(factor(backend), data=FACES, backend=backend)
    w = run.params["w"]
    covariance = np.eye(2) + np.outer(w, w)
    distances = (FACES["x"].T * np.linalg.solve(covariance, FACES["x"].T)).sum()
    exact = -0.5 * (40 * np.linalg.slogdet(2 * np.pi * covariance)[1] + distances)
    free = run.refit(local="per_datapoint")
    assert free.elbo().value == pytest.approx(exact, abs=0.4 + 4 * free.elbo().error)  # 0.01 per row, the tolerance
    assert zoo.gaps(run).rows.shape == (40,)


@pytest.mark.slow
def test_the_other_verbs(backend, tmp_path: Path):
    run = zoo.fit(line(backend), data=LINE, backend=backend, held_out=0.1)
    assert run.new_rows() is not None
    assert {k: v.shape for k, v in run.sample(5, given={"x": X[:5]}).items()} == {"x": (5,), "y": (5,)}
    assert run.posterior_predictive(3)["y"].shape == (3, 54)
    assert run.evidence() is None
    opened = zoo.load_run(run.save(tmp_path / "run"), model=line(backend))
    assert opened.elbo() == run.elbo()
    chains = run.refit(method="nuts", num_warmup=100, num_draws=100, num_chains=1)
    assert chains.draws["a"].mean() == pytest.approx(run.draws["a"].mean(), abs=1.0)


def test_a_saved_run_opens_with_its_own_function_alone(backend, tmp_path: Path):
    folder = zoo.fit(line(backend), data=LINE, backend=backend, num_steps=1).save(tmp_path / "run")
    with pytest.raises(UserError, match="opening a file runs no code; give the model"):
        zoo.load_run(folder)
    with pytest.raises(UserError, match="another source"):
        zoo.load_run(folder, model=lambda x, y: line(backend)(x, y))
    ours = zoo.fit("height", backend=backend, num_steps=1).save(tmp_path / "ours")
    with pytest.raises(UserError, match="leave model= out"):
        zoo.load_run(ours, model=line(backend))


def own_rows(backend: str) -> Any:
    """Return a model that draws its own minibatch."""
    lib = namespace(backend)

    def model(x: Any, y: Any) -> None:
        a = lib.ppl.sample("a", lib.dist.Normal(0.0, 1.0))
        with lib.ppl.plate("data", len(x), subsample_size=5) as i:
            lib.ppl.sample("y", lib.dist.Normal(a + x[i], 1.0), obs=y[i])

    return model


def written(observed: str = "y", size: int | None = None, plate: str = "data", inside: bool = True) -> Any:
    """Return what writes a regression: under another name, in a plate of fixed size or another name, or outside it."""

    def write(backend: str) -> Any:
        lib = namespace(backend)

        def model(x: Any, y: Any) -> None:
            a = lib.ppl.sample("a", lib.dist.Normal(0.0, 1.0))
            with lib.ppl.plate(plate, size or len(x)):
                z = lib.ppl.sample("z", lib.dist.Normal(lib.xp.zeros_like(x), 1.0))
                if inside:
                    lib.ppl.sample(observed, lib.dist.Normal(a + z, 1.0), obs=y)
            if not inside:
                lib.ppl.sample(observed, lib.dist.Normal(a + z, 1.0).to_event(1), obs=y)

        return model

    return write


def no_plate(backend: str) -> Any:
    """Return a model without a plate over rows."""
    lib = namespace(backend)

    def model(x: Any, y: Any) -> None:
        a = lib.ppl.sample("a", lib.dist.Normal(0.0, 1.0))
        lib.ppl.sample("y", lib.dist.Normal(a + x, 1.0).to_event(1), obs=y)

    return model


def autoregressive(backend: str) -> Any:
    """Return a model that reads y for its mean, too: drawn y would be around the mean of others."""
    lib = namespace(backend)

    def model(x: Any, y: Any) -> None:
        a = lib.ppl.sample("a", lib.dist.Normal(0.0, 1.0))
        with lib.ppl.plate("data", len(x)):
            lib.ppl.sample("y", lib.dist.Normal(a + 0.5 * y, 1.0), obs=y)

    return model


def growing(backend: str) -> Any:
    """Return a model with a parameter for each row, outside of the plate."""
    lib = namespace(backend)

    def model(x: Any, y: Any) -> None:
        w = lib.ppl.param("w", lib.xp.zeros(len(x)))
        a = lib.ppl.sample("a", lib.dist.Normal(0.0, 1.0))
        with lib.ppl.plate("data", len(x)):
            lib.ppl.sample("y", lib.dist.Normal(a + w, 1.0), obs=y)

    return model


@pytest.mark.parametrize(
    ("write", "words", "said"),
    [
        (line, {"data": None}, "your own; give its data="),
        (line, {"data": {"x": X}}, "cannot be called with these data: missing a required argument: 'y'"),
        (line, {"data": {"x": X, "y": X[:9]}}, "'y' have 9 rows, and 'x' has 60"),
        (line, {"data": {"x": X, "y": ["a"] * 60}}, "'y' are not numbers"),
        (line, {"data": LINE, "K": 3}, "bind arguments of your own model with functools.partial"),
        (line, {"data": "mine.csv"}, "give its data as arrays by name"),
        (own_rows, {"data": LINE}, "draws its own minibatch in plate 'data'"),
        (written("obs"), {"data": LINE}, "observed site 'obs' does not have the name of an array"),
        (written(size=60), {"data": LINE}, "plate 'data' has size 60 when the model is called with 2 rows"),
        (
            written(inside=False),
            {"data": LINE},
            "observed of shape .60,. on all rows, and observed of shape .2,. on 2 .* lies in plate 'data'",
        ),
        (no_plate, {"data": LINE}, "which plate is over the 60 rows. Its plates: none; give rows="),
        (autoregressive, {"data": LINE}, "computes site 'y' from an observed array"),
        (growing, {"data": LINE}, "site 'w' is param of shape .60,. on all rows, and param of shape .2,. on 2"),
        (line, {"data": {**LINE, "size": X}}, "has the name 'size'"),
        (lambda backend: len, {"data": {"obj": X}}, "cannot be called|fails on these data|has no observed site"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(write, words, said, backend):
    with pytest.raises(UserError, match=said) as caught:
        zoo.fit(write(backend), backend=backend, num_steps=1, **words)
    assert "\n" not in str(caught.value)


@pytest.mark.needs("pyro", "numpyro")
def test_a_function_of_one_library_is_not_fitted_in_the_other():
    with pytest.raises(UserError, match="fails on these data in numpyro"):
        zoo.fit(line("pyro"), data={"x": X, "y": X}, backend="numpyro")
    model = zoo.own(line("pyro"), LINE, backend="pyro")
    with pytest.raises(UserError, match="has a function for pyro only"):
        zoo.fit(model, data=LINE, backend="numpyro")


@pytest.mark.needs("pyro", "numpyro")
def test_the_functions_of_a_pair_must_have_the_same_sites():
    with pytest.raises(UserError, match="site 'b' is latent of shape .. on all rows, and absent .* in numpyro"):
        zoo.own({"pyro": line("pyro"), "numpyro": no_slope("numpyro")}, LINE, backend="pyro")


def no_slope(backend: str) -> Any:
    """Return `line` without a slope."""
    lib = namespace(backend)

    def model(x: Any, y: Any) -> None:
        a = lib.ppl.sample("a", lib.dist.Normal(0.0, 1000.0))
        with lib.ppl.plate("data", len(x)):
            lib.ppl.sample("y", lib.dist.Normal(a + 0 * x, 1.0), obs=y)

    return model


def test_a_start_found_on_a_subsample_is_as_narrow_as_all_rows_say(backend):
    """The start looks at 2,000 of 8,000 rows; the posterior's sd given all is 8000^-½, exactly normal."""
    x = np.zeros(8000)
    y = 170 + np.random.default_rng(0).standard_normal(8000)
    model = zoo.own(no_slope(backend), {"x": x, "y": y}, backend=backend)
    start = model.start({"x": x, "y": y}, np.random.default_rng(0))["a"]
    assert start.spread == pytest.approx(8000**-0.5, rel=2e-3)
    assert start.value == pytest.approx(y.mean(), abs=5 * 2000**-0.5)


def intercepts(backend: str) -> Any:
    """Return an intercept for each of three groups, which whole numbers index."""
    lib = namespace(backend)

    def model(group: Any, y: Any) -> None:
        with lib.ppl.plate("groups", 3):
            a = lib.ppl.sample("a", lib.dist.Normal(0.0, 10.0))
        with lib.ppl.plate("data", len(y)):
            lib.ppl.sample("y", lib.dist.Normal(a[group], 1.0), obs=y)

    return model


@pytest.mark.slow
def test_whole_numbers_index(backend):
    """Each group's posterior is normal: precision 30 and 0.01, mean Σ y / that."""
    group = np.repeat([0, 1, 2], 30)
    y = np.array([-5.0, 0.0, 170.0])[group] + np.random.default_rng(1).standard_normal(90)
    run = zoo.fit(intercepts(backend), data={"group": group, "y": y}, backend=backend)
    exact = y.reshape(3, 30).sum(1) / 30.01
    # A thousand draws of sd 0.18, and where learning stops.
    assert run.draws["a"].mean((0, 1) if run.draws["a"].ndim == 3 else 0) == pytest.approx(exact, abs=0.05)
    with pytest.raises(UserError, match="'group' has floats"):
        run.log_likelihood({"group": group + 0.5, "y": y})


@pytest.mark.slow
def test_a_comparison_fits_ones_own_model(backend):
    found = zoo.compare(line(backend), data=LINE, backends=backend, guides=["mean_field", "full_rank"], seeds=1)
    assert [row.get("error") for row in found.rows] == [None, None]
    assert found.rows[1]["elbo"] > found.rows[0]["elbo"]


@pytest.mark.needs("pyro", "numpyro")
def test_a_crosscheck_of_a_pair(tmp_path: Path):
    pair = {name: line(name) for name in ("pyro", "numpyro")}
    assert zoo.crosscheck(zoo.own(pair, LINE), data=LINE).ok
    assert not zoo.crosscheck(zoo.own({**pair, "numpyro": steeper("numpyro")}, LINE), data=LINE).ok


def steeper(backend: str) -> Any:
    """Return `line` with another prior of the slope."""
    lib = namespace(backend)

    def model(x: Any, y: Any) -> None:
        a = lib.ppl.sample("a", lib.dist.Normal(0.0, 1000.0))
        b = lib.ppl.sample("b", lib.dist.Normal(0.0, 101.0))
        with lib.ppl.plate("data", len(x)):
            lib.ppl.sample("y", lib.dist.Normal(a + b * x, 1.0), obs=y)

    return model


@pytest.mark.needs("pyro")
def test_a_network_in_single_precision_is_served_in_pyro():
    """torch does not mix precisions: the start is then searched for in single precision, and learnt as it is."""
    lib = namespace("pyro")
    layer = lib.xp.nn.Linear(2, 2, bias=False)
    layer.weight.requires_grad_(False)

    def model(x: Any) -> None:
        z = lib.ppl.sample("z", lib.dist.Normal(lib.xp.zeros(2), 1.0).to_event(1))
        with lib.ppl.plate("data", len(x)):
            lib.ppl.sample("x", lib.dist.Normal(layer(z), 1.0).to_event(1), obs=x)

    run = zoo.fit(model, data=FACES, backend="pyro", guide="full_rank")
    w = layer.weight.numpy()
    precision = np.eye(2) + 40 * w.T @ w
    mean = np.linalg.solve(precision, w.T @ FACES["x"].sum(0))
    away = run.draws["z"].reshape(-1, 2).mean(0) - mean
    # In posterior sds: a thousand draws leave 0.03, learning's tolerance of 0.01 nats per row some more.
    assert np.sqrt(away @ precision @ away) < 0.5


def test_the_card_is_read_off_the_trace(backend):
    card = zoo.own(mixture(backend), BLOBS, backend=backend).card
    assert [(s.name, s.kind, s.shape) for s in card.sites] == [
        ("share", "latent", ()),
        ("z", "latent", ("row",)),
        ("x", "observed", ("row",)),
    ]
    assert card.local[0] == "marginal"
    assert zoo.own(factor(backend), FACES, backend=backend).card.local[0] == "amortized"
    assert zoo.own(line(backend), LINE, backend=backend).card.covariates == ("x",)
