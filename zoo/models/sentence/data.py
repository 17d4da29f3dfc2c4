"""Counts of words in news stories, and sentences of known topics."""

from importlib import resources

import numpy as np

from zoo.datasets import read
from zoo.errors import unknown

NAMES = ("reuters",)
# Of the topics that simulated sentences come from: few words make a topic.
TRUE_ETA = 0.1
TOPIC_SEED = 0


def load(name: str = "reuters") -> dict[str, np.ndarray]:
    """Load a named data set.

    Args:
        name: "reuters" (395 stories by 120 words).

    Returns:
        {"x": how often each word comes up, shape (n, V)}.

    Raises:
        UserError: the name is unknown.

    >>> load()["x"].shape, int(load()["x"].sum())
    ((395, 120), 15794)
    """
    if name not in NAMES:
        raise unknown("data set", name, NAMES, "model 'sentence'")
    return {"x": read(name)}


def words(name: str = "reuters") -> list[str]:
    """Return the words that the columns of a data set count.

    Raises:
        UserError: the name is unknown.

    >>> words()[:4]
    ['church', 'pope', 'years', 'people']
    """
    if name not in NAMES:
        raise unknown("data set", name, NAMES, "model 'sentence'")
    text = resources.files("zoo.datasets").joinpath(f"{name}.csv").read_text(encoding="utf-8")
    return text.partition("\n")[0].split(",")


def true_topics(K: int, V: int) -> np.ndarray:
    """Return the topics that simulated sentences come from, the same for every seed (K, V)."""
    return np.random.default_rng(TOPIC_SEED).dirichlet(np.full(V, TRUE_ETA), K)


def truth(seed: int, *, K: int = 5, V: int = 120, **options: float) -> dict[str, np.ndarray]:
    """Return the global latents that `simulate` draws with, the same for every seed.

    Args:
        seed: plays no part.
        K, V: the model's options; the others play no part.

    Returns:
        "weights" (K,), as 1 to K, and "topics" (K, V).
    """
    shares = np.arange(1.0, K + 1)
    return {"weights": shares / shares.sum(), "topics": true_topics(K, V)}


def simulate(
    seed: int, size: int, *, K: int = 5, V: int = 120, alpha: float = 1.0, eta: float = 0.5, length: int = 40
) -> dict[str, np.ndarray]:
    """Draw sentences of `length` words from `true_topics`, whose shares are as 1 to K.

    Args:
        seed: of NumPy's default generator.
        size: number of sentences.
        K, V, length: the model's options; the priors' numbers play no part.

    Returns:
        {"x": counts, shape (size, V)}.
    """
    rng = np.random.default_rng(seed)
    true = truth(seed, K=K, V=V)
    z = rng.choice(K, size, p=true["weights"])
    return {"x": rng.multinomial(length, true["topics"][z]).astype(float)}
