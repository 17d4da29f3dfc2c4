"""What learning is asked for and what it leaves: the plan, the phases of the curve, the state and the status."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from zoo.backends.state import State

CONVERGED = "converged"


@dataclass(frozen=True)
class Progressed:
    """How far learning has come.

    Args:
        phase: "svi" or "finish".
        step, steps: taken so far, and planned so far; 0 planned if nothing tells.
        elbo, error: mean over the last steps in nats, and its standard error.
        rate: learning rate of the last step.
    """

    phase: str
    step: int
    steps: int
    elbo: float
    error: float
    rate: float


@dataclass(frozen=True)
class Phase:
    """A stretch of the curve of losses.

    Args:
        name: "svi" or "finish".
        steps: how many losses it has: steps of SVI, iterations of the finish.
        ended: why it ended, in words.
    """

    name: str
    steps: int
    ended: str


@dataclass(frozen=True)
class Plan:
    """How to learn.

    Args:
        num_steps: of the only round; with `auto` of the first two together.
        auto: whether further rounds begin until the ELBO no longer rises.
        finish: whether an ELBO without noise is finished by a second-order method.
        rate: learning rate of a round's first step.
        batch_size: rows per step; None for all.
        rows: how many rows there are.
        seed: of batches and draws.
    """

    num_steps: int
    auto: bool
    finish: bool
    rate: float
    batch_size: int | None
    rows: int
    seed: int


@dataclass(frozen=True)
class Learnt:
    """Where learning ended.

    Args:
        state: the parameters, Adam's moments and the rows' φ.
        losses: −ELBO of each step, then of each iteration of the finish, nats.
        phases: what stretches the losses consist of, and why each ended.
        status: "converged", or "not converged: " and why.
        seconds: by what was done.
    """

    state: State
    losses: np.ndarray
    phases: tuple[Phase, ...]
    status: str
    seconds: dict[str, float] = field(default_factory=dict)


class NotFiniteError(ArithmeticError):
    """No rate that was tried leads to a finite loss; `learnt` is the last good state, `rate` the last rate."""

    def __init__(self, learnt: Learnt, rate: float) -> None:
        super().__init__("the loss is not finite")
        self.learnt, self.rate = learnt, rate


Watch = Callable[[Progressed], None]
