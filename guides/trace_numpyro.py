"""Read a NumPyro model: its sites, and the log densities at given values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpyro.distributions import constraints
from numpyro.handlers import block, seed, substitute, trace
from numpyro.primitives import Messenger

from guides.sites import Plate, Support, TracedSite, require_values

Model = Callable[..., Any]
Values = Mapping[str, Any]


class Middle(Messenger):
    """Put every latent at a plain point of its support, so that what is read hangs on no draw."""

    def process_message(self, msg: dict[str, Any]) -> None:
        """Set the value of a latent that has none."""
        if msg["type"] == "sample" and msg["value"] is None:
            fn = msg["fn"]
            like = jnp.zeros(fn.shape(msg["kwargs"]["sample_shape"]), int if fn.support.is_discrete else float)
            msg["value"] = fn.support.feasible_like(like)


def sites(model: Model, args: tuple[object, ...], kwargs: Mapping[str, object]) -> tuple[TracedSite, ...]:
    """Trace the model once and describe its sites in their order.

    Args:
        model: the model function.
        args, kwargs: what it is called with; observed arrays must be among them.
    """
    described: list[TracedSite] = []

    # Run by JAX, every operation would be compiled by itself, for seconds; compiled, only what is returned is computed.
    def numbers() -> list[dict[str, Any]]:
        with block():
            nodes = trace(Middle(seed(model, jax.random.key(0)))).get_trace(*args, **kwargs)
        plates = {name: node for name, node in nodes.items() if node["type"] == "plate"}
        stated = [node for node in nodes.values() if node["type"] in {"sample", "param"}]
        described.extend(_site(node, plates) for node in stated)
        return [_numbers(node) for node in stated]

    found = jax.jit(numbers)()
    return tuple(_finished(site, **known) for site, known in zip(described, found, strict=True))


def _site(node: dict[str, Any], plates: dict[str, Any]) -> TracedSite:
    """Describe a site but for its numbers: a parameter's start, and the bounds of the support."""
    name, value, support = node["name"], node["value"], Support(_word(_constraint(node)))
    if node["type"] == "param":
        return TracedSite(name, "param", jnp.shape(value), jnp.ndim(value), support)
    fn = node["fn"]
    frames = tuple(
        Plate(f.name, plates[f.name]["args"][0], f.dim) for f in sorted(node["cond_indep_stack"], key=lambda f: f.dim)
    )
    discrete = fn.support.is_discrete
    return TracedSite(
        name,
        "observed" if node["is_observed"] else "latent",
        tuple(value.shape),
        fn.event_dim,
        support,
        frames,
        _cardinality(fn),
        discrete,
        hasattr(fn, "chain"),
        _family(fn),
    )


def _numbers(node: dict[str, Any]) -> dict[str, Any]:
    constraint = _constraint(node)
    bounds = {side: getattr(constraint, f"{side}_bound", None) for side in ("lower", "upper")}
    start = {"value": node["value"]} if node["type"] == "param" else {}
    return start | {side: jnp.asarray(bound) for side, bound in bounds.items() if bound is not None}


def _finished(site: TracedSite, value: Any = None, lower: Any = -np.inf, upper: Any = np.inf) -> TracedSite:
    support = _support(site.support.word, _bound(lower), _bound(upper))
    return replace(site, support=support, value=None if value is None else np.asarray(value, dtype=np.float64))


def _family(fn: Any) -> str:
    while hasattr(fn, "base_dist"):
        fn = fn.base_dist
    return type(fn).__name__.removesuffix("Probs").removesuffix("Logits")


def _cardinality(fn: Any) -> int | None:
    if hasattr(fn, "chain"):
        return int(fn.chain.unary.shape[-1])
    while fn.event_dim and hasattr(fn, "base_dist"):
        fn = fn.base_dist
    return len(fn.enumerate_support(expand=False)) if fn.has_enumerate_support else None


def _constraint(node: dict[str, Any]) -> Any:
    found = node["fn"].support if node["type"] == "sample" else node["kwargs"].get("constraint", constraints.real)
    while hasattr(found, "base_constraint"):
        found = found.base_constraint
    return found


def _word(constraint: Any) -> str:
    return type(constraint).__name__.strip("_").removesuffix("Constraint")


def _support(name: str, lower: float, upper: float) -> Support:
    named = {
        "Real": "real",
        "RealVector": "real",
        "Simplex": "simplex",
        "OrderedVector": "ordered",
        "PositiveOrderedVector": "positive_ordered",
        "CorrCholesky": "corr_cholesky",
        "LowerCholesky": "lower_cholesky",
        "PositiveDefinite": "positive_definite",
        "Boolean": "boolean",
    }
    if name in named:
        return Support(named[name])
    if name in {"Interval", "UnitInterval", "OpenInterval"}:
        return Support("interval", lower, upper)
    if name.startswith("Integer"):
        return Support("category", lower, upper) if lower == 0 and np.isfinite(upper) else Support("integer")
    if np.isfinite(lower):
        return Support("positive", 0.0) if lower == 0 else Support("greater_than", lower)
    if np.isfinite(upper):
        return Support("less_than", upper=upper)
    return Support(name.lower())


def _bound(found: Any) -> float:
    value = np.unique(np.asarray(found))
    return float(value[0]) if len(value) == 1 else float("nan")


def constraint(support: Support) -> Any:
    """Return the library's constraint of a support, as `param` statements take it."""
    bounded = {
        "greater_than": lambda: constraints.greater_than(support.lower),
        "less_than": lambda: constraints.less_than(support.upper),
        "interval": lambda: constraints.interval(support.lower, support.upper),
    }
    if support.word in bounded:
        return bounded[support.word]()
    names = {"ordered": "ordered_vector", "positive_ordered": "positive_ordered_vector"}
    return getattr(constraints, names.get(support.word, support.word))


def log_densities(
    model: Model, args: tuple[object, ...], kwargs: Mapping[str, object], values: Values
) -> dict[str, Any]:
    """Return each sample site's log density, unscaled, of its batch shape.

    Args:
        values: every param and every latent, constrained. Parameters are passed explicitly: an inner call
            of a model would otherwise see their initial values.
    """
    nodes = replay(model, args, kwargs, values)
    return {name: n["fn"].log_prob(n["value"]) for name, n in nodes.items()}


def replay(model: Model, args: tuple[object, ...], kwargs: Mapping[str, object], values: Values) -> dict[str, Any]:
    """Run the model at given values of every param and latent, and return its sample statements by site."""
    with block():
        held = substitute(seed(model, jax.random.key(0)), data=dict(values))
        nodes = trace(held).get_trace(*args, **kwargs)
    drawn = {name: n for name, n in nodes.items() if n["type"] == "sample"}
    require_values((name for name, n in drawn.items() if not n["is_observed"]), values)
    return drawn
