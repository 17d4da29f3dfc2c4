"""NumPyro: precision and devices, and a model looked at without a guide."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpyro.distributions.distribution import validation_enabled
from numpyro.infer.inspect import get_model_relations

from guides.coordinates_numpyro import Coordinates
from guides.sites import TracedSite
from guides.trace_numpyro import log_densities, sites
from zoo.backends.numpyro_program import Program
from zoo.backends.state import LogJoint
from zoo.errors import UserError

__all__ = [
    "NAME",
    "Program",
    "check_device",
    "edges",
    "inspect",
    "log_joint",
    "log_joint_at",
    "precision",
]

NAME = "numpyro"
Model = Callable[..., Any]
Data = Mapping[str, np.ndarray]


@contextmanager
def precision(dtype: str) -> Iterator[None]:
    """Compute in "float32" or "float64" inside, without the library's checks of values."""
    with jax.enable_x64(dtype == "float64"), validation_enabled(False):
        yield


def check_device(device: str) -> None:
    """Refuse a device that is not there.

    Raises:
        UserError: no such device.
    """
    try:
        jax.devices(device)
    except RuntimeError:
        here = ", ".join(sorted({d.platform for d in jax.devices()}))
        raise UserError(
            f"device {device!r} is not there for NumPyro; devices here: {here}. Ask for one of these"
        ) from None


def inspect(model: Model, data: Data, options: Mapping[str, Any]) -> tuple[TracedSite, ...]:
    """Trace the model once and describe its sites in their order."""
    return sites(model, (), arguments(data, options))


def edges(model: Model, data: Data, options: Mapping[str, Any]) -> frozenset[tuple[str, str]]:
    """Return (parent, child) for every param or site that another site's distribution depends on."""
    found = get_model_relations(model, (), arguments(data, options))
    pairs = {(p, child) for key in ("sample_sample", "sample_param") for child, ps in found[key].items() for p in ps}
    return frozenset((parent, child) for parent, child in pairs if parent != child)


def log_joint(model: Model, data: Data, options: Mapping[str, Any], values: Data) -> dict[str, float]:
    """Return each sample site's log density, summed, at constrained values of every param and latent."""
    given = {name: jnp.asarray(value) for name, value in values.items()}
    terms = log_densities(model, (), arguments(data, options), given)
    return {name: float(term.sum()) for name, term in terms.items()}


def log_joint_at(model: Model, data: Data, options: Mapping[str, Any], points: np.ndarray, discrete: Data) -> LogJoint:
    """Evaluate the log joint and its gradient at unconstrained points.

    Args:
        points: (P, d), over params and continuous latents in the model's order.
        discrete: values of the discrete latents, the same at every point.
    """
    kwargs = arguments(data, options)
    coordinates = unconstrained(inspect(model, data, options))
    held = {name: jnp.asarray(value) for name, value in discrete.items()}

    def at(v: jax.Array) -> tuple[jax.Array, tuple[Any, Any]]:
        values = coordinates.values(v)
        terms = {k: t.sum() for k, t in log_densities(model, (), kwargs, {**held, **values}).items()}
        return sum(terms.values(), jnp.zeros(())), (values, terms)

    evaluate = jax.jit(lambda v: jax.lax.map(jax.grad(at, has_aux=True), v))
    gradient, (values, terms) = evaluate(jnp.asarray(points))
    return LogJoint(_numpy(values), _numpy(terms), np.asarray(gradient))


def unconstrained(traced: tuple[TracedSite, ...]) -> Coordinates:
    """Return plain coordinates (origin 0, spread 1) over params and continuous latents."""
    moving = [s for s in traced if s.kind == "param" or (s.kind == "latent" and not s.discrete)]
    return Coordinates(moving, centred=False)


def arguments(data: Data, options: Mapping[str, Any]) -> dict[str, Any]:
    return {**{name: jnp.asarray(value) for name, value in data.items()}, **options}


def _numpy(tree: Mapping[str, Any]) -> dict[str, np.ndarray]:
    return {name: np.asarray(value) for name, value in tree.items()}
