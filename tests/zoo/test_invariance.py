"""What a model finds moves with the data as it must: in other units, with columns in another order, and at the limits.

A transformation takes the data and says by how much the log likelihood at what is found must change. Columns that are
real numbers are shifted and scaled; a model whose options have units, or that does not take every shift or scale, says
so by `in_other_units` in its data.py. Whatever data come, a start lies inside the supports or one line says why not.
"""

import importlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import zoo
from guides.bijections import unconstrain
from guides.sites import Support
from zoo.catalogue import Model
from zoo.models.hmm.exact import lengths

Data = dict[str, np.ndarray]
# Options by which a model has real columns, or so few parameters that 60 rows determine them.
SMALL: dict[str, dict[str, Any]] = {name: {"emission": "gaussian"} for name in ("hmm", "hmm_bayes")}
SMALL |= {name: {"K": 3, "D": 2} for name in ("crf", "crf_bayes")}


def rng() -> np.random.Generator:
    return np.random.default_rng(3)


def columns(model: Model) -> str | None:
    """Return the first array if it holds real numbers, given or observed; None for counts, bits and categories."""
    name = next(iter(model.card.inputs))
    site = next((s for s in model.card.active_sites(model.options) if s.name == name), None)
    return name if site is None or site.support == "real" else None


def with_units() -> list[str]:
    """Return the models with real columns, a start of their own units, and an exact log likelihood."""
    found = []
    for name in zoo.names():
        model = zoo.model(name, **SMALL.get(name, {}))
        if columns(model) and "log_likelihood" in model.card.exact and not networks(model):
            found.append(name)
    return found


def networks(model: Model) -> bool:
    """Whether the model has weights of a network, whose start is not its data's."""
    return any("unit" in s.shape for s in model.card.sites)


def simulated(name: str, size: int = 40, **options: Any) -> tuple[Model, Data]:
    model = zoo.model(name, **SMALL.get(name, {}), **options)
    data = model.simulate(0, size)
    return model.bind(data), data


def start(model: Model, data: Data) -> dict[str, np.ndarray]:
    return {name: np.asarray(s.value) for name, s in model.start(data, rng()).items()}


def in_other_units(model: Model, data: Data, shift: float, scale: float) -> tuple[Model, Data, float]:
    """Return the model and its data in other units, and what that adds to the log likelihood."""
    name = columns(model)
    assert name is not None
    x = data[name]
    width = x.shape[-1] if model.card.inputs[name][-1] != "row" else 1
    shifts, scales = shift * np.arange(1.0, width + 1), scale ** np.linspace(1, 0.5, width)
    options = {k: v for k, v in model.options.items() if k not in (model.derived or {})}
    says = getattr(importlib.import_module(f"zoo.models.{model.name}.data"), "in_other_units", None)
    if says:
        options, shifts, scales = says(options, shifts, scales)
    moved = data | {name: shifts + scales * x}
    added = 0.0 if name in model.card.covariates else -float((~np.isnan(x) * np.log(scales)).sum())
    return replace(model, given=options).bind(moved), moved, added


def log_likelihood(model: Model, data: Data, values: Data) -> float:
    found = model.log_likelihood(data, values)
    assert found is not None
    return float(found.sum())


@pytest.mark.parametrize("name", with_units())
@pytest.mark.parametrize(("shift", "scale"), [(3.0, 1.0), (0.0, 1e4), (-2.0, 1e-5)])
def test_a_start_moves_with_the_units(name: str, shift: float, scale: float) -> None:
    model, data = simulated(name)
    other, moved, added = in_other_units(model, data, shift, scale)
    before = log_likelihood(model, data, start(model, data))
    after = log_likelihood(other, moved, start(other, moved))
    # Both are the same sums of squares in double precision; shifts cost digits of 1e-16 each.
    assert after == pytest.approx(before + added, rel=1e-7, abs=1e-6)


def limits(x: np.ndarray) -> dict[str, np.ndarray]:
    """Return what users bring, made of rows x; the last axis is that of columns if there are more than one."""
    found = {"one row": x[:1], "all rows alike": np.repeat(x[:1], 12, 0), "two kinds of rows": x[np.arange(12) % 2]}
    still = x.copy()
    still[..., 0] = np.where(np.isnan(x[..., 0]), np.nan, x[0].flat[0])
    if x.ndim > 1:
        found |= {"a constant column": still}
    if x.ndim > 1 and x.shape[-1] > 1:
        twin, total = x.copy(), x.copy()
        twin[..., 1], total[..., -1] = x[..., 0], x[..., :-1].sum(-1)
        found |= {"a repeated column": twin, "a dependent column": total}
    far = x.copy()
    far[0] = np.where(np.isnan(x[0]), np.nan, 1e4 * np.abs(x[0]))
    return found | {"an outlier": np.floor(far) if (x[~np.isnan(x)] % 1 == 0).all() else far}


def cases() -> Iterator[Any]:
    for name in zoo.names():
        for kind in limits(np.ones((3, 2, 2))):
            yield pytest.param(name, kind, id=f"{name}-{kind.replace(' ', '_')}")


@pytest.mark.parametrize(("name", "kind"), list(cases()))
def test_data_at_their_limits_start_inside_the_supports_or_one_line_says_why(
    name: str, kind: str, small_model: Callable[..., Any]
) -> None:
    model = small_model(name)
    data = model.simulate(0, 40)
    first = next(iter(data))
    bits = np.isin(data[first], (0, 1)).all()
    found = limits(data[first]).get(kind)
    if found is None or (bits and kind in ("an outlier", "a dependent column")):
        return  # the model takes no such data
    rows = {n: v[: len(found)] for n, v in data.items()} | {first: found}
    inside(model.bind(rows), rows)


@pytest.mark.parametrize(
    ("name", "emission"), [(n, e) for n in ("hmm", "hmm_bayes") for e in ("gaussian", "categorical")]
)
@pytest.mark.parametrize("kind", list(limits(np.ones((3, 2, 2)))))
def test_series_at_their_limits(name: str, emission: str, kind: str) -> None:
    model = (
        zoo.model(name, emission=emission, D=2, V=3)
        if emission == "categorical"
        else zoo.model(name, emission=emission, D=2)
    )
    x = model.simulate(0, 20)["x"]
    found = limits(x)[kind]
    found = np.minimum(found, 2) if emission == "categorical" else found
    inside(replace(model, given=model.given | {"D": 2}).bind({"x": found}), {"x": found})


def inside(model: Model, data: Data) -> None:
    """Hold a start to the supports of the model's sites, and its spreads to what is above 0."""
    said, starts = "", {}
    try:
        starts = model.start(data, rng())
    except zoo.UserError as error:
        said = str(error)
    assert starts or said.startswith(model.name)
    assert "\n" not in said
    supports = {s.name: s.support for s in model.card.active_sites(model.options)}
    for name, found in starts.items():
        assert np.isfinite(found.value).all(), name
        assert (np.isfinite(found.spread) & (np.asarray(found.spread) > 0)).all(), name
        word = supports.get(name, "real")
        value = np.asarray(found.value)
        if word == "positive":
            assert (value > 0).all(), name
        if word == "simplex":
            assert (value > 0).all(), name
            assert value.sum(-1) == pytest.approx(np.ones(value.shape[:-1])), name
        if word == "lower_cholesky":
            assert np.isfinite(unconstrain(Support(word), value)).all(), name


def test_more_components_than_different_rows() -> None:
    x = np.repeat(np.arange(3.0)[:, None] * [1, 2], 4, 0)
    with pytest.raises(zoo.UserError, match="rows that differ"):
        zoo.model("gmm", K=4).bind({"x": x}).start({"x": x}, rng())
    for name in ("gmm_bayes", "dp_mixture"):
        inside(zoo.model(name, K=5).bind({"x": x}), {"x": x})
    counts = {"x": np.repeat(np.eye(3, dtype=float), 4, 0)}
    inside(zoo.model("sentence", K=5).bind(counts), counts)
    series = {"x": np.ones((2, 6, 1))}
    assert lengths(series["x"]).tolist() == [6, 6]
    inside(zoo.model("hmm", K=5).bind(series), series)


@pytest.mark.parametrize("name", [n for n in with_units() if n != "random_walk"])
def test_a_start_looks_at_a_part_of_many_rows(name: str) -> None:
    """Every row 25 times has the start of every row once, but for what a sample misses."""
    model, data = simulated(name, 400)
    many = {n: np.concatenate([v] * 25) for n, v in data.items()}
    few, all_rows = (log_likelihood(model, data, start(model.bind(rows), rows)) / 400 for rows in (data, many))
    # Cells of 2,000 of 10,000 rows; k-means may cut otherwise, by what another seed does.
    other = log_likelihood(
        model, data, {n: np.asarray(s.value) for n, s in model.start(data, np.random.default_rng(9)).items()}
    )
    assert abs(all_rows - few) < 1 + 3 * abs(other / 400 - few)


def arrived(run: Any) -> float:
    return float(run.log_likelihood().value.sum())


@pytest.mark.parametrize("name", ["height", "gmm"])
def test_a_fit_moves_with_the_units(name: str, backend: str) -> None:
    """The same numbers in v: the whole path of learning is the same up to rounding."""
    words: dict[str, Any] = {"backend": backend, "num_steps": 60, "dtype": "float64"}
    words |= {"restarts": 2} if name == "gmm" else {}
    model, data = simulated(name)
    other, moved, added = in_other_units(model, data, 2.0, 1e3)
    before, after = (
        arrived(zoo.fit(replace(m, derived=None), data=d, **words)) for m, d in ((model, data), (other, moved))
    )
    assert (after - before - added) / 40 == pytest.approx(0.0, abs=1e-3)


@pytest.mark.long
@pytest.mark.parametrize("name", with_units())
def test_a_whole_fit_moves_with_the_units(name: str) -> None:
    model, data = simulated(name, 60)
    other, moved, added = in_other_units(model, data, 2.0, 1e3)
    before, after = (arrived(zoo.fit(replace(m, derived=None), data=d)) for m, d in ((model, data), (other, moved)))
    assert (after - before - added) / 60 == pytest.approx(0.0, abs=1e-3)


def reached(run: Any) -> tuple[float, float]:
    """Return the log likelihood per row at what was learnt, or the ELBO with its error if latents are global."""
    rows = len(next(iter(run.data.values())))
    if not run.latents:
        return arrived(run) / rows, 0.0
    bound = run.elbo(num_draws=4000)
    return bound.value / rows, bound.error / rows


def check_that_a_fit_ends_alike(name: str, change: Callable[[np.ndarray], np.ndarray], backend: str) -> None:
    """Nothing is added to the log likelihood: orders and rotations leave volumes as they are."""
    model, data = simulated(name, 60, **WIDE.get(name, {}))
    first = next(iter(data))
    changed = {n: x[::-1] if change is rows_reversed else x for n, x in data.items()} | {first: change(data[first])}
    # Not `derived`: the user's model, with the options that data do not fix.
    fits = [zoo.fit(replace(model, derived=None), data=d, backend=backend) for d in (data, changed)]
    (here, error), (there, other) = (reached(run) for run in fits)
    assert abs(there - here) < 1e-3 + 3 * np.hypot(error, other)


def rows_reversed(x: np.ndarray) -> np.ndarray:
    return x[::-1]


def columns_reversed(x: np.ndarray) -> np.ndarray:
    return x[..., ::-1]


def rotated(x: np.ndarray) -> np.ndarray:
    """Turn the columns by an orthogonal matrix that mixes all of them."""
    return x @ np.linalg.qr(np.random.default_rng(1).standard_normal((x.shape[-1],) * 2))[0]


WIDE: dict[str, dict[str, Any]] = {"gmm": {"K": 2, "D": 3}, "gmm_bayes": {"K": 2, "D": 3}, "sentence": {"K": 2, "V": 6}}
WIDE |= {"hmm": {"K": 2, "T": 12, "D": 2}, "ppca": {"latent": 2, "D": 4}, "dp_mixture": {"D": 2}}
ORDERS = {"rows": rows_reversed, "columns": columns_reversed, "rotation": rotated}
# Columns that are alike: the weights of networks and causes begin at random, column by column. Rows of dp_mixture are
# left out: its starts draw how many clusters there are, and its optima differ by some 0.05 nats per row.
SYMMETRIC = {
    "rows": ("gmm", "ppca", "gmm_bayes", "hmm", "crf", "sentence", "height", "hierarchical_normal"),
    "columns": ("gmm", "ppca", "gmm_bayes", "dp_mixture", "hmm", "crf", "sentence"),
    "rotation": ("gmm", "ppca"),
}


@pytest.mark.parametrize("kind", ORDERS)
@pytest.mark.needs("pyro")
def test_a_mixture_ends_alike_in_any_order_and_rotation(kind: str) -> None:
    check_that_a_fit_ends_alike("gmm", ORDERS[kind], "pyro")


@pytest.mark.long
@pytest.mark.parametrize(("name", "kind"), [(name, kind) for kind, names in SYMMETRIC.items() for name in names])
def test_a_fit_ends_alike_in_any_order_and_rotation(name: str, kind: str, backend: str) -> None:
    check_that_a_fit_ends_alike(name, ORDERS[kind], backend)


@pytest.mark.long
@pytest.mark.parametrize("outlier", [172.0, -999.0])
def test_an_outlier_moves_a_gaussian_as_far_as_it_must(outlier: float, backend: str) -> None:
    x = np.append(rng().normal(1.7, 0.06, 9), outlier)
    best = -5 * (np.log(2 * np.pi * x.var()) + 1)
    assert arrived(zoo.fit("height", data=x, backend=backend)) == pytest.approx(best, abs=1e-2)


@pytest.mark.long
def test_columns_in_other_units_have_their_own_principal_plane() -> None:
    x = rng().normal(size=(60, 2)) @ rng().normal(size=(2, 4)) + 0.3 * np.random.default_rng(4).normal(size=(60, 4))
    x = x * [1e4, 1, 1, 1e-2]
    run = zoo.fit("ppca", data=x, local="exact", dtype="float64")
    best = run.model.exact.log_likelihood(x, run.model.exact.fit({"x": x})).sum()
    assert arrived(run) == pytest.approx(best, abs=0.06)


@pytest.mark.long
def test_dependent_columns_have_em_s_mixture() -> None:
    from sklearn.mixture import GaussianMixture

    draws = np.random.default_rng(0)
    two = np.r_[draws.normal(0, 1, (40, 2)), draws.normal(6, 1, (40, 2))]
    x = np.c_[two, two.sum(1)]
    em = GaussianMixture(2, random_state=0, max_iter=2000, tol=1e-8).fit(x)
    assert arrived(zoo.fit("gmm", K=2, data=x, dtype="float64")) > em.score(x) * len(x) - 0.08


@pytest.mark.long
def test_counts_of_rates_far_apart_find_their_states() -> None:
    draws = np.random.default_rng(0)
    move = np.array([[0.91, 0.09, 0.0], [0.0, 0.89, 0.11], [0.02, 0.03, 0.95]])
    rate, z = np.array([[0.3], [2.4], [21.0]]), [0]
    for _ in range(999):
        z.append(draws.choice(3, p=move[z[-1]]))
    x = draws.poisson(rate[z])[None].astype(float)
    run = zoo.fit("hmm", K=3, data=x)
    true = {"initial": np.ones(3) / 3, "transition": move, "rate": rate}
    assert arrived(run) > log_likelihood(run.model, {"x": x}, true)
