"""A start for a NumPyro model that has none: its density in unconstrained coordinates, for `guides.locate`."""

from __future__ import annotations

from collections.abc import Mapping

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import logsumexp
from numpyro.distributions.distribution import validation_enabled

from guides.coordinates_numpyro import Coordinates
from guides.locate import continuous, row_scale, starts
from guides.rows_numpyro import row_log_joint
from guides.sites import params
from guides.start import Start
from guides.trace_numpyro import Model, sites


def located(
    model: Model,
    args: tuple[object, ...],
    kwargs: Mapping[str, object],
    data_plate: str,
    seed: int,
    *,
    any_precision: bool = False,
) -> dict[str, Start]:
    """Return a start for each continuous latent, by name; params are held at their initial values.

    Args:
        model, args, kwargs: the model function and its arguments; they may be some of the plate's rows.
        data_plate: name of the plate over rows.
        seed: of the random numbers.
        any_precision: whether to accept a posterior that JAX's default precision is too coarse for.

    Raises:
        GuideError: that precision is too coarse for the posterior.
    """
    eps = 0.0 if any_precision else float(jnp.finfo(jnp.zeros(0).dtype).eps)
    # Always in double precision: L-BFGS amplifies rounding errors, and the backends are to agree.
    with jax.enable_x64(True), validation_enabled(False):
        args, kwargs = tuple(map(_double, args)), {name: _double(value) for name, value in kwargs.items()}
        traced = sites(model, args, kwargs)
        latents = continuous(traced, data_plate)
        if not latents:
            return {}
        coordinates = Coordinates(latents)
        held = {s.name: jnp.asarray(s.value, float) for s in params(traced)}

        @jax.jit
        @jax.value_and_grad
        def loss(u: jax.Array) -> jax.Array:
            values, log_jacobian = coordinates.transform(u)
            outside, prior, likelihood = row_log_joint(model, args, kwargs, {**held, **values}, traced, data_plate)
            rows = logsumexp(prior + likelihood, -1)
            return -(outside + row_scale(traced, data_plate, rows.shape) * rows.sum() + log_jacobian)

        def objective(u: np.ndarray) -> tuple[float, np.ndarray]:
            value, gradient = loss(jnp.asarray(u, float))
            return float(value), np.asarray(gradient, np.float64)

        def values(u: np.ndarray) -> dict[str, np.ndarray]:
            return coordinates.dictionary(jnp.asarray(u, float))

        return starts(objective, coordinates, values, data_plate, seed, eps)


def _double(value: object) -> object:
    floats = isinstance(value, jax.Array | np.ndarray) and jnp.issubdtype(value.dtype, jnp.floating)
    return jnp.asarray(value, jnp.float64) if floats else value
