"""Where learning starts: clusters of steps that look alike, each a state, and states that mostly stay."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from guides.start import Start
from zoo.errors import UserError
from zoo.models.hmm.exact import Options
from zoo.models.seeding import kmeans, memberships, standardised, subsample

WINDOWS = (3, 5, 9)  # steps that are looked at together, if it is not each alone
STAYS = (0.5, 0.95)  # between which the probability lies that a state stays


@dataclass(frozen=True)
class Cells:
    """Which steps belong to which state, and what was seen at them.

    Args:
        member: how much of all steps each of those looked at stands for, by state (K, N).
        x: what was seen (N, D), 0 for what was not.
        seen: whether it was (N, D).
        total: how often each column was seen at all steps (D,).
        middle: its mean over all of them (D,), of which every state has one step's worth.
        spread: its variance over all of them (D,).
    """

    member: np.ndarray
    x: np.ndarray
    seen: np.ndarray
    total: np.ndarray
    middle: np.ndarray
    spread: np.ndarray

    @property
    def count(self) -> np.ndarray:
        """How often each column was seen in each state (K, D)."""
        return np.asarray(self.member @ self.seen)

    @property
    def mean(self) -> np.ndarray:
        """Mean of each column in each state (K, D)."""
        return np.asarray((self.member @ self.x + self.middle) / (self.count + 1))

    @property
    def variance(self) -> np.ndarray:
        """Variance of each column in each state (K, D)."""
        off = np.where(self.seen, (self.x - self.mean[:, None]) ** 2, 0.0)
        return np.asarray((np.einsum("kn,knd->kd", self.member, off) + self.spread) / (self.count + 1))

    def tallies(self, categories: int) -> np.ndarray:
        """Return how often each category was seen in each state (K, D, V)."""
        hits = (self.x[..., None] == np.arange(categories)) & self.seen[..., None]
        return np.einsum("kn,ndv->kdv", self.member, hits.astype(float))


def start(data: Mapping[str, np.ndarray], rng: np.random.Generator, **options: Any) -> dict[str, Start]:
    """Start at the moments of k-means cells of the steps, or of stretches of a few steps.

    Args:
        data: {"x": series (n, T, D)}.
        rng: draws the length of the stretches, the centres, and how likely states stay, so that restarts differ.
        options: the model's.

    Returns:
        A Start for "initial" (K,), "transition" (K, K), and "rate" (K, D), or "loc" and "scale" (K, D), or "probs"
        (K, D, V).

    Raises:
        UserError: there are fewer steps than states, or what is observed does not fit the emission.
    """
    o = Options(**options)
    cells = clusters("hmm", data["x"], rng, o)
    found = {"initial": Start(np.ones(o.K) / o.K), "transition": Start(transitions(o.K, rng))}
    if o.emission == "poisson":
        # Half a count in all for a column that has none: its rate is 0, of which there is no logarithm.
        return found | {"rate": Start(np.maximum(cells.mean, 0.5 / cells.total))}
    if o.emission == "gaussian":
        scale = np.maximum(np.sqrt(cells.variance), o.floor)
        return found | {"loc": Start(cells.mean, scale), "scale": Start(scale)}
    tallies = cells.tallies(o.V) + 1.0
    return found | {"probs": Start(tallies / tallies.sum(-1, keepdims=True))}


def transitions(K: int, rng: np.random.Generator) -> np.ndarray:
    """Return probabilities of states that stay with a probability that is drawn, and move to any other (K, K)."""
    stays = rng.uniform(*STAYS)
    return np.asarray(stays * np.eye(K) + (1 - stays) / K)


def clusters(model: str, x: np.ndarray, rng: np.random.Generator, o: Options) -> Cells:
    """Return k-means cells of the steps at which something was seen, of a subsample of them if they are many.

    Raises:
        UserError: as `start`.
    """
    _check(model, x, o)
    seen = ~np.isnan(x)
    steps = np.stack(np.nonzero(seen.any(-1)), 1)
    at = tuple(subsample(steps, rng).T)
    window = 1 if rng.random() < 0.5 else int(rng.choice(WINDOWS))
    looks = stretches(coordinates(x, o), seen, window)[at]
    member = memberships(kmeans(looks, o.K, rng), o.K)
    # Every state owns a little of every step: none is without any, and equal ones are told apart by a draw.
    member = (member + 0.01 * (1 + rng.random(member.shape))) * (len(steps) / len(looks))
    pooled = seen.sum((0, 1)), np.nanmean(x, (0, 1)), np.nanvar(x, (0, 1))
    return Cells(member, np.where(seen[at], x[at], 0.0), seen[at], *pooled)


def coordinates(x: np.ndarray, o: Options) -> np.ndarray:
    """Return series in coordinates in which states of the emission differ as much as they can be told apart (n, T, C).

    Square roots of counts have the same sd at any rate; categories are as far apart as others; what was not seen is 0.
    """
    filled = np.nan_to_num(x)
    if o.emission == "poisson":
        return np.sqrt(filled)
    if o.emission == "categorical":
        return (x[..., None] == np.arange(o.V)).reshape(*x.shape[:2], -1).astype(float)
    flat, found = x.reshape(-1, x.shape[-1]), np.zeros_like(x)
    for d, column in enumerate(flat.T):
        known = ~np.isnan(column)
        found.reshape(flat.shape)[known, d] = standardised(column[known, None])[:, 0]
    return found


def stretches(x: np.ndarray, seen: np.ndarray, window: int) -> np.ndarray:
    """Return the mean and, for more than one step, the sd of each column over the steps around each (n, T, C or 2 C).

    States may differ in how much they vary, or be told apart by several steps together only.
    """
    if window == 1:
        return x
    weight = np.asarray(seen.any(-1), dtype=float)[..., None]

    def around(values: np.ndarray) -> np.ndarray:
        half = window // 2
        ends = np.cumsum(np.pad(values, ((0, 0), (half + 1, half), (0, 0))), 1)
        return np.asarray(ends[:, window:] - ends[:, :-window])

    count = np.maximum(around(weight), 1.0)
    mean = around(x * weight) / count
    sd = np.sqrt(np.maximum(around(x**2 * weight) / count - mean**2, 0.0))
    return np.concatenate([mean, sd], -1)


def _check(model: str, x: np.ndarray, o: Options) -> None:
    known = ~np.isnan(x)
    seen = x[known]
    if o.emission != "gaussian" and not ((seen >= 0) & (seen == np.round(seen))).all():
        what = "counts" if o.emission == "poisson" else "categories 0, 1, …"
        raise UserError(f"{model}: emission={o.emission!r} takes {what}, and x has other numbers; take 'gaussian'")
    if o.emission == "categorical" and not (seen < o.V).all():
        raise UserError(
            f"{model}: x has category {int(seen.max())}, and V={o.V} says that there are fewer; leave V out"
        )
    steps = int(known.any(-1).sum())
    if steps < o.K:
        raise UserError(f"{model}: K={o.K} states need at least {o.K} steps, and x has {steps}; lower K")
    empty = np.flatnonzero(known.sum((0, 1)) == 0)
    if len(empty):
        raise UserError(f"{model}: column {empty[0]} (from 0) of x has nothing that was seen, NaN alone; drop it")
