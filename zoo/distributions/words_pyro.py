"""Words drawn one by one, as counts, in Pyro."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from pyro.distributions import Multinomial, TorchDistribution, constraints


class Words(TorchDistribution):
    """How often each of V words comes up when words are drawn one by one, each by the same probabilities.

    The density is that of the words in an order: Σ_v x_v log p_v, without a multinomial's coefficient, which counts
    the orders. Only draws need to know how many words there are.

    Args:
        probs: of the words (*batch, V).
        length: how many words are drawn.
    """

    arg_constraints: ClassVar[dict[str, constraints.Constraint]] = {"probs": constraints.simplex}
    support = constraints.independent(constraints.nonnegative_integer, 1)

    def __init__(self, probs: torch.Tensor, length: int = 1, *, validate_args: bool | None = None) -> None:
        self.probs, self.length = probs, length
        super().__init__(probs.shape[:-1], probs.shape[-1:], validate_args=validate_args)

    def expand(self, batch_shape: tuple[int, ...], _instance: Any = None) -> Words:
        """Return the same with this batch shape."""
        return Words(self.probs.expand((*batch_shape, *self.event_shape)), self.length, validate_args=False)

    def sample(self, sample_shape: tuple[int, ...] = ()) -> torch.Tensor:
        """Draw counts (*sample_shape, *batch, V)."""
        return Multinomial(self.length, self.probs, validate_args=False).sample(sample_shape)

    def log_prob(self, value: torch.Tensor) -> torch.Tensor:
        """Return the log density of counts (..., V), of one order of the words (...)."""
        return torch.xlogy(value, self.probs).sum(-1)
