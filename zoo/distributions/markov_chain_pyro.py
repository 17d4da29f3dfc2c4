"""Chains of states, in which each depends on the one before it, in Pyro."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from pyro.distributions import TorchDistribution, constraints

from guides.chain_pyro import Chain, log_score, sample


class MarkovChain(TorchDistribution):
    """Paths of K states: the first state by its own probabilities, each other one by its predecessor's row.

    A path is one value. What stands past its length is 0, and has no part in the density.

    Args:
        initial: probabilities of the first state (*batch, K).
        transition: probabilities of the next state, a row for each state (*batch, K, K).
        steps: T, entries of a path.
        length: how many of them count, 1 to T (*batch,); all of them unless given.
    """

    arg_constraints: ClassVar[dict[str, constraints.Constraint]] = {
        "initial": constraints.simplex,
        "transition": constraints.independent(constraints.simplex, 1),
    }

    def __init__(
        self,
        initial: torch.Tensor,
        transition: torch.Tensor,
        steps: int,
        length: torch.Tensor | None = None,
        *,
        validate_args: bool | None = None,
    ) -> None:
        self.initial, self.transition, self.steps = initial, transition, steps
        self.length = torch.tensor(steps, device=initial.device) if length is None else length
        batch = torch.broadcast_shapes(initial.shape[:-1], transition.shape[:-2], self.length.shape)
        super().__init__(batch, torch.Size((steps,)), validate_args=validate_args)

    @constraints.dependent_property(is_discrete=True, event_dim=1)
    def support(self) -> Any:
        """Paths of states 0 to K - 1."""
        return constraints.independent(constraints.integer_interval(0, self.initial.shape[-1] - 1), 1)

    @property
    def chain(self) -> Chain:
        """The potentials, whose partition function is 1."""
        first = torch.arange(self.steps, device=self.initial.device)[:, None] == 0
        unary = torch.where(first, torch.log(self.initial)[..., None, :], 0.0)
        return Chain(unary, torch.log(self.transition), self.length)

    def expand(self, batch_shape: tuple[int, ...], _instance: Any = None) -> MarkovChain:
        """Return the same with this batch shape."""
        return MarkovChain(
            self.initial, self.transition, self.steps, self.length.expand(batch_shape), validate_args=False
        )

    def sample(self, sample_shape: tuple[int, ...] = ()) -> torch.Tensor:
        """Draw paths (*sample_shape, *batch, T)."""
        shape = self.shape(sample_shape)
        with torch.no_grad():
            return sample(self.chain, torch.randn(shape, dtype=self.initial.dtype, device=self.initial.device))

    def log_prob(self, value: torch.Tensor) -> torch.Tensor:
        """Return the log density of paths (..., T)."""
        return log_score(self.chain, value)


def seen_steps(
    x: torch.Tensor | None, shape: tuple[Any, ...], *, whole: bool = False
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor | None]:
    """Return which entries of series were seen, how long each series is, and the series with 0 for what was not.

    Args:
        x: series (n, T, D) with NaN for what was not seen; None where they are to be drawn.
        shape: (n, T, D).
        whole: whether the entries are whole numbers, by which something is looked up.

    Returns:
        True for what was seen (n, T, D); the number of steps to the last one with something seen, at least 1 (n,);
        and the series (n, T, D), None for None.
    """
    seen = torch.ones(shape, dtype=torch.bool) if x is None else ~torch.isnan(x)
    steps = torch.arange(1, shape[1] + 1, device=seen.device)
    length = torch.where(seen.any(-1), steps, 1).amax(-1)
    if x is None:
        return seen, length, None
    filled = torch.where(seen, x, 0.0)
    return seen, length, filled.long() if whole else filled
