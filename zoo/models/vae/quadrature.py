"""Integrals over codes of one or two numbers, row by row, by the trapezoidal rule on a box that follows the row.

The rule converges geometrically for a smooth integrand that dies away at the box's edges, and with the square
of the spacing across the kinks of a rectifier (L. N. Trefethen and J. A. C. Weideman, The exponentially
convergent trapezoidal rule, SIAM Review 56, 2014, 385-458). Every integral is compared with that on every
other point; where the two differ by more than TOLERANCE, the box is drawn around what matters and filled with
twice as many points a side. The finer of the two is returned, whose error is smaller than their difference:
about a quarter of it at kinks, and about its square where the integrand is smooth.
"""

from collections.abc import Callable

import numpy as np
from scipy.special import logsumexp

# nats: of a row's integral on all points and on every other one.
TOLERANCE = 1e-5
HALF_WIDTH = 8.0  # of the first box, in sds of the prior; a row that needs more widens its own
FIRST = {1: 4097, 2: 257}  # points a side of the first box, which all rows share: spacings 1/256 and 1/16
BEGIN = {1: 257, 2: 65}  # points a side of a row's own box, at first
MOST = {1: 2**16 + 1, 2: 1025}
# What lies this many nats below the largest value found is left out. A peak between the first box's points
# shows lower than it is, by up to (1/16)² / (4 sd²) nats: 39 for an sd of 0.005.
MARGIN_FIRST, MARGIN = 60.0, 36.0
CHUNK = 2**22  # numbers in an array
TRIES = 64

Integrand = Callable[[np.ndarray, np.ndarray], np.ndarray]


def log_integrals(integrand: Integrand, rows: int, dim: int) -> np.ndarray:
    """Return log ∫ exp(f_i(z)) dz of each row, in nats, shape (rows,).

    Args:
        integrand: (points (P, dim), indices of rows (R,)) -> f (R, P).
        rows: number of rows.
        dim: 1 or 2.
    """
    box = np.repeat([[-HALF_WIDTH, HALF_WIDTH]], dim, 0)
    found = np.empty(rows)
    at_once = max(1, CHUNK // FIRST[dim] ** dim)
    for begin in range(0, rows, at_once):
        some = np.arange(begin, min(begin + at_once, rows))
        for row, f in zip(some, evaluate(integrand, some, box, FIRST[dim]), strict=True):
            value, error, inside = trapezoid(f, box)
            good = inside and error < TOLERANCE
            found[row] = value if good else alone(integrand, row, focus(f, box, MARGIN_FIRST))
    return found


def alone(integrand: Integrand, row: int, box: np.ndarray) -> float:
    """Return one row's log integral, from a box that holds what the first one found.

    Args:
        integrand, row: as in `log_integrals`.
        box: low and high end by dimension (dim, 2).
    """
    dim = len(box)
    points, value = BEGIN[dim], np.nan
    for _ in range(TRIES):
        f = evaluate(integrand, np.array([row]), box, points)[0]
        value, error, inside = trapezoid(f, box)
        if inside and (error < TOLERANCE or points == MOST[dim]):
            break
        points = min(2 * points - 1, MOST[dim]) if inside else points
        box = focus(f, box, MARGIN)
    return value


def evaluate(integrand: Integrand, rows: np.ndarray, box: np.ndarray, points: int) -> np.ndarray:
    """Evaluate rows on a box's grid, in chunks of points: (R, points) or (R, points, points)."""
    axes = [np.linspace(low, high, points) for low, high in box]
    grid = np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, len(box))
    # A hidden layer may be wider than the rows are many.
    step = CHUNK // 256
    pieces = [integrand(grid[i : i + step], rows) for i in range(0, len(grid), step)]
    return np.concatenate(pieces, 1).reshape(len(rows), *(points,) * len(box))


def trapezoid(f: np.ndarray, box: np.ndarray) -> tuple[float, float, bool]:
    """Return the log integral, how far that on every other point is, and whether the edges are negligible."""
    every_other = f[(slice(None, None, 2),) * f.ndim]
    log_cell = float(np.log((box[:, 1] - box[:, 0]) / (len(f) - 1)).sum())
    value = float(logsumexp(f)) + log_cell
    coarse = float(logsumexp(every_other)) + log_cell + f.ndim * float(np.log(2))
    edge = max(np.take(f, end, axis).max() for axis in range(f.ndim) for end in (0, -1))
    return value, abs(value - coarse), bool(edge < f.max() - MARGIN)


def focus(f: np.ndarray, box: np.ndarray, margin: float) -> np.ndarray:
    """Return the box around what is within the margin of the largest value; wider where that reaches an edge."""
    matters = f > f.max() - margin
    ends = []
    for axis, (low, high) in enumerate(box):
        others = tuple(a for a in range(f.ndim) if a != axis)
        first, *_, last = np.repeat(np.flatnonzero(matters.any(others)), 2)
        spacing, width = (high - low) / (len(f) - 1), high - low
        ends.append(
            (
                low + (first - 1) * spacing if first > 0 else low - width / 2,
                low + (last + 1) * spacing if last < len(f) - 1 else high + width / 2,
            )
        )
    return np.array(ends)
