"""Noise for local latents as a site in Pyro."""

from __future__ import annotations

from typing import ClassVar

import torch
from pyro.distributions import TorchDistribution, constraints
from pyro.distributions.score_parts import ScoreParts


class Noise(TorchDistribution):
    """Standard normals that count nothing in a trace's density, as each latent made of them counts its own.

    `Normal(0, 1)` under a mask is the same, at a twentieth of a step of the digits VAE.

    Args:
        shape: of one draw.
    """

    arg_constraints: ClassVar[dict[str, constraints.Constraint]] = {}
    support = constraints.real
    has_rsample = True

    def __init__(self, shape: tuple[int, ...]) -> None:
        super().__init__(event_shape=torch.Size(shape), validate_args=False)

    def rsample(self, sample_shape: tuple[int, ...] = ()) -> torch.Tensor:
        """Draw from the generator of the default device (*sample_shape, *shape)."""
        return torch.randn((*sample_shape, *self.event_shape))

    def log_prob(self, value: torch.Tensor) -> torch.Tensor:
        """Return zeros, one a draw."""
        return value.new_zeros(value.shape[: value.ndim - self.event_dim])

    def score_parts(self, value: torch.Tensor) -> ScoreParts:
        """Return zeros: there is nothing to differentiate by."""
        return ScoreParts(self.log_prob(value), 0, 0)
