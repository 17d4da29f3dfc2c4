"""Categories drawn one after the other, each by a network of those before it, in Pyro."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from pyro.distributions import TorchDistribution, constraints


class Nade(TorchDistribution):
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

    arg_constraints: ClassVar[dict[str, constraints.Constraint]] = {
        "bias": constraints.independent(constraints.real, 2),
        "inner": constraints.real_vector,
        "into": constraints.independent(constraints.real, 3),
        "out": constraints.independent(constraints.real, 3),
    }

    def __init__(
        self,
        bias: torch.Tensor,
        inner: torch.Tensor,
        into: torch.Tensor,
        out: torch.Tensor,
        *,
        batch_shape: tuple[int, ...] = (),
        validate_args: bool | None = None,
    ) -> None:
        self.bias, self.inner, self.into, self.out = bias, inner, into, out
        super().__init__(torch.Size(batch_shape), bias.shape[:1], validate_args=validate_args)

    @constraints.dependent_property(is_discrete=True, event_dim=1)
    def support(self) -> Any:
        """Whole numbers from 0 to K − 1 at each position."""
        return constraints.independent(constraints.integer_interval(0, self.bias.shape[1] - 1), 1)

    def expand(self, batch_shape: tuple[int, ...], _instance: Any = None) -> Nade:
        """Return the same with this batch shape."""
        return Nade(self.bias, self.inner, self.into, self.out, batch_shape=batch_shape, validate_args=False)

    def sample(self, sample_shape: tuple[int, ...] = ()) -> torch.Tensor:
        """Draw values (*sample_shape, *batch, M), position after position."""
        hidden, drawn = self.inner.expand((*sample_shape, *self.batch_shape, len(self.inner))), []
        with torch.no_grad():
            for bias, into, out in zip(self.bias, self.into, self.out, strict=True):
                logits = bias + torch.tanh(hidden) @ out
                drawn.append(torch.distributions.Categorical(logits=logits, validate_args=False).sample())
                hidden = hidden + into[drawn[-1]]
        return torch.stack(drawn, -1)

    def log_prob(self, value: torch.Tensor) -> torch.Tensor:
        """Return the log mass of values (..., M); shape (...)."""
        each = self.into[torch.arange(len(self.into), device=self.into.device), value]
        hidden = torch.tanh(self.inner + torch.cumsum(each, -2) - each)
        logits = torch.log_softmax(self.bias + torch.einsum("...mh,mhk->...mk", hidden, self.out), -1)
        return torch.take_along_dim(logits, value[..., None], -1)[..., 0].sum(-1)
