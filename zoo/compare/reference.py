"""What a posterior's moments should be, and how far a run's are from it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from zoo import labels
from zoo.card import Card
from zoo.storage import array_hash

if TYPE_CHECKING:
    from zoo.run import Run

FILE = "reference.json"


@dataclass(frozen=True)
class Reference:
    """Moments to hold a run against.

    Args:
        moments: site to {"mean": …, "sd": …}, each of the site's shape.
        source: where they come from, in words.
    """

    moments: Mapping[str, Mapping[str, np.ndarray]]
    source: str


def find(model: Any, data: Mapping[str, np.ndarray]) -> Reference | None:
    """Return the exact moments, else the stored ones for these very data and options, else None.

    Args:
        model: bound to the data.
        data: arrays by name.
    """
    exact = model.exact.posterior(data, **model.options)
    if exact is not None:
        return Reference(exact, "exact")
    path = Path(model.exact.__file__).with_name(FILE)
    if not path.is_file():
        return None
    wanted = array_hash(data), plain(model.options)
    for case in json.loads(path.read_text(encoding="utf-8"))["cases"]:
        if (case["data_hash"], case["options"]) == wanted:
            moments = {
                site: {word: np.asarray(values[word], dtype=np.float64) for word in ("mean", "sd")}
                for site, values in case["posterior"].items()
            }
            return Reference(moments, f"{FILE}: {case['method']}")
    return None


def deviations(run: Run, reference: Reference) -> tuple[float, float]:
    """Return the worst error of a posterior mean and of a posterior sd, in reference posterior sds.

    Both are the largest over all scalars; components are matched to the reference's first. The run's moments
    are those of its draws, so that S independent draws leave an error near 1 / √S.
    """
    draws = {name: np.asarray(run.relabelled[name], dtype=np.float64) for name in reference.moments}
    pooled = {name: values.reshape(-1, *values.shape[2:]) for name, values in draws.items()}
    moments = {
        "mean": {name: values.mean(axis=0) for name, values in pooled.items()},
        "sd": {name: values.std(axis=0, ddof=1) for name, values in pooled.items()},
    }
    order = _matching(run.model.card, moments["mean"], reference)
    worst = {"mean": 0.0, "sd": 0.0}
    for word, ours in moments.items():
        aligned = ours if order is None else _permuted(run.model.card, ours, order)
        for name, theirs in reference.moments.items():
            unit = np.asarray(theirs["sd"], dtype=np.float64)
            use = np.isfinite(unit) & (unit > 0)
            errors = np.abs(aligned[name] - theirs[word])[use] / unit[use]
            worst[word] = max(worst[word], float(errors.max(initial=0.0)))
    return worst["mean"], worst["sd"]


def plain(values: Any) -> Any:
    """Return options as JSON keeps them: tuples and arrays are lists.

    >>> plain({"center": (1.0, 2.0), "K": np.int64(2)})
    {'center': [1.0, 2.0], 'K': 2}
    """
    return json.loads(json.dumps(dict(values), default=lambda v: np.asarray(v).tolist()))


def _matching(card: Card, means: Mapping[str, np.ndarray], reference: Reference) -> np.ndarray | None:
    """Return the permutation (K,) that brings the run's components to the reference's."""
    site = next((name for name in card.label_sites if name in reference.moments), None)
    if site is None:
        return None
    axis = _dims(card)[site].index(card.exchangeable)
    ours, theirs, unit = (
        np.moveaxis(np.asarray(v), axis, 0).reshape(np.shape(v)[axis], -1)
        for v in (means[site], reference.moments[site]["mean"], reference.moments[site]["sd"])
    )
    return labels.match(ours, theirs, scale=unit.mean(axis=0))


def _permuted(card: Card, values: Mapping[str, np.ndarray], order: np.ndarray) -> dict[str, np.ndarray]:
    one = {name: value[None, None] for name, value in values.items()}
    moved = labels.permute(one, _dims(card), card.exchangeable, order[None, None])
    return {name: value[0, 0] for name, value in moved.items()}


def _dims(card: Card) -> dict[str, tuple[str, ...]]:
    return {site.name: site.shape for site in card.sites}
