"""The models of the amortization benchmark, each with its rows, its arms and what is known of it in closed form."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from guides.families import generator
from zoo.backends.state import Values
from zoo.catalogue import Data, Model
from zoo.catalogue import model as find

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
