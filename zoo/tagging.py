"""Labels of new strings, from a model of labels given features: `crf` and `crf_bayes`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from zoo.checks import check_covariates
from zoo.errors import UserError, unknown

if TYPE_CHECKING:
    from zoo.run import Run

WAYS = ("path", "step")
SOME = 200  # draws of the parameters behind probabilities


def labels(run: Run, x: Any, by: str = "path") -> np.ndarray:
    """Return the labels of strings (n, T), integers; 0 past a string's end.

    Args:
        run: of `crf` or `crf_bayes`.
        x: features (n, T, D) with NaN past a string's end, of any number of strings and steps.
        by: "path" for the most probable labels together, by Viterbi's recursion; with a prior, those whose log
            probability is largest in the posterior's mean. "step" for the most probable label of each step, by its
            `marginals`: the fewest wrong labels to expect.

    Raises:
        UserError: the model labels nothing, x does not fit it, or `by` is neither.
    """
    if by not in WAYS:
        raise unknown("by", by, WAYS, "labels")
    if by == "step":
        return marginals(run, x).argmax(-1)
    # The log probability of labels is linear in the parameters but for log Z, which all labels share.
    mean = {name: values.mean(0, dtype=np.float64)[None] for name, values in run.flat.items()}
    return _read(run, x, mean, 1, "mode")[0].astype(int)


def marginals(run: Run, x: Any) -> np.ndarray:
    """Return the probability of each label at each step (n, T, K); 0 past a string's end.

    With a prior it is the mean over 200 draws of the parameters, or all where there are fewer.

    Args:
        run: of `crf` or `crf_bayes`.
        x: features (n, T, D) with NaN past a string's end, of any number of strings and steps.

    Raises:
        UserError: the model labels nothing, or x does not fit it.
    """
    draws = run.aligned(SOME)
    count = max((len(values) for values in draws.values()), default=1)
    return _read(run, x, draws, count, "marginals").mean(0)


def _read(run: Run, x: Any, draws: dict[str, np.ndarray], count: int, what: str) -> np.ndarray:
    """Return something of the distribution of labels given features, by draw of the parameters (count, n, …)."""
    card = run.model.card
    if card.covariates != ("x",) or "y" not in card.inputs:
        raise UserError(f"model {run.model.name!r} has no labels given features; fit 'crf' or 'crf_bayes'")
    given = check_covariates(card, {"x": x})
    known = run.data["x"].shape[-1]
    if given["x"].shape[-1] != known:
        raise UserError(f"x has {given['x'].shape[-1]} features, and the run's strings {known}; give as many")
    shared = {name: values[None] for name, values in given.items()}
    size = len(given["x"])
    return run.program.forward(run.model_params, draws, count, size, 0, covariates=shared, read=what)["y"]
