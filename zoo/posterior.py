"""The posterior of a discrete local latent, row by row."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from guides.families import generator


@dataclass(frozen=True)
class Posterior:
    """p(z | x) of each of n rows over K categories.

    Args:
        site: name of the latent.
        probs: probabilities (n, K).
    """

    site: str
    probs: np.ndarray

    @property
    def mean(self) -> np.ndarray:
        """The mean code: each category's probability (n, K)."""
        return self.probs

    @property
    def sd(self) -> np.ndarray:
        """Standard deviation of each category's indicator (n, K)."""
        return np.sqrt(self.probs * (1 - self.probs))

    @property
    def mode(self) -> np.ndarray:
        """Most probable category (n,)."""
        return self.probs.argmax(-1)

    def draw(self, n: int, seed: int = 0) -> np.ndarray:
        """Draw categories (n, rows)."""
        noise = generator(seed, "posterior").random((n, len(self.probs), 1))
        return (np.cumsum(self.probs, -1)[:, :-1] < noise).sum(-1)

    def log_prob(self, value: np.ndarray) -> np.ndarray:
        """Return the log probability of categories (…, rows), by row."""
        chosen = np.take_along_axis(
            np.broadcast_to(self.probs, (*np.shape(value), self.probs.shape[-1])),
            np.asarray(value)[..., None],
            -1,
        )
        with np.errstate(divide="ignore"):
            return np.log(chosen[..., 0])
