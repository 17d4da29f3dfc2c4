"""Where learning starts: weak random causes around the columns' shares of ones."""

from collections.abc import Mapping

import numpy as np

from guides.start import Start
from zoo.errors import UserError

# Sd of the log-odds that the causes bring about, to begin with.
STRENGTH = 0.5


def start(
    data: Mapping[str, np.ndarray], rng: np.random.Generator, *, latent: int = 100, D: int = 64
) -> dict[str, Start]:
    """Start at weights that move the log-odds by about a half, and at biases that give the shares of ones.

    Half of the causes are on, so that biases make up for half of the weights.

    Args:
        data: {"x": rows, shape (n, D), 0 or 1}.
        rng: draws the weights: causes that begin alike would stay alike.
        latent, D: the model's options.

    Returns:
        A Start for "weight" (D, latent) and "bias" (D,).

    Raises:
        UserError: x has values other than 0 and 1.
    """
    x = data["x"]
    if not np.isin(x, (0, 1)).all():
        raise UserError("binary_latent: x has values other than 0 and 1; give x >= a threshold")
    share = (x.sum(0) + 0.5) / (len(x) + 1)
    weight = 2 * STRENGTH / latent**0.5 * rng.standard_normal((D, latent))
    return {"weight": Start(weight), "bias": Start(np.log(share / (1 - share)) - weight.sum(1) / 2)}
