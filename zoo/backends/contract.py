"""What learning asks of a backend: a model with its guide and its data, as `zoo.learning` and `zoo.settle` see it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol, runtime_checkable

import numpy as np

from guides.families import Family
from guides.sites import TracedSite
from zoo.backends.state import Evaluation, State, Values


@runtime_checkable
class Rows(Protocol):
    """What serves the local latents that have numbers of their own, row by row.

    Args:
        noise_size: standard normals that a row's draw takes.
        continuous_noise: those of its continuous latents.
        inner_draws: draws that each row's φ takes.
        discrete, enumerated, path: the discrete latents, whether they are summed out, and the path of states if any.
    """

    noise_size: int
    continuous_noise: int
    inner_draws: int
    enumerated: bool

    @property
    def discrete(self) -> Sequence[object]:
        """The discrete latents that are drawn or summed out."""

    @property
    def path(self) -> object | None:
        """The path of states; None if there is none."""


@runtime_checkable
class Guide(Protocol):
    """What learning asks of a guide.

    Args:
        family: of the global latents.
        noise_size: standard normals that a draw of the global latents takes.
        update: (params, data) -> new values of the params that a rule moves after each step; None without one.
    """

    family: Family
    noise_size: int
    update: Callable[..., Mapping[str, object]] | None

    @property
    def latents(self) -> Sequence[TracedSite]:
        """The global latents."""

    @property
    def table(self) -> TracedSite | None:
        """The rows' own φ, with a line for each row; None if rows have none."""

    @property
    def rows(self) -> Rows | None:
        """What serves the local latents; None if they are summed out."""


@runtime_checkable
class Program(Protocol):
    """A model with its guide and its data, in one precision on one device. Losses are −ELBO in nats.

    Args:
        dtype: "float32" or "float64".
    """

    dtype: str

    @property
    def guide(self) -> Guide:
        """The guide."""

    def learn(
        self, state: State, rates: np.ndarray, rows: np.ndarray | None, seed: int, row_rates: np.ndarray | None = None
    ) -> tuple[State, np.ndarray, float]:
        """Take steps of SVI; return the state, the losses (T,), and the seconds that compilation took."""

    def objective(self, v: np.ndarray, rows: np.ndarray | None, seed: int) -> tuple[float, np.ndarray]:
        """Return −ELBO and its gradient by v (size,), by the draws of a seed, of some rows or of all."""

    def point(self, v: np.ndarray, rows: np.ndarray | None) -> tuple[float, np.ndarray]:
        """Return −log joint and its gradient by v (size,), at a point, local latents summed out."""

    def fit_rows(
        self, values: Values, data: Values, phi: np.ndarray, rates: np.ndarray, seed: int, num_pairs: int = 1
    ) -> np.ndarray:
        """Climb each row's own ELBO over its φ (n, size), everything else held."""

    def evaluate(
        self, values: Values, noise: np.ndarray, local_noise: np.ndarray, data: Values | None, phi: np.ndarray | None
    ) -> Evaluation:
        """Draw the latents by given noise, and evaluate their densities."""

    def noise_shape(self, rows: int) -> tuple[int, int, int]:
        """Return the shape of the local latents' noise for so many rows."""
