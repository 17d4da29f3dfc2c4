"""A Pyro model bound to its guide and its data, in one precision on one device."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from functools import wraps
from inspect import signature
from typing import Any

import numpy as np
import pyro
import torch

from guides.coordinates_pyro import Coordinates
from guides.guide_pyro import Guide
from guides.local_layout import PHI, Batch
from guides.rows_pyro import row_log_joint
from guides.sites import combinations, params
from zoo.backends.state import Values
from zoo.backends.threads import rows_of, suited

FEW = 2  # rows that a model is traced with
Arrays = Mapping[str, torch.Tensor]


@contextmanager
def _scope(dtype: str, device: str) -> Iterator[None]:
    before = torch.get_default_dtype()
    torch.set_default_dtype(getattr(torch, dtype))
    try:
        with (
            # On the CPU the context would only cost: it sees every single call.
            torch.device(device) if device != "cpu" else nullcontext(),
            torch.random.fork_rng(),
            pyro.validation_enabled(False),
            pyro.get_param_store().scope(),  # another fit's parameters would be this one's start
            warnings.catch_warnings(),
        ):
            warnings.filterwarnings("ignore", "Encountered NaN")  # a FitError says it better
            yield
    finally:
        torch.set_default_dtype(before)


def scoped(method: Callable[..., Any]) -> Callable[..., Any]:
    """Run a method in the program's precision, on its device, and leave global random state alone."""
    named = signature(method)

    @wraps(method)
    def inside(self: Bound, *args: Any, **kwargs: Any) -> Any:
        rows = rows_of(named, (self, *args), kwargs, self.size)
        with _scope(self.dtype, self.device), suited(rows * self.numbers, "pyro"):
            return method(self, *args, **kwargs)

    return inside


class Bound:
    """One model, one guide, one data set.

    Args:
        model: the model function.
        data: arrays by name; rows lie along the first axis.
        options: the model's other keywords.
        how: the guide's keywords: name, local, local_guide, starts, …
        frozen: params that are held, by name.
        num_particles: draws per step of learning.
        dtype: "float32" or "float64".
        device: "cpu" or "cuda".
    """

    def __init__(
        self,
        model: Callable[..., Any],
        data: Mapping[str, np.ndarray],
        options: Mapping[str, Any],
        how: Mapping[str, Any],
        *,
        frozen: Mapping[str, np.ndarray] | None = None,
        num_particles: int = 1,
        dtype: str = "float32",
        device: str = "cpu",
    ) -> None:
        self.model, self.options, self.dtype, self.device = model, dict(options), dtype, device
        self.frozen = dict(frozen or {})
        self.size = len(next(iter(data.values())))
        self.numbers = float(num_particles * sum(x[:1].size for x in data.values()))  # of a row, while learning
        self._build(data, how, num_particles)

    @scoped
    def _build(self, data: Mapping[str, np.ndarray], how: Mapping[str, Any], num_particles: int) -> None:
        self.data, self.constants = self.arrays(data), self.arrays(self.frozen)
        # A few rows say what the sites are, at no cost that grows with the data.
        few = {name: x[:FEW] for name, x in self.data.items()}
        kwargs = {**few, "size": self.size, **self.options}
        self.guide = Guide(self.model, (), kwargs, frozen=frozenset(self.frozen), data=data, **how)
        self.model_params = [s for s in params(self.guide.sites) if s.name not in self.frozen]
        learnt = [*self.model_params, *self.guide.parameters]
        self.coordinates = Coordinates(learnt, how.get("starts"), centred=False)
        self.elbo = self.guide.objective(num_particles)
        drawn = [s.name for s in self.guide.sampled]
        self.combinations = len(combinations(self.guide.sites, self.guide.data_plate, drawn))
        self.numbers *= self.combinations

    def tensor(self, value: Any) -> torch.Tensor:
        """Put one array on the device, in the program's precision."""
        return torch.as_tensor(value, dtype=getattr(torch, self.dtype), device=self.device)

    def arrays(self, values: Mapping[str, Any]) -> dict[str, torch.Tensor]:
        """Put NumPy values on the device, floats in the program's precision."""
        tensors = {name: torch.tensor(np.asarray(v), device=self.device) for name, v in values.items()}
        dtype = getattr(torch, self.dtype)
        return {name: v.to(dtype) if v.is_floating_point() else v for name, v in tensors.items()}

    def held(self, parts: Sequence[torch.Tensor], phi: torch.Tensor | None = None) -> dict[str, torch.Tensor]:
        """Return every param: frozen ones, those at the parts of v, and the rows' φ where the guide has a table."""
        return {**self.constants, **self.coordinates.values_of(parts), **({} if phi is None else {PHI: phi})}

    def noise_shape(self, rows: int) -> tuple[int, int, int]:
        """Return the shape of the local latents' noise for that many rows: (1 + inner draws, rows, size)."""
        local = self.guide.rows
        return (1 + local.inner_draws, rows, local.noise_size) if local else (1, rows, 0)

    def batch(self, held: Arrays, data: Arrays) -> Batch:
        """Return what q of these rows is held against, at every param and global latent."""
        return self.guide.batch(held, (), {**data, **self.options})

    def row_terms(self, values: Arrays, drawn: Arrays, data: Arrays) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Return the global latents' log prior () and the rows' log prior and log-likelihood (n, combinations)."""
        kwargs = {**data, **self.options}
        traced = self.guide.trace((), kwargs)
        return row_log_joint(self.model, (), kwargs, {**values, **drawn}, traced, self.guide.data_plate)

    def density(self, values: Arrays, drawn: Arrays, data: Arrays) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the global latents' log prior () and log p(x, z) of each row, discrete latents summed out (n,)."""
        log_prior, prior, likelihood = self.row_terms(values, drawn, data)
        return log_prior, torch.logsumexp(prior + likelihood, -1)

    def potential(self, values: Arrays, v: torch.Tensor, data: Arrays | None = None) -> torch.Tensor:
        """Return −log p(x, z) in the coordinates v of the guide's global latents (); some rows stand for all."""
        some = self.data if data is None else data
        log_prior, rows = self.density(values, self.guide.coordinates.values(v), some)
        scaled = rows.sum() * (self.size / len(next(iter(some.values()))))
        return -(log_prior + scaled + self.guide.coordinates.log_jacobian(v))


def numpy(tree: Mapping[str, Any]) -> Values:
    """Return a mapping's tensors in NumPy."""
    return {name: value.detach().cpu().numpy() for name, value in tree.items()}


def reseed(device: str, *numbers: int) -> None:
    """Seed a device's generator from several numbers, so that each step has draws of its own.

    `torch.manual_seed` seeds every kind of device, and where one is not there notes the call and its stack trace for
    later: half a millisecond a step.
    """
    mixed = 0
    for number in numbers:
        mixed = (mixed * 1_000_003 + number) % 2**63
    if device == "cuda":
        torch.cuda.manual_seed(mixed)
    elif device == "cpu":
        torch.default_generator.manual_seed(mixed)
