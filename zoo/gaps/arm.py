"""One way of inference on a frozen model, and what it loses row by row."""

from __future__ import annotations

from dataclasses import dataclass

from zoo.estimators import Estimate
from zoo.gaps.measure import Rows


@dataclass(frozen=True)
class Arm:
    """One way of inference on the frozen model.

    Args:
        local, local_guide: the treatment, and the family of the local latents.
        refitted: whether it was fitted to the frozen model; else it is the run's own.
        num_parameters: how many numbers its guide has learnt.
        own: what q_φ says of each row; None for a guide of points, which has no ELBO, and all below is None then.
        best: what q* says.
        difference: L(q*) − L(q_φ) by row, by common random numbers.
        approximation: log p(x) − L(q*) by row; at least this where log p(x) is a lower bound.
        active: how many numbers of z have Var_x E_q[z] > 0.01, and how many there are; None for categories.
        rising: why q_φ or q* has not been learnt to its end; empty if both have.
        joint: what is to be said of an encoder that was still learning together with its model; its L(q*) − L(q_φ) is
            the amortization gap of the encoder as it is. Empty if it had arrived.
    """

    local: str
    local_guide: str
    refitted: bool
    num_parameters: int
    own: Rows | None
    best: Rows | None
    difference: Estimate | None
    approximation: Estimate | None
    active: tuple[int, int] | None
    rising: str = ""
    joint: str = ""

    @property
    def amortization(self) -> Estimate | None:
        """The amortization gap by row: L(q*) − L(q_φ), if both have been learnt to their end."""
        return None if self.rising else self.difference

    @property
    def name(self) -> str:
        """Treatment and family, such as "amortized, mean_field"."""
        return f"{self.local}, {self.local_guide}" if self.local_guide else self.local
