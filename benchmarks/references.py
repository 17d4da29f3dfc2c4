"""Make zoo/models/NAME/reference.json: gold posterior moments by long NUTS chains.

    python -m benchmarks.references gmm_bayes

A model whose posterior is known exactly needs none. What makes a reference good is checked before it is
written, and written beside it: R̂ below 1.01 at every scalar, at least 1000 effective draws in bulk and tail,
and hardly a divergence. Labels are aligned first where components are exchangeable.
"""

from __future__ import annotations

import json
import os
import platform
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

import zoo
from zoo import backends
from zoo.compare.reference import FILE, plain
from zoo.errors import UserError
from zoo.inference_data import arviz, summary
from zoo.run import Run
from zoo.storage import array_hash

BACKEND = "numpyro"
SETTINGS: dict[str, Any] = {
    "method": "nuts",
    "backend": BACKEND,
    "dtype": "float64",
    "num_chains": 4,
    "num_warmup": 1000,
    "num_draws": 5000,
    "seed": 0,
}
MAX_R_HAT, MIN_ESS, MAX_DIVERGING = 1.01, 1000, 1e-3
_DIGITS = 8


def main(name: str, settings: dict[str, Any] = SETTINGS) -> Path | None:
    """Make a model's reference file.

    Args:
        name: the model's.
        settings: words of `zoo.fit`.

    Returns:
        The file; None where every posterior is known exactly.

    Raises:
        UserError: the name is unknown, or the chains are not good enough; nothing is written then.
    """
    cases = [case(run) for run in runs(name, settings)]
    if not cases:
        return None
    content = {
        "model": name,
        "made_by": f"python -m benchmarks.references {name}",
        "versions": {"python": platform.python_version(), **backends.versions(BACKEND)},
        "settings": settings,
        "cases": cases,
    }
    path = Path(zoo.model(name).exact.__file__).with_name(FILE)
    part = path.with_name(f".{FILE}.part")
    part.write_text(json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8")
    os.replace(part, path)
    return path


def runs(name: str, settings: dict[str, Any]) -> Iterator[Run]:
    """Yield a run for the defaults and for every other choice of an option, unless its posterior is exact."""
    options: list[dict[str, Any]] = [{}]
    options += [{o.name: c} for o in zoo.model(name).card.options for c in o.choices if c != o.default]
    for given in options:
        model = zoo.model(name, **given)
        bound = model.bind(model.data())
        if not any(s.kind == "latent" and not s.local for s in model.card.active_sites(bound.options)):
            raise UserError(f"model {name!r} has no global latents, so there is no posterior to refer to")
        if bound.exact.posterior(model.data(), **bound.options) is None:
            yield zoo.fit(model, **settings)


def case(run: Run) -> dict[str, Any]:
    """Check a run's chains and return its entry of the file.

    Raises:
        UserError: the chains are not good enough.
    """
    rows = [row for row in summary(run) if row["r_hat"] is not None]
    checks = {
        "max_r_hat": max(row["r_hat"] for row in rows),
        "min_ess_bulk": min(row["ess_bulk"] for row in rows),
        "min_ess_tail": min(row["ess_tail"] for row in rows),
        "diverging": float(np.mean(run.sample_stats["diverging"])) if "diverging" in run.sample_stats else 0.0,
    }
    good = checks["max_r_hat"] < MAX_R_HAT and checks["diverging"] <= MAX_DIVERGING
    if not good or min(checks["min_ess_bulk"], checks["min_ess_tail"]) < MIN_ESS:
        raise UserError(f"the chains of {run.model.name!r} are no reference: {checks}; run longer ones")
    chains, draws = next(iter(run.relabelled.values())).shape[:2]
    return {
        "options": plain(run.model.options),
        "data_hash": array_hash(run.data),
        "method": f"NUTS, {chains} chains of {draws} draws",
        "checks": {word: _rounded(value) for word, value in checks.items()},
        "posterior": {site: moments(np.asarray(v, dtype=np.float64)) for site, v in run.relabelled.items()},
    }


def moments(values: np.ndarray) -> dict[str, Any]:
    """Return mean and sd with their Monte Carlo standard errors.

    Args:
        values: (chain, draw, *shape).

    Returns:
        Word to nested lists of the site's shape; an entry that does not vary has sd and errors 0.
    """
    sd = values.std(axis=(0, 1), ddof=1)
    errors = {word: np.zeros(values.shape[2:]) for word in ("mean", "sd")}
    for index in np.ndindex(*values.shape[2:]):
        if sd[index] > 0:
            scalar = values[(slice(None), slice(None), *index)]
            for word, error in errors.items():
                error[index] = arviz().mcse(scalar, method=word)
    found = {"mean": values.mean(axis=(0, 1)), "sd": sd} | {f"mcse_{w}": e for w, e in errors.items()}
    return {word: _rounded(value) for word, value in found.items()}


def _rounded(value: np.ndarray | float) -> Any:
    """Keep the digits that mean something, as JSON has them."""
    return np.vectorize(lambda v: float(f"{v:.{_DIGITS}g}"))(value).tolist()


if __name__ == "__main__":
    try:
        for word in sys.argv[1:] or [""]:
            print(main(word) or f"{word}: every posterior is exact, no reference is needed")
    except UserError as error:
        sys.exit(str(error))
