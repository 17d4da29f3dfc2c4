"""The log densities of a NumPyro model's rows: discrete latents replayed at every value, paths by a chain of states."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from guides.chain_numpyro import Chain, log_partition, log_score
from guides.errors import GuideError
from guides.sites import TracedSite, by_row, combinations, local_latents, open_path
from guides.trace_numpyro import Model, Values, log_densities, replay

TOLERANCE = 1e-3  # relative: far above rounding in single precision, far below what another state changes


def choices(traced: tuple[TracedSite, ...], data_plate: str, given: Collection[str] = ()) -> list[dict[str, Any]]:
    """List every combination of the discrete local latents' values, one value for all rows; given ones are left out.

    The arrays have length 1 along each plate and broadcast, as enumeration's do: what a model computes from
    them, such as a component's Cholesky factor, is then computed once and not once a row.
    """
    shapes = {s.name: (1,) * len(s.shape) for s in local_latents(traced, data_plate)}
    return [{name: jnp.full(shapes[name], k) for name, k in c.items()} for c in combinations(traced, data_plate, given)]


def row_log_joint(
    model: Model,
    args: tuple[object, ...],
    kwargs: Mapping[str, object],
    values: Values,
    traced: tuple[TracedSite, ...],
    data_plate: str,
) -> tuple[Any, Any, Any]:
    """Replay the model with every combination of the discrete local latents that have no value held constant.

    A path of states is summed over by the forward recursion, so that its sum stands in place of the combinations.

    Args:
        values: params and latents, constrained.
        traced: the model's sites with these data.

    Returns:
        The log density of the global sites (), and by row and unscaled those of the local latents and of what is
        observed (rows, combinations); (combinations,) for a model without a data plate.
    """
    if open_path(traced, data_plate, values):
        chain = states(model, args, kwargs, values, traced, data_plate)
        whole = log_partition(chain.posterior)
        return chain.outside, chain.prior_rest[:, None], (whole + chain.likelihood_rest)[:, None]
    inside = [s for s in traced if s.inside(data_plate)]
    outside, zero = jnp.zeros(()), jnp.zeros(())
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
    return outside, jnp.stack(prior, -1), jnp.stack(likelihood, -1)


class States(NamedTuple):
    """A chain of states in every row, as the model has it and as the data speak of it.

    Args:
        prior: the chain before the data.
        likelihood: log density of what is observed at each step in each state (rows, T, K).
        outside: log density of the global sites ().
        prior_rest: of the other local latents (rows,).
        likelihood_rest: of what is observed in a row, but not step by step (rows,).
    """

    prior: Chain
    likelihood: Any
    outside: Any
    prior_rest: Any
    likelihood_rest: Any

    @property
    def posterior(self) -> Chain:
        """The chain given the data: its partition function is p(x), and its paths' shares are the posterior."""
        return self.prior._replace(unary=self.prior.unary + self.likelihood)


def states(
    model: Model,
    args: tuple[object, ...],
    kwargs: Mapping[str, object],
    values: Values,
    traced: tuple[TracedSite, ...],
    data_plate: str,
) -> States:
    """Replay the model with a path of each state in turn, held from the first step to the last.

    So every step's log density is known in every state, where it depends on that step's state alone; see `check_path`.
    Arguments: those of `row_log_joint`.
    """
    path = open_path(traced, data_plate, values)
    assert path
    rows, steps = path.shape
    others = [s for s in traced if s.name != path.name]
    held = ({**values, path.name: jnp.full((1, steps), k)} for k in range(path.cardinality or 0))
    replays = [replay(model, args, kwargs, one) for one in held]
    nodes, zero = replays[0], jnp.zeros(())
    # What is observed along the steps; the rest is the same whatever the path, or the model is refused.
    inside = [s.name for s in others if s.kind == "observed" and s.inside(data_plate)]
    along = [name for name in inside if nodes[name]["fn"].event_shape[:1] == (steps,)]
    by_state = [sum((_by_step(one[name]) for name in along), zero) for one in replays]
    rest = {name: node["fn"].log_prob(node["value"]) for name, node in nodes.items() if name not in {path.name, *along}}

    def summed(kind: str) -> Any:
        terms = (
            by_row(rest[s.name], s, data_plate)
            for s in others
            if s.kind == kind and s.inside(data_plate) and s.name in rest
        )
        return jnp.broadcast_to(sum(terms, zero), (rows,))

    outside = sum((rest[s.name].sum() for s in others if s.name in rest and not s.inside(data_plate)), zero)
    likelihood = jnp.stack([jnp.broadcast_to(one, (rows, steps)) for one in by_state], -1)
    return States(nodes[path.name]["fn"].chain, likelihood, outside, summed("latent"), summed("observed"))


def _by_step(node: Mapping[str, Any]) -> Any:
    """Return the log density of each step of a series (rows, T)."""
    fn = node["fn"]
    whole = fn.event_dim
    while fn.event_dim == whole and type(fn).__name__ in {"Independent", "ExpandedDistribution"}:
        fn = fn.base_dist
    terms = fn.log_prob(node["value"])
    return terms.reshape((*terms.shape[:2], -1)).sum(-1)


def check_path(
    model: Model,
    args: tuple[object, ...],
    kwargs: Mapping[str, object],
    traced: tuple[TracedSite, ...],
    data_plate: str,
    values: Values,
) -> None:
    """Refuse a model whose data at a step depend on more than that step's state.

    Args:
        values: params and latents apart from the path, at which the states differ.

    Raises:
        GuideError: its density at a path that changes at every step is not the chain's.
    """
    path = open_path(traced, data_plate, values)
    if path is None:
        return
    steps = path.shape[1]
    mixed = jnp.arange(steps)[None] % (path.cardinality or 1)

    def both(values: Values) -> Any:
        found = states(model, args, kwargs, values, traced, data_plate)
        by_chain = log_score(found.posterior, mixed) + found.prior_rest + found.likelihood_rest
        _, prior, likelihood = row_log_joint(model, args, kwargs, {**values, path.name: mixed}, traced, data_plate)
        return by_chain, (prior + likelihood)[:, 0]

    # Compiled at once: one by one, its small operations take ten times as long.
    by_chain, answer = (np.asarray(a) for a in jax.jit(both)(dict(values)))
    if not (np.abs(by_chain - answer) <= TOLERANCE * np.maximum(1.0, np.abs(answer))).all():
        raise GuideError(
            f"path {path.name!r}: what is observed at a step must depend on that step's state alone, and be one event "
            "along the steps, such as dist.Normal(loc[z], 1.0).to_event(1)"
        )
