"""How long a fit learns, how fast, and which rows it sees: the same in both backends."""

from __future__ import annotations

import numpy as np

from guides.families import generator

CHUNK = 200  # steps between two looks at the losses
AUTO = "auto"  # the number of steps that is found while learning

# Up to so many rows per step takes all of them; of more it takes a batch, whose cost does not grow with the data.
ALL_ROWS, BATCH = 2_000, 1_000


def cosine(rate: float, steps: int) -> np.ndarray:
    """Return the learning rate of each step: from `rate` to 0 along half a cosine (steps,).

    >>> cosine(1.0, 2).tolist()
    [1.0, 0.5]
    """
    return rate * 0.5 * (1 + np.cos(np.pi * np.arange(steps) / steps))


def rounds(num_steps: int) -> tuple[int, ...]:
    """Return the lengths of the rounds of `num_steps="auto"`: each but the first is as long as all before it.

    Args:
        num_steps: of the card; the first two rounds have as many together, all four together have four times as many.

    >>> rounds(3000)
    (1500, 1500, 3000, 6000)
    """
    first = -(-num_steps // 2)
    return first, first, 2 * first, 4 * first


def chunk_length(steps: int) -> int:
    """Return how many steps are taken between two looks: a divisor of `steps` if there is one, as lengths compile anew.

    >>> chunk_length(400), chunk_length(7), chunk_length(1500)
    (200, 7, 150)
    """
    return next((n for n in range(min(CHUNK, steps), 19, -1) if steps % n == 0), min(CHUNK, steps))


def default_batch(rows: int) -> int | None:
    """Return the rows per step if neither the user nor the card says: None for all of them.

    >>> default_batch(2_000), default_batch(100_000)
    (None, 1000)
    """
    return None if rows <= ALL_ROWS else BATCH


def subsample(rows: int, seed: int) -> np.ndarray | None:
    """Return the rows by which starts are compared: None for all of them, if they are few."""
    if rows <= ALL_ROWS:
        return None
    return np.sort(generator(seed, "subsample").choice(rows, ALL_ROWS, replace=False)).astype(np.int32)


def epochs(rows: int, batch_size: int | None, steps: int, seed: int) -> np.ndarray | None:
    """Return each step's rows (steps, batch_size): every epoch visits the rows in a new order.

    Rows that do not fill a batch wait for the next epoch. More steps go on where fewer ended. None if a batch is all
    the rows.
    """
    if batch_size is None or batch_size == rows:
        return None
    rng, per_epoch = generator(seed, "rows"), rows // batch_size
    count = -(-steps // per_epoch)
    orders = [rng.permutation(rows)[: per_epoch * batch_size].astype(np.int32) for _ in range(count)]
    return np.concatenate(orders).reshape(-1, batch_size)[:steps]
