"""Chains of states, in which each depends on the one before it, in NumPyro."""

from __future__ import annotations

from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpyro.distributions as dist
from numpyro.distributions import constraints

from guides.chain_numpyro import Chain, log_score, sample


class MarkovChain(dist.Distribution):
    """Paths of K states: the first state by its own probabilities, each other one by its predecessor's row.

    A path is one value. What stands past its length is 0, and has no part in the density.

    Args:
        initial: probabilities of the first state (*batch, K).
        transition: probabilities of the next state, a row for each state (*batch, K, K).
        steps: T, entries of a path.
        length: how many of them count, 1 to T (*batch,); all of them unless given.
    """

    arg_constraints: ClassVar[dict[str, Any]] = {
        "initial": constraints.simplex,
        "transition": constraints.independent(constraints.simplex, 1),
    }
    pytree_data_fields = ("initial", "transition", "length")
    pytree_aux_fields = ("steps",)

    def __init__(
        self,
        initial: jax.Array,
        transition: jax.Array,
        steps: int,
        length: jax.Array | None = None,
        *,
        validate_args: bool | None = None,
    ) -> None:
        self.initial, self.transition, self.steps = initial, transition, steps
        self.length = jnp.asarray(steps) if length is None else length
        batch = jnp.broadcast_shapes(initial.shape[:-1], transition.shape[:-2], self.length.shape)
        super().__init__(batch, (steps,), validate_args=validate_args)

    @constraints.dependent_property(is_discrete=True, event_dim=1)
    def support(self) -> Any:
        """Paths of states 0 to K - 1."""
        return constraints.independent(constraints.integer_interval(0, self.initial.shape[-1] - 1), 1)

    @property
    def chain(self) -> Chain:
        """The potentials, whose partition function is 1."""
        first = jnp.arange(self.steps)[:, None] == 0
        unary = jnp.where(first, jnp.log(self.initial)[..., None, :], 0.0)
        return Chain(unary, jnp.log(self.transition), self.length)

    def expand(self, batch_shape: tuple[int, ...]) -> MarkovChain:
        """Return the same with this batch shape."""
        return MarkovChain(self.initial, self.transition, self.steps, jnp.broadcast_to(self.length, batch_shape))

    def sample(self, key: Any, sample_shape: tuple[int, ...] = ()) -> jax.Array:
        """Draw paths (*sample_shape, *batch, T)."""
        return sample(self.chain, jax.random.normal(key, self.shape(sample_shape), self.initial.dtype))

    def log_prob(self, value: Any) -> jax.Array:
        """Return the log density of paths (..., T)."""
        return log_score(self.chain, value)


def seen_steps(
    x: jax.Array | None, shape: tuple[Any, ...], *, whole: bool = False
) -> tuple[jax.Array, jax.Array, jax.Array | None]:
    """Return which entries of series were seen, how long each series is, and the series with 0 for what was not.

    Args:
        x: series (n, T, D) with NaN for what was not seen; None where they are to be drawn.
        shape: (n, T, D).
        whole: whether the entries are whole numbers, by which something is looked up.

    Returns:
        True for what was seen (n, T, D); the number of steps to the last one with something seen, at least 1 (n,);
        and the series (n, T, D), None for None.
    """
    seen = jnp.ones(shape, dtype=bool) if x is None else ~jnp.isnan(x)
    length = jnp.max(jnp.where(seen.any(-1), jnp.arange(1, shape[1] + 1), 1), axis=-1)
    if x is None:
        return seen, length, None
    filled = jnp.where(seen, x, 0.0)
    return seen, length, filled.astype(int) if whole else filled
