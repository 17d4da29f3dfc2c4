"""Where learning starts: clusters of the rows, the largest first; how many, a draw decides."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from guides.start import Start
from zoo.models.dp_mixture.exact import Options
from zoo.models.seeding import kmeans, memberships, standardised, subsample


def start(data: Mapping[str, np.ndarray], rng: np.random.Generator, **options: Any) -> dict[str, Start]:
    """Start at the conjugate posterior means given k-means labels; pieces without rows start at a draw of the prior.

    Args:
        data: {"x": rows, shape (n, D)}.
        rng: draws the number of clusters, 1 … K, and their centres, so that restarts differ.
        options: the model's.

    Returns:
        A Start for "sticks", "variance" and "loc", with the posterior's sd given the labels as the unit of a step.
    """
    o, x = Options(**options), subsample(data["x"], rng)
    labels = kmeans(standardised(x), int(rng.integers(1, o.K + 1)), rng)
    # Sticks are broken largest piece first, more often than not.
    order = np.argsort(-np.bincount(labels, minlength=o.K), kind="stable")
    # Every row looked at stands for as many as it was drawn from.
    member = memberships(labels, o.K)[order] * (len(data["x"]) / len(x))
    count = member.sum(1)[:, None]
    center, spread = np.broadcast_to(o.center, x.shape[1]), np.broadcast_to(o.spread, x.shape[1])
    shape = o.a0 + count / 2
    mean = (member @ x) / np.maximum(count, 1)
    squares = np.stack([rows @ (x - m) ** 2 for rows, m in zip(member, mean, strict=True)])
    off = o.kappa0 * count / (o.kappa0 + count) * (mean - center) ** 2
    variance = (o.b0 * spread**2 + 0.5 * squares + 0.5 * off) / shape
    sd = np.sqrt(variance / (count + o.kappa0))
    loc = (o.kappa0 * center + count * mean) / (o.kappa0 + count)
    loc = np.where(count > 0, loc, center + sd * rng.standard_normal(loc.shape))
    taken, left = 1.0 + count[:-1, 0], o.alpha + count[::-1, 0].cumsum()[::-1][1:]
    return {
        "sticks": Start(taken / (taken + left), np.sqrt(1 / taken + 1 / left)),
        "variance": Start(variance, shape**-0.5 * np.ones(x.shape[1])),
        "loc": Start(loc, sd),
    }
