"""Read a Pyro model: its sites, and the log densities at given values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from pyro import get_param_store
from pyro.distributions import constraints
from pyro.distributions.util import scale_and_mask
from pyro.poutine import block, trace
from pyro.poutine.messenger import Messenger
from pyro.poutine.subsample_messenger import _Subsample

from guides.sites import Plate, Support, TracedSite, require_values

Model = Callable[..., Any]
Values = Mapping[str, Any]


class Hold(Messenger):
    """Hold parameters and sites at given values, whatever the model or another handler says.

    Pyro's `substitute` knows parameters only and warns of unused names; its `condition` refuses a site that
    a guide shares.
    """

    def __init__(self, values: Values) -> None:
        super().__init__()
        self.values = values

    def _pyro_param(self, msg: Any) -> None:
        if msg["name"] in self.values:
            msg["value"], msg["done"] = self.values[msg["name"]], True

    _pyro_sample = _pyro_param


def sites(model: Model, args: tuple[object, ...], kwargs: Mapping[str, object]) -> tuple[TracedSite, ...]:
    """Trace the model once and describe its sites in their order.

    Args:
        model: the model function.
        args, kwargs: what it is called with; observed arrays must be among them.
    """
    with block(), get_param_store().scope(), torch.random.fork_rng(), torch.no_grad():
        torch.manual_seed(0)
        nodes = trace(model).get_trace(*args, **kwargs).nodes
    return tuple(_site(node) for node in nodes.values() if node["type"] == "param" or is_sample(node))


def is_sample(node: Mapping[str, Any]) -> bool:
    """Whether a trace's node is a sample statement, and not a plate's choice of rows."""
    return node["type"] == "sample" and not isinstance(node["fn"], _Subsample)


def _site(node: Mapping[str, Any]) -> TracedSite:
    name, value = node["name"], node["value"]
    if node["type"] == "param":
        constraint = node["kwargs"].get("constraint", constraints.real)
        value = np.asarray(value.detach().cpu().numpy(), dtype=np.float64)
        return TracedSite(name, "param", value.shape, value.ndim, _support(constraint), value=value)
    fn = node["fn"]
    frames = tuple(
        Plate(f.name, f.full_size or f.size, f.dim) for f in sorted(node["cond_indep_stack"], key=lambda f: f.dim)
    )
    return TracedSite(
        name,
        "observed" if node["is_observed"] else "latent",
        tuple(value.shape),
        fn.event_dim,
        _support(fn.support),
        frames,
        _cardinality(fn),
        fn.support.is_discrete,
        hasattr(fn, "chain"),
        _family(fn),
    )


def _family(fn: Any) -> str:
    while hasattr(fn, "base_dist") and type(fn).__name__ in {
        "Independent",
        "MaskedDistribution",
        "ExpandedDistribution",
    }:
        fn = fn.base_dist
    return type(fn).__name__


def _cardinality(fn: Any) -> int | None:
    if hasattr(fn, "chain"):
        return int(fn.chain.unary.shape[-1])
    while fn.event_dim and hasattr(fn, "base_dist"):
        fn = fn.base_dist
    return len(fn.enumerate_support(expand=False)) if fn.has_enumerate_support else None


def _support(constraint: Any) -> Support:
    while hasattr(constraint, "base_constraint"):
        constraint = constraint.base_constraint
    name = type(constraint).__name__.strip("_")
    named = {
        "Real": "real",
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
    lower, upper = (_bound(constraint, f"{side}_bound") for side in ("lower", "upper"))
    if name in {"Interval", "HalfOpenInterval"}:
        return Support("interval", lower, upper)
    if name.startswith("Integer"):
        return Support("category", lower, upper) if lower == 0 and np.isfinite(upper) else Support("integer")
    if np.isfinite(lower):
        return Support("positive", 0.0) if lower == 0 else Support("greater_than", lower)
    if np.isfinite(upper):
        return Support("less_than", upper=upper)
    return Support(name.lower())


def _bound(constraint: Any, which: str) -> float:
    value = np.unique(np.asarray(getattr(constraint, which, -np.inf if which[0] == "l" else np.inf)))
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
    return {name: log_density(node) for name, node in replay(model, args, kwargs, values).items()}


def replay(model: Model, args: tuple[object, ...], kwargs: Mapping[str, object], values: Values) -> dict[str, Any]:
    """Run the model at given values of every param and latent, and return its sample statements by site."""
    with block():
        nodes = trace(Hold(values)(model)).get_trace(*args, **kwargs).nodes
    drawn = {name: n for name, n in nodes.items() if is_sample(n)}
    require_values((name for name, n in drawn.items() if not n["is_observed"]), values)
    return drawn


def log_density(node: Mapping[str, Any]) -> Any:
    """Return a sample statement's log density, unscaled, of its batch shape."""
    # Pyro's `mask` handler marks the statement and leaves its distribution as it is.
    return scale_and_mask(node["fn"].log_prob(node["value"]), 1.0, node["mask"])
