"""When a fit looks at its losses, how fast it learns, and which rows it sees: the same in both backends."""

from __future__ import annotations

import numpy as np

from guides.families import generator

CHUNK = 200  # steps between two looks at the losses


def cosine(rate: float, steps: int) -> np.ndarray:
    """Return the learning rate of each step: from `rate` to 0 along half a cosine (steps,).

    >>> cosine(1.0, 2).tolist()
    [1.0, 0.5]
    """
    return rate * 0.5 * (1 + np.cos(np.pi * np.arange(steps) / steps))


def chunks(steps: int) -> list[tuple[int, int]]:
    """Split steps into parts of equal length where that is possible, as each length compiles anew.

    >>> chunks(400), chunks(7)
    ([(0, 200), (200, 400)], [(0, 7)])
    """
    if not steps:
        return []
    length = next((n for n in range(min(CHUNK, steps), 19, -1) if steps % n == 0), min(CHUNK, steps))
    return [(first, min(first + length, steps)) for first in range(0, steps, length)]


def epochs(rows: int, batch_size: int | None, steps: int, seed: int) -> np.ndarray | None:
    """Return each step's rows (steps, batch_size): every epoch visits the rows in a new order.

    Rows that do not fill a batch wait for the next epoch. None where a batch is all the rows.
    """
    if batch_size is None or batch_size == rows:
        return None
    rng, per_epoch = generator(seed, "rows"), rows // batch_size
    count = -(-steps // per_epoch)
    orders = [rng.permutation(rows)[: per_epoch * batch_size] for _ in range(count)]
    return np.concatenate(orders).reshape(-1, batch_size)[:steps].astype(np.int32)
