"""Row-wise Adam over a table (m, 3 k + 1) that holds φ, its two moments and a row's count of steps side by side.

Only the rows of a batch are read, moved and written back, and each counts its own steps: a dense Adam would move
rows that were not visited, by their momentum.
"""

import torch

from guides.optim import adam

Array = torch.Tensor


def gather(table: Array, rows: Array | None) -> Array:
    """Return the lines of these rows (B, 3 k + 1); all of them for None."""
    return table if rows is None else table[rows]


def scatter(table: Array, rows: Array | None, lines: Array) -> Array:
    """Put lines back; no row may be named twice. In place."""
    return table.copy_(lines) if rows is None else table.index_copy_(0, rows, lines)


def phi(lines: Array) -> Array:
    """Return φ of each line (B, k)."""
    return lines[:, : lines.shape[1] // 3]


def step(lines: Array, gradient: Array, rate: Array | float) -> Array:
    """Take one step of Adam on each line, by its gradient (B, k) and its own count."""
    value, mean, square = lines[:, :-1].chunk(3, -1)
    count = lines[:, -1:] + 1
    return torch.cat([*adam.step(value, gradient, mean, square, count, rate), count], -1)
