"""What both backends hand back, in NumPy."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

Values = dict[str, np.ndarray]


@dataclass(frozen=True)
class State:
    """Where learning stands.

    Args:
        v: every learnt number, in coordinates of the start (size,).
        mean, square: Adam's moments (size,).
        count: steps taken.
    """

    v: np.ndarray
    mean: np.ndarray
    square: np.ndarray
    count: int = 0

    @classmethod
    def at(cls, v: np.ndarray) -> State:
        """Start at v, before the first step."""
        return cls(v, np.zeros_like(v), np.zeros_like(v))


@dataclass(frozen=True)
class Evaluation:
    """Draws of the global latents from a guide, and their densities; S draws, n rows.

    Args:
        values: draws by site (S, *shape).
        log_q: the guide's density (S,).
        log_prior: the model's density of the global latents (S,).
        rows: each row's log-likelihood, local latents summed out (S, n).
    """

    values: Values
    log_q: np.ndarray
    log_prior: np.ndarray
    rows: np.ndarray

    @property
    def log_joint(self) -> np.ndarray:
        """Return log p(x, z) of each draw (S,)."""
        return self.log_prior + self.rows.sum(-1)

    @property
    def log_weights(self) -> np.ndarray:
        """Return log p(x, z) - log q(z) of each draw (S,)."""
        return self.log_joint - self.log_q


@dataclass(frozen=True)
class LogJoint:
    """A model's log joint at P unconstrained points.

    Args:
        values: the points' constrained values by site (P, *shape).
        by_site: log density of each sample site (P,).
        gradient: of the summed log joint by the unconstrained point (P, d).
    """

    values: Values
    by_site: Values
    gradient: np.ndarray


@dataclass(frozen=True)
class Chains:
    """What NUTS leaves: draws by site and sample statistics, each (chain, draw, …)."""

    draws: Values
    stats: Values
