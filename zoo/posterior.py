"""The posterior of a local latent, row by row: categories, binary entries, or draws of a continuous one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from guides.families import generator
from zoo.estimators import log_mean_exp

SOME = 200  # draws behind a mean and an sd


@dataclass(frozen=True)
class Posterior:
    """p(z | x) of each of n rows over K categories; of a path, over those of each step by itself.

    Args:
        site: name of the latent.
        probs: probabilities (n, K), or (n, T, K) of a path; all 0 past its length.
    """

    site: str
    probs: np.ndarray

    @property
    def mean(self) -> np.ndarray:
        """The mean code: each category's probability (n, …, K)."""
        return self.probs

    @property
    def sd(self) -> np.ndarray:
        """Standard deviation of each category's indicator (n, …, K)."""
        return np.sqrt(self.probs * (1 - self.probs))

    @property
    def mode(self) -> np.ndarray:
        """Most probable category, of each step by itself (n, …)."""
        return self.probs.argmax(-1)

    def draw(self, n: int, seed: int = 0) -> np.ndarray:
        """Draw categories (n, rows, …)."""
        noise = generator(seed, "posterior").random((n, *self.probs.shape[:-1], 1))
        cumulative = np.cumsum(self.probs, -1)
        return (cumulative[..., :-1] < noise * cumulative[..., -1:]).sum(-1)

    def log_prob(self, value: np.ndarray) -> np.ndarray:
        """Return the log probability of categories (…, rows, …), by row (…, rows)."""
        value = np.asarray(value)
        chosen = np.take_along_axis(
            np.broadcast_to(self.probs, (*value.shape, self.probs.shape[-1])), value[..., None], -1
        )[..., 0]
        there = self.probs.sum(-1) > 0
        with np.errstate(divide="ignore"):
            each = np.where(there, np.log(chosen), 0.0)
        return each.sum(-1) if self.probs.ndim > 2 else each


@dataclass(frozen=True)
class PathPosterior(Posterior):
    """p(path | x) of each of n rows, averaged over draws of the global latents.

    Args:
        site: name of the latent.
        probs: what smoothing says: the probability of each state at each step (n, T, K); 0 past the length.
        num_draws: of the global latents.
        ask: (name, what goes with it (S, n, T), which draws (S,)) -> the answers; see `Program.on_paths`.
    """

    num_draws: int
    ask: Callable[..., np.ndarray]

    @cached_property
    def mode(self) -> np.ndarray:
        """The most probable path (n, T): Viterbi's; of several draws' ones that whose mean probability is highest."""
        shape, every = (self.num_draws, *self.probs.shape[:2]), np.arange(self.num_draws)
        paths = self.ask("viterbi", np.zeros(shape), every).astype(int)
        if len(paths) == 1:
            return paths[0]
        best = np.stack([self.log_prob(path) for path in paths]).argmax(0)
        return paths[best, np.arange(len(best))]

    def draw(self, n: int, seed: int = 0) -> np.ndarray:
        """Draw paths (n, rows, T), each at one draw of the global latents: filtered forward, sampled backward."""
        random = generator(seed, "posterior")
        which = random.permutation(max(n, self.num_draws))[:n] % self.num_draws
        return self.ask("sample", random.standard_normal((n, *self.probs.shape[:2])), which).astype(int)

    def log_prob(self, value: np.ndarray) -> np.ndarray:
        """Return the log probability of paths (…, rows, T), by row (…, rows)."""
        value = np.asarray(value, dtype=float)
        flat, every = value.reshape(-1, *self.probs.shape[:2]), np.arange(self.num_draws)
        each = [log_mean_exp(self.ask("log_prob", np.repeat(path[None], len(every), 0), every)) for path in flat]
        return np.stack(each).reshape(value.shape[:-1])


@dataclass(frozen=True)
class BinaryPosterior:
    """Independent binary latents of each of n rows.

    Args:
        site: name of the latent.
        probs: probability that each entry is 1 (n, D).
    """

    site: str
    probs: np.ndarray

    @property
    def mean(self) -> np.ndarray:
        """The mean code (n, D)."""
        return self.probs

    @property
    def sd(self) -> np.ndarray:
        """Standard deviation of each entry (n, D)."""
        return np.sqrt(self.probs * (1 - self.probs))

    @property
    def mode(self) -> np.ndarray:
        """Most probable value of each entry (n, D)."""
        return (self.probs > 0.5).astype(int)

    def draw(self, n: int, seed: int = 0) -> np.ndarray:
        """Draw entries (n, rows, D)."""
        return (generator(seed, "posterior").random((n, *self.probs.shape)) < self.probs).astype(int)

    def log_prob(self, value: np.ndarray) -> np.ndarray:
        """Return the log probability of entries (…, rows, D), by row."""
        with np.errstate(divide="ignore"):
            return np.log(np.where(np.asarray(value) == 1, self.probs, 1 - self.probs)).sum(-1)


@dataclass(frozen=True)
class CodePosterior:
    """One choice of codes for each of n rows: q is a point.

    Args:
        site: name of the latent.
        codes: each row's categories (n, positions).
        cardinality: how many categories there are, K.
    """

    site: str
    codes: np.ndarray
    cardinality: int

    @property
    def mean(self) -> np.ndarray:
        """The mean code: each category's probability, 0 or 1 (n, positions, K)."""
        return (self.codes[..., None] == np.arange(self.cardinality)).astype(float)

    @property
    def sd(self) -> np.ndarray:
        """Standard deviation of each category's indicator: 0 (n, positions, K)."""
        return np.zeros((*self.codes.shape, self.cardinality))

    @property
    def mode(self) -> np.ndarray:
        """The codes (n, positions)."""
        return self.codes

    def draw(self, n: int, seed: int = 0) -> np.ndarray:
        """Return the codes n times (n, rows, positions): there is nothing to draw."""
        return np.repeat(self.codes[None], n, 0)

    def log_prob(self, value: np.ndarray) -> np.ndarray:
        """Return the log probability of codes (…, rows, positions), by row: 0, or -inf for others than q's."""
        return np.where((np.asarray(value) == self.codes).all(-1), 0.0, -np.inf)


class DrawnPosterior:
    """The posterior of each row's continuous latent, as a guide has it: by draws and their density.

    Args:
        site: name of the latent.
        draws: (how many, seed) -> draws (S, rows, *shape) and log q of each (S, rows); seed None: the guide's middle.
        density: values (rows, *shape) -> log q of each (rows,).
    """

    def __init__(
        self,
        site: str,
        draws: Callable[[int, int | None], tuple[np.ndarray, np.ndarray]],
        density: Callable[[np.ndarray], np.ndarray],
    ) -> None:
        self.site, self._draws, self._density = site, draws, density

    def draw(self, n: int, seed: int = 0) -> np.ndarray:
        """Draw latents (n, rows, *shape)."""
        return self._draws(n, seed)[0]

    def log_prob(self, value: np.ndarray) -> np.ndarray:
        """Return log q of latents (…, rows, *shape), by row (…, rows), in nats.

        Raises:
            UserError: the guide is a point, or gives no density to a value that its noise cannot lead to.
        """
        value, shape = np.asarray(value, dtype=float), self._some.shape[1:]
        each = [self._density(one) for one in value.reshape(-1, *shape)]
        return np.stack(each).reshape(value.shape[: value.ndim - len(shape) + 1])

    @cached_property
    def mode(self) -> np.ndarray:
        """The most probable value, as far as known: of the guide's middle and 200 draws (rows, *shape).

        A normal guide's middle is its mode.
        """
        (middle, height), (some, heights) = self._draws(1, None), self._draws(SOME, 0)
        both, best = np.concatenate([middle, some]), np.concatenate([height, heights]).argmax(0)
        return np.stack([both[draw, row] for row, draw in enumerate(best)])

    @cached_property
    def _some(self) -> np.ndarray:
        return self.draw(SOME)

    @property
    def mean(self) -> np.ndarray:
        """The mean code, over 200 draws (rows, *shape)."""
        return self._some.mean(0)

    @property
    def sd(self) -> np.ndarray:
        """Standard deviation, over 200 draws (rows, *shape)."""
        return self._some.std(0, ddof=1)
