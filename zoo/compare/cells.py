"""One cell of a grid: fit, and put what came of it in a row."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from zoo.backends import threads
from zoo.catalogue import Model
from zoo.compare.reference import Reference, deviations
from zoo.estimators import k_hat_note
from zoo.inference import fit
from zoo.request import NO_GLOBALS

if TYPE_CHECKING:
    from zoo.run import Run

KEYS = ("guide", "local", "backend", "seed")
NUMBERS = (
    "elbo",
    "elbo_error",
    "evidence",
    "gap",
    "gap_error",
    "gap_note",
    "k_hat",
    "k_hat_note",
    "worst_mean_error",
    "worst_sd_error",
    "num_parameters",
    "num_steps",
    "status",
    "seconds_compile",
    "seconds_learn",
    "error",
)


def cell(
    model: Model,
    data: Mapping[str, np.ndarray],
    reference: Reference | None,
    words: Mapping[str, Any],
    alone: bool,
) -> dict[str, Any]:
    """Fit one cell and return its row; what goes wrong becomes the row's `error`.

    Args:
        model: with its options.
        data: arrays by name.
        reference: moments to compare with, or None.
        words: of `zoo.fit`.
        alone: whether this process runs one cell at a time beside others, and so should take one core.
    """
    if alone:
        threads.keep_to_one()
    row: dict[str, Any] = {key: words.get(key) for key in KEYS} | dict.fromkeys(NUMBERS)
    row["guide"] = row["guide"] or NO_GLOBALS
    try:
        run = fit(model, data=data, **words)
        return row | measure(run, reference) | {"local": words.get("local")}
    except Exception as error:
        first = next(iter(str(error).strip().splitlines()), "")
        return row | {"error": first if isinstance(error, ValueError) else f"{type(error).__name__}: {first}"}


def measure(run: Run, reference: Reference | None) -> dict[str, Any]:
    """Return a run's numbers; what it does not have is absent or None."""
    elbo, evidence, k_hat = run.elbo(), run.evidence(), run.k_hat()
    row: dict[str, Any] = {
        "local": run.local,
        "k_hat": k_hat,
        "k_hat_note": k_hat_note(k_hat) or None,
        "num_parameters": run.num_parameters,
        "num_steps": len(run.losses) if run.method == "svi" else None,
        "status": run.status,
        "seconds_compile": run.seconds.get("compile"),
        "seconds_learn": run.seconds.get("learn"),
    }
    if elbo is not None:
        row |= {"elbo": float(elbo.value), "elbo_error": float(elbo.error)}
    if evidence is not None:
        row["evidence"] = float(evidence.value)
    if elbo is not None and evidence is not None:
        row["gap"] = float(evidence.value) - float(elbo.value)
        row["gap_error"] = math.hypot(float(evidence.error), float(elbo.error))
        row["gap_note"] = run.gap_note() or None
    if reference is not None and run.relabelled:
        row["worst_mean_error"], row["worst_sd_error"] = deviations(run, reference)
    return row
