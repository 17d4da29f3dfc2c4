"""Every row's own φ, climbed to its end: rounds of steps, each row with its own stopping rule."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from guides.families import generator
from guides.local_layout import PHI
from zoo.backends.contract import Program, Rows
from zoo.backends.state import Values
from zoo.schedule import cosine

# Each row climbs in rounds, each with a fresh cosine, and keeps the better of its old and its new φ.
LEAST = 0.01  # nats per row: a round that gained less, or less than 2 errors, was the row's last
# Rate and steps of a round of the first kind and of the last, and what is the least that it must gain; with a single
# pair of draws per step it ends about 0.1 nats below its best.
FIRST, LAST = (0.2, 200, 10 * LEAST), (0.03, 50, LEAST)
MOST_ROUNDS, MOST_PAIRS = 15, 32  # rounds of a kind; pairs of draws per step of the last kind
JUDGES = 64  # draws, common to both, that say which of two φ is better
BLOCK = 1000  # rows that climb at once


@dataclass(frozen=True)
class Settled:
    """Where rows came to.

    Args:
        phi: the best φ of each row (n, size).
        rising: which rows still gained in the last round that they were given (n,).
        gain: what that round gained, in nats (n,); 0 for rows that no longer rise.
        error: its Monte Carlo standard error (n,).
    """

    phi: np.ndarray
    rising: np.ndarray
    gain: np.ndarray
    error: np.ndarray

    @property
    def arrived(self) -> bool:
        """Whether what was still gained is below 0.01 nats per row, or below 3 errors."""
        error = float(np.sqrt(np.sum(self.error**2))) / len(self.error)
        return float(self.gain.mean()) <= max(LEAST, 3 * error)

    def where(self, chosen: np.ndarray, other: Settled) -> Settled:
        """Return these rows where they are chosen (n,), and the other's elsewhere."""
        pairs = ((getattr(self, f.name), getattr(other, f.name)) for f in fields(self))
        return Settled(*(np.where(chosen if a.ndim == 1 else chosen[:, None], a, b) for a, b in pairs))

    def __str__(self) -> str:
        if self.arrived:
            return "every row's φ arrived"
        return f"φ of {self.rising.sum()} of {len(self.rising)} rows still rise, by {self.gain.mean():.2g} nats per row"


def settle(program: Program, params: Values, data: Values, start: np.ndarray, seed: int = 0) -> Settled:
    """Climb each row's own ELBO over its φ, everything else held, until the row no longer gains.

    First in rounds of 200 steps of Adam, each by a pair of draws; then in rounds of 50 smaller steps, each by more
    pairs of draws than the row has latent numbers, whose mean and covariance are exact. After each round a row keeps
    the better of its old and its new φ, by 64 draws common to both, fresh in each round. A row that gained less than
    0.01 nats (0.1 in the first rounds), or than 2 errors of it, takes no more rounds of that kind; each kind has 15
    at most.

    Args:
        program: a backend's program, whose guide has local latents with numbers of their own.
        params: every param; φ of other rows among them is not looked at.
        data: rows, arrays by name.
        start: φ to start from (n, size).
        seed: of the draws.

    Returns:
        The rows' φ, and which of them still rise.
    """
    held, count = {name: v for name, v in params.items() if name != PHI}, len(start)
    best, gain, error = np.array(start, program.dtype), np.zeros(count), np.zeros(count)
    rising = np.zeros(count, bool)
    if not start.shape[1]:
        return Settled(best, rising, gain, error)
    # Blocks of one length, so that all is compiled once.
    length = -(-count // -(-count // BLOCK))
    for (rate, steps, least), pairs in ((FIRST, 1), (LAST, _pairs(program))):
        rates = cosine(rate, steps)
        which = np.arange(count)
        for round_ in range(MOST_ROUNDS):
            rising[:], gain[:], error[:] = False, 0.0, 0.0
            for block in (which[first : first + length] for first in range(0, len(which), length)):
                padded = np.resize(block, length)
                found = _round(program, held, data, padded, best[padded], rates, pairs, seed + round_)
                best[block], gain[block], error[block] = (a[: len(block)] for a in found)
            rising[which] = gain[which] > np.maximum(least, 2 * error[which])
            which = np.flatnonzero(rising)
            if not len(which):
                break
    gain[~rising], error[~rising] = 0.0, 0.0
    return Settled(best, rising, gain, error)


def _pairs(program: Program) -> int:
    """Return how many pairs of draws per step the last rounds take: few if nothing, or little, is drawn."""
    rows = _served(program)
    summed = rows.enumerated or rows.path
    drawn = rows.continuous_noise if summed or not rows.discrete else rows.noise_size
    return int(min(drawn + 1, MOST_PAIRS))


def _served(program: Program) -> Rows:
    assert program.guide.rows is not None, "φ of rows whose latents are summed out"
    return program.guide.rows


def _round(
    program: Program,
    params: Values,
    data: Values,
    which: np.ndarray,
    phi: np.ndarray,
    rates: np.ndarray,
    pairs: int,
    seed: int,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Take one round from φ; return the better of old and new φ of each row, the gain (n,) and its error (n,)."""
    rows = {name: np.asarray(x)[which] for name, x in data.items()}
    moved = program.fit_rows(params, rows, phi, rates, seed, pairs)
    rng, (inner, count, size) = generator(seed, f"judge {len(rates)}"), program.noise_shape(len(phi))
    own = balanced(rng, JUDGES, count, size, whiten=not _served(program).discrete)
    local = np.concatenate([own[:, None], rng.standard_normal((JUDGES, inner - 1, count, size))], 1)
    noise = rng.standard_normal((JUDGES, program.guide.noise_size)), local
    before, after = (program.evaluate(params, *noise, rows, p).bounds.astype(np.float64) for p in (phi, moved))
    with np.errstate(invalid="ignore"):
        each = after - before
    # A φ that is not finite somewhere is worth nothing.
    worthless, good = ~np.isfinite(before).all(0), np.isfinite(after).all(0)
    each[:, worthless | ~good] = 0.0
    halved = each.reshape(2, JUDGES // 2, -1).mean(0)
    gain, error = halved.mean(0), halved.std(0, ddof=1) / np.sqrt(len(halved))
    gain[worthless & good], gain[~good] = np.inf, -np.inf
    kept = gain > 0
    return np.where(kept[:, None], moved, phi), np.where(kept, gain, 0.0), np.where(kept, error, 0.0)


def balanced(rng: np.random.Generator, count: int, rows: int, size: int, *, whiten: bool = True) -> np.ndarray:
    """Return standard normals and their negatives (count, rows, size), of covariance I if there are enough.

    A choice by them is exact if the ELBO is that of a Gaussian on a quadratic log density.
    """
    half = rng.standard_normal((count // 2, rows, size))
    if whiten and len(half) > size > 0:
        tril = np.linalg.cholesky(np.einsum("mbi,mbj->bij", half, half) / len(half))
        half = np.asarray(np.linalg.solve(tril, half.transpose(1, 2, 0)).transpose(2, 0, 1), np.float64)
    return np.concatenate([half, -half])
