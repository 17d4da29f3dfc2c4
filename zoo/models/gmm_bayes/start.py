"""Where learning starts: k-means labels, shrunk towards the prior; a step is of the posterior's scale."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from guides.start import Start
from zoo.errors import UserError
from zoo.models.gmm_bayes.exact import Options
from zoo.models.seeding import kmeans, memberships, standardised, subsample


def start(data: Mapping[str, np.ndarray], rng: np.random.Generator, **options: Any) -> dict[str, Start]:
    """Start at the conjugate posterior means given k-means labels, with its sd as the unit of a step.

    Args:
        data: {"x": rows, shape (n, D)}.
        rng: draws the centres, so that restarts differ.
        options: the model's.

    Returns:
        A Start for "weights", "loc" and "variance", or "weights", "loc", "scale" and "corr".

    Raises:
        UserError: full covariances are asked for one column, where there is nothing to correlate.
    """
    o, x = Options(**options), subsample(data["x"], rng)
    n, features = data["x"].shape
    if o.covariance == "full" and features == 1:
        raise UserError("gmm_bayes: covariance='full' needs at least 2 columns, and x has 1; use covariance='diagonal'")
    # Every row looked at stands for as many as it was drawn from.
    member = memberships(kmeans(standardised(x), o.K, rng), o.K) * (n / len(x))
    count = member.sum(1)[:, None]
    center, spread = np.broadcast_to(o.center, features), np.broadcast_to(o.spread, features)
    prior_variance = o.b0 * spread**2 if o.covariance == "diagonal" else (0.5 * spread) ** 2
    shape = o.a0 + count / 2
    loc = (o.kappa0 * center + member @ x) / (o.kappa0 + count)
    # Components without rows would all start at the prior's mean: their tie is broken by a draw.
    loc = np.where(count > 0, loc, center + spread * rng.standard_normal(loc.shape))
    squares = np.stack([rows @ (x - m) ** 2 for rows, m in zip(member, loc, strict=True)])
    variance = (prior_variance + 0.5 * squares) / shape
    share = (count[:, 0] + o.alpha) / (n + o.K * o.alpha)
    starts = {
        "weights": Start(share, 1 / np.sqrt(count[:-1, 0] + o.alpha)),
        "loc": Start(loc, np.sqrt(variance / (count + o.kappa0))),
    }
    if o.covariance == "diagonal":
        return starts | {"variance": Start(variance, shape**-0.5 * np.ones(features))}
    pairs = features * (features - 1) // 2
    corr = np.tile(np.eye(features), (o.K, 1, 1))
    return starts | {
        "scale": Start(np.sqrt(variance), 0.5 * shape**-0.5 * np.ones(features)),
        "corr": Start(corr, np.tile((count + 2.0) ** -0.5, (1, pairs))),
    }
