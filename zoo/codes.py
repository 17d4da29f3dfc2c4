"""What discrete codes say: how many are in use, which are dead, and what a row costs in bits."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from guides.families import generator
from zoo.errors import UserError
from zoo.posterior import CodePosterior

if TYPE_CHECKING:
    from zoo.run import Run


@dataclass(frozen=True)
class Usage:
    """How often each code of a codebook is chosen.

    Args:
        counts: over all rows and positions (K,).
    """

    counts: np.ndarray

    @property
    def perplexity(self) -> float:
        """Exp of the entropy of the codes' shares: so many codes, used evenly, would say as much; from 1 to K."""
        share = self.counts[self.counts > 0] / self.counts.sum()
        return float(np.exp(-(share * np.log(share)).sum()))

    @property
    def dead(self) -> int:
        """How many codes are never chosen."""
        return int((self.counts == 0).sum())


def usage(codes: np.ndarray, count: int) -> Usage:
    """Count codes.

    Args:
        codes: whole numbers below `count`, of any shape.
        count: how many codes there are, K.

    >>> found = usage(np.array([[0, 1], [1, 0]]), 3)
    >>> found.perplexity, found.dead
    (2.0, 1)
    """
    return Usage(np.bincount(np.asarray(codes).ravel(), minlength=count))


def used(run: Run, data: Any = None) -> Usage:
    """Return how often a run's codes are chosen for rows, the training rows by default.

    Raises:
        UserError: the run has no codes, one choice a row.
    """
    said = _chosen(run, data)
    return usage(said.codes, said.cardinality)


def _chosen(run: Run, data: Any) -> CodePosterior:
    said = run.posterior(data)
    if not isinstance(said, CodePosterior):
        raise UserError(
            f"model {run.model.name!r} under local={run.local!r} has no codes, one choice a row; take 'vqvae'"
        )
    return said


def bits_per_dimension(nats: float, columns: int, width: float | None = None) -> float:
    """Return what a column of a row costs, in bits, by a code that is best for the model.

    Args:
        nats: log p(x) of a row, or a lower bound, which gives an upper bound of the bits.
        columns: of a row.
        width: None where x is discrete and p(x) a probability. A density is none: it has the unit of x in it, and any
            number of "bits" by another unit. Where x is rounded to a grid, such as grey values in steps of 1/16, the
            probability of a cell is the density times the cell's volume, as long as the density is flat inside it;
            `width` is the cell's side, in units of x.

    >>> bits_per_dimension(-64 * math.log(2), 64)
    1.0
    >>> bits_per_dimension(0.0, 64, 1 / 16)
    4.0
    """
    return -(nats / columns + (0.0 if width is None else math.log(width))) / math.log(2)


@dataclass(frozen=True)
class Decoded:
    """Codes and what the model makes of them.

    Args:
        codes: of the rows (n, positions).
        means: E[x | z] of each (n, D).
    """

    codes: np.ndarray
    means: np.ndarray


def novel(run: Run, n: int, seed: int = 0, *, even: bool = False) -> Decoded:
    """Draw codes and decode them.

    Args:
        run: of a model with one discrete latent, a vector of codes a row.
        n: how many rows.
        seed: of the draws.
        even: every code equally likely at every position, in place of the model's own prior.

    Raises:
        UserError: the run has no codes.
    """
    said = _chosen(run, None)
    name, observed = said.site, next(iter(run.data))
    drawn = np.asarray(run.program.forward(run.model_params, {}, 1, n, seed)[name][0])
    if even:
        drawn = generator(seed, "even codes").integers(said.cardinality, size=drawn.shape)
    made = run.program.forward(run.model_params, {name: drawn[None]}, 1, n, seed, read="mean")
    return Decoded(drawn, np.asarray(made[observed][0]))
