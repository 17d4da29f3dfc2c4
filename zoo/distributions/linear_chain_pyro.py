"""A path of labels along a linear chain, globally normalised, in Pyro."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from pyro.distributions import TorchDistribution, constraints

from guides import chain_pyro as chain


class LinearChain(TorchDistribution):
    """The labels of a string of T steps, each one of K: a linear-chain conditional random field.

        log p(y) = Σ_{t < length} unary[t, y_t] + Σ_{1 <= t < length} pairwise[y_{t-1}, y_t] − log Z

    Labels past the length count nothing, whatever they are; where the distribution gives them, they are 0.

    Args:
        unary: log potential of each label at each step (*batch, T, K), in nats; -inf is a label that cannot be.
        pairwise: log potential of a move from the row's label to the column's (K, K) or (*batch, K, K).
        length: how many steps there are, 1 to T (*batch,).
    """

    arg_constraints: ClassVar[dict[str, constraints.Constraint]] = {}

    def __init__(
        self, unary: torch.Tensor, pairwise: torch.Tensor, length: torch.Tensor, *, validate_args: bool | None = None
    ) -> None:
        self.unary, self.pairwise, self.length = unary, pairwise, length
        batch = torch.broadcast_shapes(unary.shape[:-2], pairwise.shape[:-2], length.shape)
        super().__init__(batch, unary.shape[-2:-1], validate_args=validate_args)

    def expand(self, batch_shape: tuple[int, ...], _instance: Any = None) -> LinearChain:
        """Return the same with this batch shape."""
        unary = self.unary.expand((*batch_shape, *self.unary.shape[-2:]))
        return LinearChain(unary, self.pairwise, self.length.expand(batch_shape), validate_args=False)

    @constraints.dependent_property(is_discrete=True, event_dim=1)
    def support(self) -> Any:
        """Labels 0 … K − 1."""
        return constraints.independent(constraints.integer_interval(0, self.unary.shape[-1] - 1), 1)

    @property
    def chain(self) -> chain.Chain:
        """The potentials, as the algebra of chains takes them."""
        return chain.Chain(self.unary, self.pairwise, self.length)

    @property
    def log_partition(self) -> torch.Tensor:
        """The log of the sum over all paths, log Z (*batch,)."""
        return chain.log_partition(self.chain)

    @property
    def marginals(self) -> torch.Tensor:
        """Probability of each label at each step (*batch, T, K); 0 past the length."""
        return chain.marginals(self.chain)

    @property
    def mode(self) -> torch.Tensor:
        """The most probable labels together (*batch, T), by Viterbi's recursion."""
        return chain.viterbi(self.chain)

    def sample(self, sample_shape: tuple[int, ...] = ()) -> torch.Tensor:
        """Draw labels (*sample_shape, *batch, T)."""
        noise = self.unary.new_empty((*sample_shape, *self.batch_shape, *self.event_shape)).normal_()
        return chain.sample(self.chain, noise)

    def log_prob(self, value: torch.Tensor) -> torch.Tensor:
        """Return the log probability of labels (..., T), shape (...); -inf where one is not among the K."""
        value = value.expand(*torch.broadcast_shapes(value.shape[:-1], self.batch_shape), -1)
        steps, categories = (torch.arange(n, device=value.device) for n in self.unary.shape[-2:])
        known = (value[..., None] == categories).any(-1)
        past = steps >= self.length[..., None]
        labels = torch.where(known, value, 0)
        score = chain.log_score(self.chain, labels) - self.log_partition
        return torch.where((known | past).all(-1), score, -torch.inf)


def lengths(x: torch.Tensor) -> torch.Tensor:
    """Return how many steps strings (*batch, T, D) have: up to the last of which something was seen, not NaN."""
    seen = ~x.isnan().all(-1)
    return torch.where(seen, torch.arange(1, x.shape[-2] + 1, device=x.device), 0).amax(-1)
