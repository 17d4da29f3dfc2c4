"""How new rows fare: the log likelihood of rows that were held out, beside that of rows that were learnt from."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from guides.families import generator
from zoo.errors import UserError
from zoo.estimators import rounded
from zoo.rows import some_rows

if TYPE_CHECKING:
    from zoo.run import Run

MOST = 1_000  # rows of a kind that are looked at
ERRORS = 2.0  # standard errors beyond which a difference is said


@dataclass(frozen=True)
class NewRows:
    """Mean log likelihoods in nats per row, of rows that were held out and of rows that were learnt from.

    Args:
        held_out, held_out_error: of the held-out rows, and the standard error over them; NaN if it is of one row.
        training, training_error: of the rows that were learnt from.
        rows, training_rows: how many of each these are the means of.
        method: how each row's log likelihood was made, such as "exact".
    """

    held_out: float
    held_out_error: float
    training: float
    training_error: float
    rows: int
    training_rows: int
    method: str

    @property
    def short(self) -> float:
        """By how much a held-out row is below a training row, in nats."""
        return self.training - self.held_out

    @property
    def error(self) -> float:
        """Standard error of `short` over rows."""
        return math.hypot(self.held_out_error, self.training_error)

    @property
    def worse(self) -> bool:
        """Whether new rows fare worse by more than twice the error, or are impossible."""
        return self.short > ERRORS * self.error or self.short == math.inf

    def __str__(self) -> str:
        held, training = rounded(self.held_out, self.held_out_error), rounded(self.training, self.training_error)
        said = f"{held} nats per row of {self.rows:,}, training {training} of {self.training_rows:,} ({self.method})"
        if not self.worse:
            return said
        return f"{said}: new rows fare worse by {rounded(self.short, self.error)}"


def new_rows(run: Run, seed: int) -> NewRows:
    """Return how held-out rows fare; see `Run.new_rows`."""
    if not run.held_out:
        raise UserError(f"{run.model.name}: no rows were held out; fit with held_out=0.1")
    rows, training_rows = (len(next(iter(data.values()))) for data in (run.held_out, run.data))
    held, training = _chosen(rows, seed), _chosen(training_rows, seed)
    some = run.held_out if held is None else {name: x[held] for name, x in run.held_out.items()}
    new = run.log_likelihood(some, seed=seed)
    old = run.log_likelihood(None if training is None else some_rows(run, training), seed=seed)
    each, others = np.asarray(new.value), np.asarray(old.value)
    return NewRows(*_mean(each), *_mean(others), len(each), len(others), new.method)


def _chosen(rows: int, seed: int) -> np.ndarray | None:
    """Return which rows are looked at; None for all."""
    return None if rows <= MOST else np.sort(generator(seed, "new rows").choice(rows, MOST, replace=False))


def _mean(values: np.ndarray) -> tuple[float, float]:
    """Return the mean and its standard error; NaN if one value, or values that are not finite, leave none."""
    values = values.astype(np.float64)
    good = len(values) > 1 and np.isfinite(values).all()
    return float(values.mean()), float(values.std(ddof=1) / math.sqrt(len(values))) if good else math.nan
