"""The images of `vae`, and rows of known codes."""

from typing import Any

import numpy as np

from guides.families import generator
from guides.nets import mlp
from zoo.errors import unknown
from zoo.models.vae import data as images
from zoo.models.vae.data import NAMES, is_idx, labels
from zoo.models.vqvae import exact
from zoo.models.vqvae.options import Options

__all__ = ["NAMES", "is_idx", "labels", "load", "simulate", "true_values", "truth"]

NOISE = 0.1  # of the true rows, beside the floor


def load(name: str = "digits") -> dict[str, np.ndarray]:
    """Load a named data set, or an IDX file of images; see `vae`.

    Args:
        name: "digits" (1797 × 64, grey values 0 … 1), "digits_binary" (the same, 0 or 1), "mnist" (5000 × 784), or a
            path such as "train-images-idx3-ubyte.gz".

    Returns:
        {"x": images by row, shape (n, D)}.

    Raises:
        UserError: the name is unknown, the file unreadable, or the package that carries MNIST not installed.
    """
    if not is_idx(name) and name not in NAMES:
        raise unknown("data set", name, NAMES, "model 'vqvae'; or give a file of images, …-idx3-ubyte")
    return images.load(name)


def true_values(o: Options) -> dict[str, np.ndarray]:
    """Return the parameters that simulated rows come from, the same for every seed."""

    def drawn(name: str, *shape: int) -> np.ndarray:
        return generator(0, name).standard_normal(shape)

    values = {**mlp.initial("decoder", o.sizes), "codebook": drawn("codebook", o.K, o.code_size)}
    if o.learns_noise:
        values["noise"] = np.asarray(NOISE)
    if o.prior != "uniform":
        values["prior.bias"] = drawn("prior.bias", o.positions, o.K)
    if o.prior == "autoregressive":
        values["prior.inner"] = drawn("prior.inner", o.units)
        values["prior.into"] = drawn("prior.into", o.positions, o.K, o.units)
        values["prior.out"] = drawn("prior.out", o.positions, o.units, o.K)
    return values


def codes(values: dict[str, np.ndarray], rng: np.random.Generator, size: int, o: Options) -> np.ndarray:
    """Draw codes from the prior, position after position (size, positions)."""
    z = np.zeros((size, o.positions), int)
    for j in range(o.positions):
        each, so_far = [], {**vars(o), "positions": j + 1}
        for k in range(o.K):
            z[:, j] = k
            each.append(exact.log_prior(z[:, : j + 1], values, **so_far))
        # The largest of log masses with Gumbel noise is a draw by their masses.
        z[:, j] = (np.stack(each, 1) + rng.gumbel(size=(size, o.K))).argmax(1)
    return z


def truth(seed: int, **options: Any) -> dict[str, np.ndarray]:
    """Return the parameters that `simulate` draws with, those of `true_values` for every seed."""
    return true_values(Options(**options))


def simulate(seed: int, size: int, **options: Any) -> dict[str, np.ndarray]:
    """Draw rows from the model with the parameters of `true_values`.

    Args:
        seed: of NumPy's default generator, for codes and noise.
        size: number of rows.
        options: the model's.

    Returns:
        {"x": shape (size, D)}.
    """
    o, rng = Options(**options), np.random.default_rng(seed)
    values = true_values(o)
    out = exact.means(codes(values, rng, size, o), values, **options)
    if o.likelihood == "bernoulli":
        return {"x": (np.log(1 / rng.uniform(size=out.shape) - 1) < out).astype(float)}
    return {"x": out + np.sqrt(exact.variance(values, o)) * rng.standard_normal(out.shape)}
