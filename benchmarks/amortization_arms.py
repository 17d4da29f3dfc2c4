"""The arms of the amortization benchmark, the models they are tried on, and how an arm learns while it is watched."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from guides.families import generator
from guides.local_layout import PHI
from zoo.backends.state import State, Values
from zoo.catalogue import Data, Model
from zoo.catalogue import model as find
from zoo.inference import starting_point
from zoo.request import Request
from zoo.run import Run
from zoo.schedule import cosine, epochs

Words = dict[str, Any]
RANK_1 = "amortized, rank 1"
SPLIT_SEED = 0  # of the rows that are held out: the same for every seed of learning


@dataclass(frozen=True)
class Case:
    """A model with its rows, and how long its arms learn.

    Args:
        name: what tables call it.
        model: with its options.
        train, test: rows to learn from, and held-out ones.
        arms: words of `zoo.fit` by name.
        steps, batch: of learning; None for all rows in every step.
        frozen: the parameters that E1 holds; None where the benchmark learns them first, or there are none.
        judge_dtype: precision of evaluation.
        quotes: likelihood and data in words, quoted with every figure.
        most_rows: of an index set.
        closed: frozen parameters, rows -> "log_p", "mean_field_gap" and by arm "amortization_gaps", all in closed
            form and in nats a row; None where the model is not linear and Gaussian.
    """

    name: str
    model: Model
    train: Data
    test: Data
    arms: Mapping[str, Words]
    steps: int
    batch: int | None = None
    frozen: Values | None = None
    judge_dtype: str = "float64"
    quotes: str = ""
    most_rows: int = 200
    closed: Callable[[Values, np.ndarray], dict[str, Any]] | None = None


@dataclass
class Curve:
    """What was seen while an arm learnt.

    Args:
        steps, seconds: at each look; seconds of learning alone, compilation apart.
        seen: what `look` said, by look.
        compile_seconds: of compilation.
        status: "complete", or at which step the loss was not finite.
    """

    steps: list[int] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    seen: list[float] = field(default_factory=list)
    compile_seconds: float = 0.0
    status: str = "complete"


def encoder_arms(encoder: Words, row_steps: tuple[int, ...], *, semi: bool = True) -> dict[str, Words]:
    """Return the arms that every model has: the floor, an encoder, free numbers by row, and both together.

    Args:
        encoder: its options.
        row_steps: of each per-datapoint arm.
        semi: whether semi-amortized takes part: it does not serve latents that are summed over, and beside global
            latents its φ depends on their draw.
    """
    arms: dict[str, Words] = {
        "constant": {"local": "constant"},
        "amortized": {"local": "amortized", "local_options": encoder},
    }
    for count in row_steps:
        arms[f"per_datapoint, {count} a visit"] = {"local": "per_datapoint", "local_options": {"row_steps": count}}
    if semi:
        arms["semi_amortized"] = {"local": "semi_amortized", "local_options": {**encoder, "steps": 3}}
    return arms


def row_gradients(words: Words) -> int:
    """Return how many gradients of the decoder a row takes at each visit.

    >>> row_gradients({"local": "per_datapoint", "local_options": {"row_steps": 5}})
    5
    >>> row_gradients({"local": "semi_amortized", "local_options": {"steps": 3}}), row_gradients({"local": "constant"})
    (4, 1)
    """
    options = words.get("local_options", {})
    inner = int(options.get("steps", 3)) if words["local"] == "semi_amortized" else 0
    return int(options.get("row_steps", 1)) + inner


def split(data: Data, held_out: int) -> tuple[Data, Data]:
    """Return the rows to learn from and the held-out ones, by a fixed permutation."""
    count = len(next(iter(data.values())))
    order = generator(SPLIT_SEED, "amortization: held out").permutation(count)
    rest, kept = np.sort(order[held_out:]), np.sort(order[:held_out])
    return {n: x[rest] for n, x in data.items()}, {n: x[kept] for n, x in data.items()}


def turned(values: Mapping[str, np.ndarray]) -> Values:
    """Return the parameters of the linear model with its two codes turned by 45°: the same likelihood.

    At the maximum that `exact.fit` returns the columns of W are orthogonal, and mean field loses nothing; turned,
    it does.
    """
    cos = np.sqrt(0.5)
    turn = np.array([[cos, -cos], [cos, cos]])
    return {**values, "weight": values["weight"] @ turn}


def ppca(steps: int, row_steps: tuple[int, ...], held_out: int = 50) -> Case:
    """Return the linear model on the irises, at its maximum of the likelihood with the codes turned by 45°."""
    model = find("ppca")
    train, test = split(model.data(), held_out)
    arms = encoder_arms({"depth": 0}, row_steps)
    arms[RANK_1] = {
        "local": "amortized",
        "local_options": {"depth": 1, "width": 1, "activation": "linear"},
    }
    best = model.exact.fit(train, **model.bind(train).options)
    quotes = "iris, 4 columns in cm, Gaussian likelihood of one scale, z of 2"

    def closed(params: Values, x: np.ndarray) -> dict[str, Any]:
        return {
            "log_p": float(model.exact.log_likelihood(x, params).mean()),
            "mean_field_gap": model.exact.mean_field_gap(params),
            "amortization_gaps": {"amortized": 0.0, RANK_1: model.exact.rank_gap(params, 1, np.cov(x.T, bias=True))},
        }

    return Case("ppca", model, train, test, arms, steps, frozen=turned(best), quotes=quotes, closed=closed)


def random_walk(steps: int, half_widths: tuple[int, ...] = (0, 1, 2, 4), rows: int = 100) -> Case:
    """Return walks whose encoders see windows only: affine ones, and one with a hidden layer.

    Columns are centred, as closed forms are of the rows' covariance.
    """
    model = find("random_walk")
    x = model.data("walks")["x"]
    x = x - x[:rows].mean(0)
    arms: dict[str, Words] = {"constant": {"local": "constant"}}
    for w in half_widths:
        arms[f"window of {2 * w + 1}, affine"] = _window(half_width=w, depth=0)
    w = half_widths[-1]
    arms[f"window of {2 * w + 1}, 32 tanh units"] = _window(half_width=w, depth=1, width=32, activation="tanh")
    arms["per_datapoint, 5 a visit"] = {"local": "per_datapoint", "local_options": {"row_steps": 5}}

    def closed(params: Values, x: np.ndarray) -> dict[str, Any]:
        rows, T = np.cov(x.T, bias=True), x.shape[1]
        each = {w: model.exact.window_gap(w, rows, shared=True, T=T) for w in half_widths}
        return {
            "log_p": float(model.exact.log_likelihood(x, params, T=T).mean()),
            "mean_field_gap": model.exact.mean_field_gap(T=T),
            "amortization_gaps": {f"window of {2 * w + 1}, affine": gap for w, gap in each.items()},
        }

    quotes = f"{rows} simulated walks of {x.shape[1]} steps, unit variances, columns centred, Gaussian noise"
    train, test = {"x": x[:rows]}, {"x": x[rows : 2 * rows]}
    return Case("random_walk", model, train, test, arms, steps, frozen={}, quotes=quotes, closed=closed)


def _window(**options: Any) -> Words:
    return {"local": "amortized", "local_options": options}


def gmm(steps: int, row_steps: tuple[int, ...], held_out: int = 72) -> Case:
    """Return the mixture of three Gaussians on Old Faithful; its parameters are learnt by its exact guide."""
    model = find("gmm", K=3)
    train, test = split(model.data(), held_out)
    arms = encoder_arms({"depth": 1, "width": 16}, row_steps, semi=False)
    quotes = "Old Faithful, 2 columns in minutes, Gaussian components, K = 3"
    return Case("gmm", model, train, test, {**arms, "exact": {"local": "exact"}}, steps, quotes=quotes)


def hierarchical_normal(steps: int, row_steps: tuple[int, ...], rows: int | None = None) -> Case:
    """Return the hierarchical normal on the dyestuff data, or on so many simulated rows."""
    model = find("hierarchical_normal")
    train = model.data() if rows is None else model.simulate(1, rows)
    name = "hierarchical_normal" if rows is None else f"hierarchical_normal, {rows} rows"
    arms = encoder_arms({"depth": 0}, row_steps, semi=False)
    quotes = f"{len(train['x'])} rows in g, Gaussian likelihood of known scale, global theta"
    return Case(name, model, train, train, arms, steps, quotes=quotes)


def vae(
    steps: int,
    row_steps: tuple[int, ...],
    *,
    latent: int = 2,
    hidden: int = 64,
    depth: int = 1,
    data: str = "digits",
    held_out: int = 297,
    rows: int | None = None,
    most_rows: int = 40,
    wide: int | None = None,
) -> Case:
    """Return the autoencoder's model; its decoder is smooth, so that quadrature converges at once."""
    model = find("vae", latent=latent, hidden=hidden, depth=depth, activation="tanh")
    train, test = split(model.data(data), held_out)
    train = {n: x[:rows] for n, x in train.items()}
    arms = encoder_arms({"depth": depth, "width": hidden}, row_steps)
    if wide:
        arms["amortized, wide"] = {"local": "amortized", "local_options": {"depth": depth, "width": wide}}
    size = train["x"].shape
    quotes = f"{data}, {size[0]} rows of {size[1]} grey values 0 … 1, not binarised; Gaussian likelihood, sd floor 0.05"
    batch = min(128, size[0])
    return Case(f"vae, z of {latent}", model, train, test, arms, steps, batch, None, "float32", quotes, most_rows)


def build(model: Model, data: Data, words: Words, frozen: Values | None = None) -> Run:
    """Return a run as `zoo.fit` begins it, before its first step; its params are those that it starts from."""
    bound = model.bind(data)
    asked = Request(**words).checked(bound, data, frozen or {})
    run = Run(bound, data, asked, bound.start(data, generator(asked.seed, "start 0")), frozen or {})
    run.params = run.program.values(start_of(run))
    return run


def start_of(run: Run) -> State:
    """Return where the run starts: the model's parameters depend on the seed alone, so all arms share them."""
    table = run.program.guide.table
    return State.at(starting_point(run, run.starts), None if table is None else table.value)


def learn(run: Run, looks: int, look: Callable[[Run], float], rate: float | None = None) -> Curve:
    """Learn as `zoo.fit` does, rates and rows and draws included, and look at the run now and then.

    Args:
        run: as `build` leaves it; its params are those of the last look afterwards.
        looks: how often, after the first look before any step.
        look: run -> what is to be kept; its time is not counted.
        rate: learning rate in place of the run's own; nothing is compiled anew for it.
    """
    asked, program, curve, state = run.request, run.program, Curve(), start_of(run)
    steps = int(asked.num_steps or 0) if program.coordinates.size or program.guide.table else 0
    rates = cosine(float(rate or asked.learning_rate or 0), steps)
    batches = epochs(len(next(iter(run.data.values()))), asked.batch_size, steps, asked.seed)
    length, seconds = max(1, steps // looks), 0.0
    run.params = program.values(state)
    _seen(curve, 0, 0.0, look(run))
    for first in range(0, steps, length):
        last = min(first + length, steps)
        began = time.perf_counter()
        rows = None if batches is None else batches[first:last]
        state, losses, compiling = program.learn(state, rates[first:last], rows, asked.seed)
        seconds += time.perf_counter() - began - compiling
        curve.compile_seconds += compiling
        if not np.isfinite(losses).all():
            curve.status = f"the loss is not finite at step {first + int(np.argmin(np.isfinite(losses))) + 1}"
            break
        run.params = program.values(state)
        _seen(curve, last, seconds, look(run))
    run.seconds |= {"compile": curve.compile_seconds, "learn": seconds}
    return curve


def _seen(curve: Curve, step: int, seconds: float, value: float) -> None:
    curve.steps.append(step)
    curve.seconds.append(seconds)
    curve.seen.append(value)


def phi_of(run: Run, data: Data, index: np.ndarray | None, seed: int = 0) -> np.ndarray:
    """Return an arm's own φ of rows (n, size), without fitting any.

    Args:
        run: the arm.
        data: the rows.
        index: their places in the training data, where a table has them.
        seed: of the refinement's draws.
    """
    if run.program.guide.table is not None:
        assert index is not None
        return np.asarray(run.params[PHI])[index]
    return np.asarray(run.program.phi(run.params, data, seed))


def sizes_of(run: Run) -> dict[str, float | None]:
    """Return the variational parameters of an arm, of a table for its rows, and the rows at which they break even."""
    guide, rows = run.program.guide, len(next(iter(run.data.values())))
    shared = sum(p.size for p in guide.parameters if p.name.startswith("local."))
    each = guide.rows.phi_size
    encodes = guide.rows.treatment.encodes
    return {
        "variational_parameters": shared + (guide.table.size if guide.table else 0),
        "table_parameters": each * rows,
        "numbers_a_row": each,
        "break_even_rows": shared / each if encodes else None,
    }
