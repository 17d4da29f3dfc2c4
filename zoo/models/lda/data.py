"""The stories' counts of `sentence`, and documents of known topics."""

import numpy as np

from zoo.errors import unknown
from zoo.models.sentence import data as sentences
from zoo.models.sentence.data import NAMES, true_topics, words

__all__ = ["load", "simulate", "true_topics", "truth", "words"]


def load(name: str = "reuters") -> dict[str, np.ndarray]:
    """Load a named data set.

    Args:
        name: "reuters" (395 stories by 120 words).

    Returns:
        {"x": how often each word comes up, shape (n, V)}.

    Raises:
        UserError: the name is unknown.
    """
    if name not in NAMES:
        raise unknown("data set", name, NAMES, "model 'lda'")
    return sentences.load(name)


def truth(
    seed: int, *, K: int = 10, V: int = 120, alpha: float = 0.2, estimate: str = "nothing", **options: float
) -> dict[str, np.ndarray]:
    """Return what `simulate` draws with, the same for every seed.

    Args:
        seed: plays no part.
        K, V, alpha, estimate: the model's options; the others play no part.

    Returns:
        "topics" (K, V), and "concentration" (), alpha, if it is learnt.
    """
    learnt = {"concentration": np.asarray(alpha)} if estimate == "alpha" else {}
    return {**learnt, "topics": true_topics(K, V)}


def simulate(
    seed: int,
    size: int,
    *,
    K: int = 10,
    V: int = 120,
    alpha: float = 0.2,
    eta: float = 0.2,
    estimate: str = "nothing",
    length: int = 40,
) -> dict[str, np.ndarray]:
    """Draw documents of `length` words, each with its own shares of `true_topics`.

    Args:
        seed: of NumPy's default generator.
        size: number of documents.
        K, V, alpha, length: the model's options; eta and estimate play no part.

    Returns:
        {"x": counts, shape (size, V)}.
    """
    rng = np.random.default_rng(seed)
    shares = rng.dirichlet(np.full(K, alpha), size)
    return {"x": rng.multinomial(length, shares @ true_topics(K, V)).astype(float)}
