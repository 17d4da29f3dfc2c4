"""Read a Pyro model: its sites, and the log densities at given values."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

import numpy as np
import torch
from pyro import get_param_store
from pyro.distributions import constraints
from pyro.distributions.util import scale_and_mask
from pyro.poutine import block, trace
from pyro.poutine.messenger import Messenger
from pyro.poutine.subsample_messenger import _Subsample

from guides.sites import Plate, Support, TracedSite, by_row, combinations, local_latents, require_values

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


def sites(model: Model, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> tuple[TracedSite, ...]:
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


def log_densities(model: Model, args: tuple[Any, ...], kwargs: Mapping[str, Any], values: Values) -> dict[str, Any]:
    """Return each sample site's log density, unscaled, of its batch shape.

    Args:
        values: every param and every latent, constrained. Parameters are passed explicitly: an inner call
            of a model would otherwise see their initial values.
    """
    with block():
        nodes = trace(Hold(values)(model)).get_trace(*args, **kwargs).nodes
    drawn = {name: n for name, n in nodes.items() if is_sample(n)}
    require_values((name for name, n in drawn.items() if not n["is_observed"]), values)
    # Pyro's `mask` handler marks the statement and leaves its distribution as it is.
    return {name: scale_and_mask(n["fn"].log_prob(n["value"]), 1.0, n["mask"]) for name, n in drawn.items()}


def choices(traced: tuple[TracedSite, ...], data_plate: str, given: Collection[str] = ()) -> list[dict[str, Any]]:
    """List every combination of the discrete local latents' values, one value for all rows; given ones are left out.

    The arrays have length 1 along each plate and broadcast, as enumeration's do: what a model computes from
    them, such as a component's Cholesky factor, is then computed once and not once a row.
    """
    shapes = {s.name: (1,) * len(s.shape) for s in local_latents(traced, data_plate)}
    return [
        {name: torch.full(shapes[name], k) for name, k in c.items()} for c in combinations(traced, data_plate, given)
    ]


def row_log_joint(
    model: Model,
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
    values: Values,
    traced: tuple[TracedSite, ...],
    data_plate: str,
) -> tuple[Any, Any, Any]:
    """Replay the model with every combination of the discrete local latents that have no value held constant.

    Args:
        values: params and latents, constrained.
        traced: the model's sites with these data.

    Returns:
        The log density of the global sites (), and by row and unscaled those of the local latents and of what is
        observed (rows, combinations); (combinations,) for a model without a data plate.
    """
    inside = [s for s in traced if s.inside(data_plate)]
    outside, zero = torch.zeros(()), torch.zeros(())
    prior, likelihood = [], []
    for fixed in choices(traced, data_plate, values):
        terms = log_densities(model, args, kwargs, {**values, **fixed})
        rows = {s.name: by_row(terms[s.name], s, data_plate) for s in inside}
        prior.append(sum((rows[s.name] for s in inside if s.kind == "latent"), zero))
        likelihood.append(sum((rows[s.name] for s in inside if s.kind == "observed"), zero))
        outside = sum(
            (terms[s.name].sum() for s in traced if s.name in terms and not s.inside(data_plate)),
            zero,
        )
    return outside, torch.stack(prior, -1), torch.stack(likelihood, -1)
