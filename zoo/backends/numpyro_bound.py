"""A NumPyro model bound to its guide and its data, in one precision on one device."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import logsumexp
from numpyro.distributions.distribution import validation_enabled

from guides.coordinates_numpyro import Coordinates
from guides.guide_numpyro import Guide
from guides.local_layout import PHI, Batch
from guides.rows_numpyro import row_log_joint
from guides.sites import params
from zoo.backends.state import Values
from zoo.backends.threads import suited

FEW = 2  # rows that a model is traced with
Arrays = Mapping[str, jax.Array]


def scoped(method: Callable[..., Any]) -> Callable[..., Any]:
    """Run a method in the program's precision and on its device."""

    @wraps(method)
    def inside(self: Bound, *args: Any, **kwargs: Any) -> Any:
        device = jax.devices(self.device)[0]
        # Values that are not finite are ours to find: a FitError says where.
        precision = jax.enable_x64(self.dtype == "float64")
        # XLA has threads of its own for what is large. Those of BLAS, which it calls from each of them for triangular
        # matrices, only get in their way: at 100,000 rows too, and on idle cores.
        with precision, jax.default_device(device), validation_enabled(False), suited(0, "numpyro"):
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
        self._compiled: dict[Any, Any] = {}
        self._build(data, how, num_particles)

    @scoped
    def _build(self, data: Mapping[str, np.ndarray], how: Mapping[str, Any], num_particles: int) -> None:
        self.data = self.arrays(data)
        # A few rows say what the sites are, at no cost that grows with the data.
        few = {name: x[:FEW] for name, x in self.data.items()}
        kwargs = {**few, "size": self.size, **self.options}
        self.guide = Guide(self.model, (), kwargs, frozen=frozenset(self.frozen), data=data, **how)
        self.model_params = [s for s in params(self.guide.sites) if s.name not in self.frozen]
        learnt = [*self.model_params, *self.guide.parameters]
        self.coordinates = Coordinates(learnt, how.get("starts"), centred=False)
        self.elbo = self.guide.objective(num_particles)

    def arrays(self, values: Mapping[str, Any]) -> dict[str, jax.Array]:
        """Put NumPy values on the device, floats in the program's precision."""
        return {
            name: jnp.asarray(v, self.dtype if np.asarray(v).dtype.kind == "f" else None) for name, v in values.items()
        }

    def held(self, v: jax.Array, phi: jax.Array | None = None) -> dict[str, jax.Array]:
        """Return every param: frozen ones, those at v, and the rows' φ where the guide has a table."""
        return {**self.arrays(self.frozen), **self.coordinates.values(v), **({} if phi is None else {PHI: phi})}

    def noise_shape(self, rows: int) -> tuple[int, int, int]:
        """Return the shape of the local latents' noise for that many rows: (1 + inner draws, rows, size)."""
        local = self.guide.rows
        return (1 + local.inner_draws, rows, local.noise_size) if local else (1, rows, 0)

    def batch(self, held: Arrays, data: Arrays) -> Batch:
        """Return what q of these rows is held against, at every param and global latent."""
        return self.guide.batch(held, (), {**data, **self.options})

    def row_terms(self, values: Arrays, drawn: Arrays, data: Arrays) -> tuple[jax.Array, jax.Array, jax.Array]:
        """Return the global latents' log prior () and the rows' log prior and log-likelihood (n, combinations)."""
        kwargs = {**data, **self.options}
        traced = self.guide.trace((), kwargs)
        return row_log_joint(self.model, (), kwargs, {**values, **drawn}, traced, self.guide.data_plate)

    def density(self, values: Arrays, drawn: Arrays, data: Arrays) -> tuple[jax.Array, jax.Array]:
        """Return the global latents' log prior () and log p(x, z) of each row, discrete latents summed out (n,)."""
        log_prior, prior, likelihood = self.row_terms(values, drawn, data)
        return log_prior, logsumexp(prior + likelihood, -1)

    def potential(self, values: Arrays, v: jax.Array, data: Arrays | None = None) -> jax.Array:
        """Return −log p(x, z) in the coordinates v of the guide's global latents (); some rows stand for all."""
        some = self.data if data is None else data
        log_prior, rows = self.density(values, self.guide.coordinates.values(v), some)
        scaled = rows.sum() * (self.size / len(next(iter(some.values()))))
        return -(log_prior + scaled + self.guide.coordinates.log_jacobian(v))

    def jit(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """Compile a function once under a name."""
        return self._compiled.setdefault(name, jax.jit(function))


def numpy(tree: Mapping[str, Any]) -> Values:
    """Return a mapping's arrays in NumPy."""
    return {name: np.asarray(value) for name, value in tree.items()}
