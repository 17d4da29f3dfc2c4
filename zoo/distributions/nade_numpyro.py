"""Categories drawn one after the other, each by a network of those before it, in NumPyro."""

from __future__ import annotations

from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpyro.distributions as dist
from numpyro.distributions import constraints


class Nade(dist.Distribution):
    """A neural autoregressive distribution over M categories of K values: any dependence, and a density in one pass.

        h_j = tanh(inner + Σ_{i<j} into[i, z_i]),    p(z_j = k | z_1 … z_{j−1}) = softmax_k(bias_j + h_j out_j)

    H. Larochelle and I. Murray, The neural autoregressive distribution estimator, AISTATS 2011, with categories in
    place of bits.

    Args:
        bias: of the logits (M, K).
        inner: biases of the hidden units (H,).
        into: what a value at a position adds to the hidden units of those after it (M, K, H).
        out: from the hidden units to a position's logits (M, H, K).
    """

    arg_constraints: ClassVar[dict[str, Any]] = {
        "bias": constraints.real_matrix,
        "inner": constraints.real_vector,
        "into": constraints.independent(constraints.real, 3),
        "out": constraints.independent(constraints.real, 3),
    }
    pytree_data_fields = ("bias", "inner", "into", "out")

    def __init__(
        self,
        bias: jax.Array,
        inner: jax.Array,
        into: jax.Array,
        out: jax.Array,
        *,
        validate_args: bool | None = None,
    ) -> None:
        self.bias, self.inner, self.into, self.out = bias, inner, into, out
        super().__init__((), bias.shape[:1], validate_args=validate_args)

    @constraints.dependent_property(is_discrete=True, event_dim=1)
    def support(self) -> Any:
        """Whole numbers from 0 to K − 1 at each position."""
        return constraints.independent(constraints.integer_interval(0, self.bias.shape[1] - 1), 1)

    def sample(self, key: Any, sample_shape: tuple[int, ...] = ()) -> jax.Array:
        """Draw values (*sample_shape, M), position after position."""
        hidden, drawn = jnp.broadcast_to(self.inner, (*sample_shape, len(self.inner))), []
        for j, (bias, into, out) in enumerate(zip(self.bias, self.into, self.out, strict=True)):
            logits = bias + jnp.tanh(hidden) @ out
            drawn.append(jax.random.categorical(jax.random.fold_in(key, j), logits))
            hidden = hidden + into[drawn[-1]]
        return jnp.stack(drawn, -1)

    def log_prob(self, value: Any) -> jax.Array:
        """Return the log mass of values (..., M); shape (...)."""
        each = self.into[jnp.arange(len(self.into)), value]
        hidden = jnp.tanh(self.inner + jnp.cumsum(each, -2) - each)
        logits = jax.nn.log_softmax(self.bias + jnp.einsum("...mh,mhk->...mk", hidden, self.out), -1)
        return jnp.take_along_axis(logits, jnp.asarray(value)[..., None], -1)[..., 0].sum(-1)
