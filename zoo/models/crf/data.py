"""Strings of handwritten digits whose order follows a Markov chain."""

import numpy as np

from zoo.datasets import digits
from zoo.errors import unknown
from zoo.models.crf import exact

LABELS = 10
STRINGS, SHORTEST, LONGEST = 300, 4, 12
SEEDS = {"strings": 1, "strings_test": 2}
NEXT, ANY = 0.6, 0.04  # probability that the next digit follows, and of every digit in any case
NOISE = 4.0  # standard deviation of the noise on a pixel, 0 … 16
BLOCK = 2  # pixels along each side of the blocks that are averaged
CENTRE, UNIT = 5.0, 5.0  # of a block's mean, in points of a pixel; the mean over all images is 4.88


def load(name: str = "strings") -> dict[str, np.ndarray]:
    """Load 300 strings of 4 to 12 digits; the two sets are made of different images.

    Args:
        name: "strings" or "strings_test".

    Returns:
        {"x": means of 2 × 2 pixels with noise, (block − 5) / 5, shape (300, 12, 16), NaN past a string's end,
        "y": the digits, shape (300, 12), 0 past the end}.

    Raises:
        UserError: the name is unknown.

    >>> data = load()
    >>> data["x"].shape, data["y"][0].astype(int).tolist()
    ((300, 12, 16), [0, 1, 2, 3, 4, 5, 6, 7, 0, 0, 0, 0])
    """
    if name not in SEEDS:
        raise unknown("data set", name, SEEDS, "models 'crf' and 'crf_bayes'")
    rng = np.random.default_rng(SEEDS[name])
    images, shown = digits.counts(), digits.classes()
    # Every third image is for the test's strings, so that no image is in both.
    kept = np.flatnonzero((np.arange(len(shown)) % 3 == 2) == (name == "strings_test"))
    length = rng.integers(SHORTEST, LONGEST + 1, STRINGS)
    there = np.arange(LONGEST) < length[:, None]
    y = walk(rng, STRINGS, LONGEST)
    pools = [kept[shown[kept] == label] for label in range(LABELS)]
    place = rng.random(y.shape)
    chosen = np.stack([pools[label][(place[at] * len(pools[label])).astype(int)] for at, label in np.ndenumerate(y)])
    noisy = images[chosen] + NOISE * rng.standard_normal((y.size, images.shape[1]))
    x = (blocks(noisy) - CENTRE) / UNIT
    return {"x": np.where(there[..., None], x.reshape(*y.shape, -1), np.nan), "y": np.where(there, y, 0).astype(float)}


def transition() -> np.ndarray:
    """Return the chain's probabilities of the column's digit after the row's (10, 10)."""
    return ANY + NEXT * np.roll(np.eye(LABELS), 1, axis=1)


def walk(rng: np.random.Generator, count: int, steps: int) -> np.ndarray:
    """Draw paths of the chain, from any digit on (count, steps); every step is a fresh digit or the next one."""
    y = rng.integers(0, LABELS, (count, steps))
    follows = rng.random((count, steps)) < NEXT
    for t in range(1, steps):
        y[:, t] = np.where(follows[:, t], (y[:, t - 1] + 1) % LABELS, y[:, t])
    return y


def blocks(images: np.ndarray) -> np.ndarray:
    """Return the means of blocks of 2 × 2 pixels, from images (n, 64) to (n, 16)."""
    side = 8 // BLOCK
    return images.reshape(-1, side, BLOCK, side, BLOCK).mean((2, 4)).reshape(-1, side * side)


def true_values(K: int = LABELS, D: int = 16) -> dict[str, np.ndarray]:
    """Return the parameters that `simulate` draws with."""
    label, feature = np.arange(K), np.arange(D)
    return {
        "weights": 1.5 * np.cos(1.0 + 2 * np.pi * np.outer(feature + 1, label) / K),
        "bias": 0.3 * np.sin(label),
        "transition": 1.5 * np.roll(np.eye(K), 1, axis=1),
    }


def truth(seed: int, **options: int) -> dict[str, np.ndarray]:
    """Return the parameters that `simulate` draws with, those of `true_values` for every seed."""
    return true_values(**options)


def simulate(seed: int, size: int, *, K: int = LABELS, D: int = 16) -> dict[str, np.ndarray]:
    """Draw strings of 1 to 6 steps with standard normal features, and their labels by `true_values`.

    Args:
        seed: of NumPy's default generator.
        size: number of strings.
        K, D: the model's options.

    Returns:
        {"x": features, shape (size, 6, D), NaN past the end, "y": labels, shape (size, 6), 0 past the end}.
    """
    rng = np.random.default_rng(seed)
    x = features(rng, size, D)
    return {"x": x, "y": exact.draw(x, true_values(K, D), rng).astype(float)}


def features(rng: np.random.Generator, size: int, D: int, steps: int = 6) -> np.ndarray:
    """Draw standard normal features of strings of 1 to 6 steps, the first of 6 (size, 6, D); NaN past the end."""
    length = np.append(steps, rng.integers(1, steps + 1, size - 1))
    there = np.arange(steps) < length[:, None]
    return np.where(there[..., None], rng.standard_normal((size, steps, D)), np.nan)
