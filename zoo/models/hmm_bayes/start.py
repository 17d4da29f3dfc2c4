"""Where learning starts: clusters of steps that look alike, shrunk towards the priors."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from guides.start import Start
from zoo.models.gmm.start import column_scale
from zoo.models.hmm.exact import Options as Chain
from zoo.models.hmm.start import STAYS, clusters
from zoo.models.hmm_bayes.exact import Options


def start(data: Mapping[str, np.ndarray], rng: np.random.Generator, **options: Any) -> dict[str, Start]:
    """Start at the moments of k-means cells of the steps, with about the posterior's sd as the unit of a step.

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
    o, x = Options(**options), data["x"]
    cells, total = clusters("hmm_bayes", x, rng, Chain(**{**o.chain, "floor": 1e-3}))
    count = cells.sum(1)[:, None]
    mean, unit = cells @ total / count, count**-0.5
    found = {
        "initial": Start(np.ones(o.K) / o.K, np.full(o.K - 1, (len(x) / o.K + o.alpha) ** -0.5)),
        "transition": Start(
            STAYS * np.eye(o.K) + (1 - STAYS) * np.ones((o.K, o.K)) / o.K,
            np.tile((count * (1 - STAYS) / o.K + o.alpha) ** -0.5, (1, o.K - 1)),
        ),
    }
    if o.emission == "poisson":
        # Unconstrained, a rate is its logarithm, whose sd is that of the rate over the rate.
        rate = (o.a0 + count * mean) / (o.a0 / np.broadcast_to(o.center, o.D) + count)
        return found | {"rate": Start(rate, (count * rate + o.a0) ** -0.5)}
    if o.emission == "gaussian":
        scale = np.tile(column_scale(total), (o.K, 1)) / o.K
        return found | {"loc": Start(mean, scale * unit), "scale": Start(scale, np.tile(unit, (1, o.D)))}
    hits = (total[..., None] == np.arange(o.V)).astype(float)
    tallies = np.einsum("kn,ndv->kdv", cells, hits) + o.eta
    return found | {"probs": Start(tallies / tallies.sum(-1, keepdims=True), tallies[..., :-1] ** -0.5)}
