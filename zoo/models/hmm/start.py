"""Where learning starts: clusters of steps that look alike, each a state, and states that mostly stay."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from guides.start import Start
from zoo.errors import UserError
from zoo.models.gmm.start import column_scale
from zoo.models.gmm_bayes.start import kmeans_labels
from zoo.models.hmm.exact import Options

STAYS = 0.8


def start(data: Mapping[str, np.ndarray], rng: np.random.Generator, **options: Any) -> dict[str, Start]:
    """Start at the moments of k-means cells of the steps.

    Args:
        data: {"x": series (n, T, D)}.
        rng: draws the centres, so that restarts differ.
        options: the model's.

    Returns:
        A Start for "initial" (K,), "transition" (K, K), and "rate" (K, D), or "loc" and "scale" (K, D), or "probs"
        (K, D, V).

    Raises:
        UserError: there are fewer steps than states, or what is observed does not fit the emission.
    """
    o = Options(**options)
    cells, total = clusters("hmm", data["x"], rng, o)
    count = cells.sum(1)[:, None]
    mean = cells @ total / count
    found = {
        "initial": Start(np.ones(o.K) / o.K),
        "transition": Start(STAYS * np.eye(o.K) + (1 - STAYS) * np.ones((o.K, o.K)) / o.K),
    }
    if o.emission == "poisson":
        return found | {"rate": Start(np.maximum(mean, 0.1))}
    if o.emission == "gaussian":
        scale = np.tile(column_scale(total), (o.K, 1))
        return found | {"loc": Start(mean, scale), "scale": Start(scale / o.K)}
    hits = (total[..., None] == np.arange(o.V)).astype(float)
    shares = (np.einsum("kn,ndv->kdv", cells, hits) + 1.0) / (count + o.V)[..., None]
    return found | {"probs": Start(shares)}


def clusters(model: str, x: np.ndarray, rng: np.random.Generator, o: Options) -> tuple[np.ndarray, np.ndarray]:
    """Return which steps belong to which state (K, N), and the N steps that were seen whole (N, D).

    Raises:
        UserError: as `start`.
    """
    seen = x[~np.isnan(x)]
    if o.emission != "gaussian" and not ((seen >= 0) & (seen == np.round(seen))).all():
        what = "counts" if o.emission == "poisson" else "categories 0, 1, …"
        raise UserError(f"{model}: emission={o.emission!r} takes {what}, and x has other numbers; take 'gaussian'")
    if o.emission == "categorical" and not (seen < o.V).all():
        raise UserError(
            f"{model}: x has category {int(seen.max())}, and V={o.V} says that there are fewer; leave V out"
        )
    whole = x[~np.isnan(x).any(-1)]
    if len(whole) < o.K:
        raise UserError(
            f"{model}: K={o.K} states need at least {o.K} steps seen whole, and x has {len(whole)}; lower K"
        )
    labels = kmeans_labels(whole, o.K, rng)
    cells = (labels == np.arange(o.K)[:, None]).astype(float)
    # Every state owns a little of every step: none is without any, and equal ones are told apart by a draw.
    return cells + 0.01 * (1 + rng.random(cells.shape)), whole
