"""What both backends hand back, in NumPy."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

Values = dict[str, np.ndarray]


@dataclass(frozen=True)
class State:
    """Where learning stands.

    Args:
        v: every learnt number, in coordinates of the start (size,).
        mean, square: Adam's moments (size,).
        count: steps taken.
        table: of a guide with numbers for each row: φ, its two moments and its count of steps, side by side
            (rows, 3 size + 1); between the steps of a fit it stays the backend's own array, on its device.
    """

    v: np.ndarray
    mean: np.ndarray
    square: np.ndarray
    count: int = 0
    table: Any = None

    @classmethod
    def at(cls, v: np.ndarray, phi: np.ndarray | None = None) -> State:
        """Start at v and the rows' φ (rows, size), before the first step."""
        table = None if phi is None else np.pad(phi, ((0, 0), (0, 2 * phi.shape[1] + 1)))
        return cls(v, np.zeros_like(v), np.zeros_like(v), 0, table)


@dataclass(frozen=True)
class Evaluation:
    """Draws from a guide, and their densities; S draws, n rows.

    Args:
        values: draws of the global latents by site (S, *shape).
        log_q: the guide's density of them (S,).
        log_prior: the model's density of them (S,).
        rows: each row's log p(x, z) given them, with the local latents drawn or summed out (S, n).
        row_log_q: the guide's density of each row's local latents (S, n); 0 where they are summed out.
        bounds: each row's ELBO given them (S, n): rows − row_log_q, but for the discrete latents of q the
            expectation and not a draw.
        likelihood: the part of `bounds` that is E log p(x | z) (S, n).
        local_values: draws of the local latents by site (S, *shape).
    """

    values: Values
    log_q: np.ndarray
    log_prior: np.ndarray
    rows: np.ndarray
    row_log_q: np.ndarray
    bounds: np.ndarray
    likelihood: np.ndarray
    local_values: Values

    @property
    def log_joint(self) -> np.ndarray:
        """Return log p(x, z) of each draw (S,)."""
        return self.log_prior + self.rows.sum(-1)

    @property
    def elbos(self) -> np.ndarray:
        """Return each draw's estimate of the ELBO (S,)."""
        return self.log_prior - self.log_q + self.bounds.sum(-1)

    @property
    def log_weights(self) -> np.ndarray:
        """Return log p(x, z) - log q(z) of each draw (S,)."""
        return self.log_joint - self.log_q - self.row_log_q.sum(-1)


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


@dataclass(frozen=True)
class Drawn:
    """How far the chains of NUTS have come.

    Args:
        warmup, planned: draws of each chain's warm-up, and all its draws.
        draws: each chain's so far, warm-up included.
        step_sizes: each chain's, in its last draw; NaN before its first.
        divergences: each chain's, since its warm-up.
    """

    warmup: int
    planned: int
    draws: np.ndarray
    step_sizes: np.ndarray
    divergences: np.ndarray


WatchChains = Callable[[Drawn], None]
