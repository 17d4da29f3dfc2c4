"""Where learning starts: at the columns' means, with a random plane of the columns' size."""

from collections.abc import Mapping

import numpy as np

from guides.start import Start


def start(data: Mapping[str, np.ndarray], rng: np.random.Generator, *, latent: int = 2, D: int = 4) -> dict[str, Start]:
    """Start with half of each column's variance in a random plane, and the noise at half of the mean variance.

    A unit of v is a column's sd for weight and loc, and a factor e for scale.

    Args:
        data: {"x": rows, shape (n, D)}.
        rng: draws the plane, so that seeds differ.
        latent, D: the model's options.

    Returns:
        A Start for "weight" (D, latent), "loc" (D,), "scale" (), and for one row's "z" (latent,).
    """
    x = data["x"]
    spread = np.where(x.std(0) > 0, x.std(0), 1.0)
    direction = rng.standard_normal((x.shape[1], latent))
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    return {
        "weight": Start(np.sqrt(0.5) * spread[:, None] * direction, np.tile(spread[:, None], latent)),
        "loc": Start(x.mean(0), spread),
        "scale": Start(np.sqrt(0.5 * (spread**2).mean())),
        "z": Start(np.zeros(latent), 1.0),
    }
