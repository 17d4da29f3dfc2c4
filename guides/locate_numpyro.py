"""Where the posterior of a NumPyro model lies: its density in unconstrained coordinates, for `guides.locate`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import logsumexp
from numpyro.distributions.distribution import validation_enabled

from guides.coordinates_numpyro import Coordinates
from guides.locate import continuous, locate, row_scale, seeded, starts
from guides.rows_numpyro import row_log_joint
from guides.sites import params
from guides.start import Start
from guides.trace_numpyro import sites


def located(
    model: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
    data_plate: str,
    seed: int,
    *,
    fine: bool = False,
) -> dict[str, Start]:
    """Return where the continuous latents start, by name; params are held at their own starts.

    Args:
        model, args, kwargs: the function and what it is called with: some rows may stand for all of its plate.
        data_plate: name of the plate over rows.
        seed: of the paths' starts.
        fine: whether learning's precision is not this library's default one, and is not looked at.

    Raises:
        GuideError: single precision is too coarse for the posterior.
    """
    eps = 0.0 if fine else float(jnp.finfo(jnp.zeros(0).dtype).eps)
    # In double precision whatever the learning's: the way of L-BFGS magnifies rounding, and both backends go one way.
    with jax.enable_x64(True), validation_enabled(False):
        doubled = tuple(map(_double, args)), {name: _double(a) for name, a in kwargs.items()}
        return _located(model, *doubled, data_plate, seed, eps)


def _double(value: Any) -> Any:
    floats = hasattr(value, "dtype") and jnp.issubdtype(value.dtype, jnp.floating)
    return jnp.asarray(value, jnp.float64) if floats else value


def _located(
    model: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
    data_plate: str,
    seed: int,
    eps: float,
) -> dict[str, Start]:
    traced = sites(model, args, kwargs)
    latents = continuous(traced, data_plate)
    if not latents:
        return {}
    coordinates = Coordinates(latents)
    held = {s.name: jnp.asarray(s.value, float) for s in params(traced)}

    def loss(u: Any) -> Any:
        values, log_jacobian = coordinates.transform(u)
        outside, prior, likelihood = row_log_joint(model, args, kwargs, {**held, **values}, traced, data_plate)
        rows = logsumexp(prior + likelihood, -1)
        return -(outside + row_scale(traced, data_plate, rows.shape) * rows.sum() + log_jacobian)

    graded = jax.jit(jax.value_and_grad(loss))

    def objective(u: np.ndarray) -> tuple[float, np.ndarray]:
        value, gradient = graded(jnp.asarray(u, float))
        return float(value), np.asarray(gradient, np.float64)

    found = locate(objective, coordinates.size, seeded(seed))
    if found is None:
        return {}
    return starts(coordinates, found, data_plate, lambda u: coordinates.dictionary(jnp.asarray(u, float)), eps)
