"""Where learning starts: random codes, a random decoder around the data's mean, and a prior that prefers none."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from guides.nets import mlp
from guides.start import Start
from zoo.errors import UserError
from zoo.models.vqvae.options import Options

# A logit goes further than a weight does.
LOGITS = 3.0


def start(data: Mapping[str, np.ndarray], rng: np.random.Generator, **options: Any) -> dict[str, Start]:
    """Start at codes from a standard normal, as wide as what the encoder says at first.

    Means begin at the columns' means and the noise at the columns' sd, or log-odds at the columns' shares of ones. A
    unit of v is a unit of a weight, and the data's sd for what puts out means, so that x may come in any unit (as far
    as the floor, which has x's unit, suits it).

    Args:
        data: {"x": rows, shape (n, D)}.
        rng: draws codes and weights, so that seeds differ.
        options: the model's.

    Returns:
        A Start for every parameter.

    Raises:
        UserError: an option has no meaning beside another, or rows are not 0 and 1 under "bernoulli".
    """
    o, x = Options(**options), data["x"]
    values = mlp.initial("decoder", o.sizes, int(rng.integers(2**31)))
    weight, bias = (f"decoder.layer{o.depth}.{part}" for part in ("weight", "bias"))
    unit = np.ones(o.D)
    if o.likelihood == "bernoulli":
        if o.noise != "learnt":
            raise UserError("vqvae: noise='fixed' has no meaning with likelihood='bernoulli'; leave it out")
        if not np.isin(x, (0, 1)).all():
            raise UserError(
                "vqvae: likelihood='bernoulli' is for rows of 0 and 1, and x has other values; use data "
                "'digits_binary', x >= 0.5, or likelihood='gaussian'"
            )
        share = (x.sum(0) + 0.5) / (len(x) + 1)
        values[bias] = np.log(share / (1 - share))
    else:
        unit *= float(x.std(0).mean()) or 1.0
        values[weight] *= unit[:, None]
        values[bias] = x.mean(0)
    spread = {weight: unit[:, None] * np.ones_like(values[weight]), bias: unit}
    starts = {name: Start(value, spread.get(name, 1.0)) for name, value in values.items()}
    starts["codebook"] = Start(rng.standard_normal((o.K, o.code_size)))
    if o.learns_noise:
        starts["noise"] = Start(max(float(unit[0]), o.floor))
    if o.prior != "uniform":
        starts["prior.bias"] = Start(np.zeros((o.positions, o.K)), LOGITS)
    if o.prior == "autoregressive":
        starts["prior.inner"] = Start(np.zeros(o.units))
        starts["prior.into"] = Start(rng.standard_normal((o.positions, o.K, o.units)) / np.sqrt(o.positions))
        starts["prior.out"] = Start(np.zeros((o.positions, o.units, o.K)))
    return starts
