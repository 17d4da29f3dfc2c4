"""Where learning starts: a random decoder whose outputs have the data's mean and scale, and codes at 0."""

from collections.abc import Mapping

import numpy as np

from guides.nets import mlp
from guides.start import Start
from zoo.errors import UserError
from zoo.models.vae.layers import sizes

# Of the factor's first weights, beside the identity: small, yet at 0 it would stay 0, which is a saddle.
FACTOR = 0.1


def inverse_softplus(y: np.ndarray) -> np.ndarray:
    """Return a with log(1 + exp(a)) = y, elementwise, for y > 0."""
    return y + np.log(-np.expm1(-y))


def start(
    data: Mapping[str, np.ndarray],
    rng: np.random.Generator,
    *,
    latent: int = 8,
    hidden: int = 128,
    depth: int = 1,
    activation: str = "relu",
    likelihood: str = "gaussian",
    covariance: str = "diagonal",
    rank: int = 2,
    floor: float = 0.05,
    D: int = 64,
) -> dict[str, Start]:
    """Start at a decoder that ignores nothing and knows nothing.

    Means begin at the columns' means and sds at the columns' sds, or log-odds at the columns' shares of ones;
    what the code adds to them is random. A unit of v is a unit of a weight, and the data's sd for what puts
    out means, so that x may come in any unit (as far as the floor, which has x's unit, suits it).

    Args:
        data: {"x": rows, shape (n, D)}.
        rng: draws the seed of the weights, so that restarts differ.
        latent, hidden, depth, activation, likelihood, covariance, rank, floor, D: the model's options.

    Returns:
        A Start for every parameter of the decoder, and for "z": that of one row, (latent,).

    Raises:
        UserError: an option has no meaning beside another, or rows are not 0 and 1 under "bernoulli".
    """
    x = data["x"]
    shape = sizes(latent, hidden, depth, likelihood, covariance, rank, D)
    values = mlp.initial("decoder", shape, int(rng.integers(2**31)))
    weight, bias = (f"decoder.layer{depth}.{part}" for part in ("weight", "bias"))
    unit = np.ones(len(values[bias]))
    if likelihood == "bernoulli":
        if covariance != "diagonal":
            raise UserError("vae: covariance='low_rank' has no meaning with likelihood='bernoulli'; leave one out")
        if not np.isin(x, (0, 1)).all():
            raise UserError(
                "vae: likelihood='bernoulli' is for rows of 0 and 1, and x has other values; use data "
                "'digits_binary', x >= 0.5, or likelihood='gaussian'"
            )
        share = (x.sum(0) + 0.5) / (len(x) + 1)
        values[bias] = np.log(share / (1 - share))
    else:
        pooled = float(x.std(0).mean()) or 1.0
        unit[:D] = pooled
        values[weight] *= unit[:, None]
        values[weight][2 * D :] *= FACTOR
        values[bias][:D] = x.mean(0)
        # A column that does not vary begins at the floor.
        values[bias][D : 2 * D] = inverse_softplus(np.maximum(x.std(0), floor))
    spread = {weight: unit[:, None] * np.ones_like(values[weight]), bias: unit}
    starts = {name: Start(value, spread.get(name, 1.0)) for name, value in values.items()}
    return {**starts, "z": Start(np.zeros(latent))}
