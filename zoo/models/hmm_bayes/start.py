"""Where learning starts: clusters of steps that look alike, shrunk towards the priors."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from guides.start import Start
from zoo.errors import UserError
from zoo.models.hmm.exact import Options as Chain
from zoo.models.hmm.start import clusters, transitions
from zoo.models.hmm_bayes.exact import Options

# Typical error of the clusters' moments, in logarithms, logits and sds of a state, for any number of steps: clusters
# ignore the order of the steps.
CLUSTER_ERROR = 0.1


def start(data: Mapping[str, np.ndarray], rng: np.random.Generator, **options: Any) -> dict[str, Start]:
    """Start at the moments of k-means cells of the steps; a unit is the posterior's sd or the cells' error.

    Args:
        data: {"x": series (n, T, D)}.
        rng: draws the length of the stretches, the centres, and how likely states stay, so that restarts differ.
        options: the model's.

    Returns:
        A Start for "initial" (K,), "transition" (K, K), and "rate" (K, D), or "loc" and "scale" (K, D), or "probs"
        (K, D, V).

    Raises:
        UserError: there are fewer steps than states, what is observed does not fit the emission, or a column of
            Gaussians does not vary, so that the posterior is improper.
    """
    o, x = Options(**options), data["x"]
    cells = clusters("hmm_bayes", x, rng, Chain(**{**o.chain, "floor": 0.0}))
    occupied, move = cells.member.sum(1)[:, None], transitions(o.K, rng)
    found = {
        "initial": Start(np.ones(o.K) / o.K, unit(np.full(o.K - 1, len(x) / o.K + o.alpha))),
        "transition": Start(move, unit(occupied * move[:, :-1] + o.alpha)),
    }
    if o.emission == "poisson":
        # Unconstrained, a rate is its logarithm, whose sd is that of the rate over the rate.
        shape = o.a0 + cells.member @ cells.x
        rate = shape / (o.a0 / np.broadcast_to(o.center, o.D) + cells.count)
        return found | {"rate": Start(rate, unit(shape))}
    if o.emission == "gaussian":
        still = np.flatnonzero(cells.spread == 0)
        if len(still):
            raise UserError(
                f"hmm_bayes: column {still[0]} (from 0) of x does not vary, so that the posterior of its scale is "
                "improper; drop the column"
            )
        scale, spread = np.sqrt(cells.variance), unit(cells.count + 1)
        return found | {"loc": Start(cells.mean, scale * spread), "scale": Start(scale, spread)}
    tallies = cells.tallies(o.V) + o.eta
    return found | {"probs": Start(tallies / tallies.sum(-1, keepdims=True), unit(tallies[..., :-1]))}


def unit(counts: np.ndarray) -> np.ndarray:
    """Return the typical distance of the start from the posterior mean, given how many steps each number rests on."""
    return np.hypot(counts**-0.5, CLUSTER_ERROR)
