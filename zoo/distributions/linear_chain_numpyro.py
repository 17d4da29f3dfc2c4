"""A path of labels along a linear chain, globally normalised, in NumPyro."""

from __future__ import annotations

from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpyro.distributions as dist
from numpyro.distributions import constraints

from guides import chain_numpyro as chain


class LinearChain(dist.Distribution):
    """The labels of a string of T steps, each one of K: a linear-chain conditional random field.

        log p(y) = Σ_{t < length} unary[t, y_t] + Σ_{1 <= t < length} pairwise[y_{t-1}, y_t] − log Z

    Labels past the length count nothing, whatever they are; where the distribution gives them, they are 0.

    Args:
        unary: log potential of each label at each step (*batch, T, K), in nats; -inf is a label that cannot be.
        pairwise: log potential of a move from the row's label to the column's (K, K) or (*batch, K, K).
        length: how many steps there are, 1 to T (*batch,).
    """

    arg_constraints: ClassVar[dict[str, Any]] = {}
    pytree_data_fields = ("unary", "pairwise", "length")

    def __init__(
        self, unary: jax.Array, pairwise: jax.Array, length: jax.Array, *, validate_args: bool | None = None
    ) -> None:
        self.unary, self.pairwise, self.length = unary, pairwise, length
        batch = jnp.broadcast_shapes(unary.shape[:-2], pairwise.shape[:-2], jnp.shape(length))
        super().__init__(batch, unary.shape[-2:-1], validate_args=validate_args)

    @constraints.dependent_property(is_discrete=True, event_dim=1)
    def support(self) -> Any:
        """Labels 0 … K − 1."""
        return constraints.independent(constraints.integer_interval(0, self.unary.shape[-1] - 1), 1)

    @property
    def chain(self) -> chain.Chain:
        """The potentials, as the algebra of chains takes them."""
        return chain.Chain(self.unary, self.pairwise, self.length)

    @property
    def log_partition(self) -> jax.Array:
        """The log of the sum over all paths, log Z (*batch,)."""
        return chain.log_partition(self.chain)

    @property
    def marginals(self) -> jax.Array:
        """Probability of each label at each step (*batch, T, K); 0 past the length."""
        return chain.marginals(self.chain)

    @property
    def mode(self) -> jax.Array:
        """The most probable labels together (*batch, T), by Viterbi's recursion."""
        return chain.viterbi(self.chain)

    def sample(self, key: jax.Array, sample_shape: tuple[int, ...] = ()) -> jax.Array:
        """Draw labels (*sample_shape, *batch, T)."""
        noise = jax.random.normal(key, (*sample_shape, *self.batch_shape, *self.event_shape), self.unary.dtype)
        return chain.sample(self.chain, noise)

    def log_prob(self, value: Any) -> jax.Array:
        """Return the log probability of labels (..., T), shape (...); -inf where one is not among the K."""
        batch = jnp.broadcast_shapes(jnp.shape(value)[:-1], self.batch_shape)
        value = jnp.broadcast_to(value, (*batch, *self.event_shape))
        known = (value[..., None] == jnp.arange(self.unary.shape[-1])).any(-1)
        past = jnp.arange(self.unary.shape[-2]) >= jnp.asarray(self.length)[..., None]
        labels = jnp.where(known, value, 0).astype(int)
        score = chain.log_score(self.chain, labels) - self.log_partition
        return jnp.where((known | past).all(-1), score, -jnp.inf)


def lengths(x: jax.Array) -> jax.Array:
    """Return how many steps strings (*batch, T, D) have: up to the last of which something was seen, not NaN."""
    seen = ~jnp.isnan(x).all(-1)
    return jnp.where(seen, jnp.arange(1, x.shape[-2] + 1), 0).max(-1)
