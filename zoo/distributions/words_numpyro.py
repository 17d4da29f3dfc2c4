"""Words drawn one by one, as counts, in NumPyro."""

from __future__ import annotations

from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpyro.distributions as dist
from jax.scipy.special import xlogy
from numpyro.distributions import constraints


class Words(dist.Distribution):
    """How often each of V words comes up when words are drawn one by one, each by the same probabilities.

    The density is that of the words in an order: Σ_v x_v log p_v, without a multinomial's coefficient, which counts
    the orders. Only draws need to know how many words there are.

    Args:
        probs: of the words (*batch, V).
        length: how many words are drawn.
    """

    arg_constraints: ClassVar[dict[str, Any]] = {"probs": constraints.simplex}
    support = constraints.independent(constraints.nonnegative_integer, 1)
    pytree_data_fields = ("probs",)
    pytree_aux_fields = ("length",)

    def __init__(self, probs: jax.Array, length: int = 1, *, validate_args: bool | None = None) -> None:
        self.probs, self.length = probs, length
        super().__init__(probs.shape[:-1], probs.shape[-1:], validate_args=validate_args)

    def sample(self, key: jax.Array | None, sample_shape: tuple[int, ...] = ()) -> jax.Array:
        """Draw counts (*sample_shape, *batch, V)."""
        return dist.MultinomialProbs(self.probs, self.length).sample(key, sample_shape).astype(self.probs.dtype)

    def log_prob(self, value: Any) -> jax.Array:
        """Return the log density of counts (..., V), of one order of the words (...)."""
        return jnp.asarray(xlogy(value, self.probs)).sum(-1)
