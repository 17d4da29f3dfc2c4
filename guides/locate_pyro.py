"""A start for a Pyro model that has none: its density in unconstrained coordinates, for `guides.locate`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import numpy as np
import torch
from pyro import validation_enabled

from guides.coordinates_pyro import Coordinates
from guides.locate import continuous, row_scale, starts
from guides.rows_pyro import row_log_joint
from guides.sites import params
from guides.start import Start
from guides.trace_pyro import Model, sites


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
        any_precision: whether to accept a posterior that torch's default precision is too coarse for.

    Raises:
        GuideError: that precision is too coarse for the posterior.
    """
    default = torch.get_default_dtype()
    eps = 0.0 if any_precision else float(torch.finfo(default).eps)
    device = next((a.device for a in (*args, *kwargs.values()) if isinstance(a, torch.Tensor)), torch.device("cpu"))

    def search(dtype: torch.dtype) -> dict[str, Start]:
        given = tuple(_to(a, dtype) for a in args), {name: _to(value, dtype) for name, value in kwargs.items()}
        traced = sites(model, *given)
        latents = continuous(traced, data_plate)
        if not latents:
            return {}
        coordinates = Coordinates(latents)
        held = {s.name: torch.as_tensor(s.value, dtype=dtype, device=device) for s in params(traced)}

        def objective(u: np.ndarray) -> tuple[float, np.ndarray]:
            at = torch.tensor(u, dtype=dtype, device=device, requires_grad=True)
            values, log_jacobian = coordinates.transform(at)
            try:
                outside, prior, likelihood = row_log_joint(model, *given, {**held, **values}, traced, data_plate)
            except torch.linalg.LinAlgError:  # JAX returns NaN if a matrix has no Cholesky factor
                return np.nan, np.zeros_like(u)
            rows = torch.logsumexp(prior + likelihood, -1)
            loss = -(outside + row_scale(traced, data_plate, rows.shape) * rows.sum() + log_jacobian)
            (gradient,) = torch.autograd.grad(loss, at)
            return loss.item(), gradient.cpu().numpy().astype(np.float64)

        def values(u: np.ndarray) -> dict[str, np.ndarray]:
            return coordinates.dictionary(torch.tensor(u, dtype=dtype, device=device))

        return starts(objective, coordinates, values, data_plate, seed, eps)

    # In double precision if possible: L-BFGS amplifies rounding errors, and the backends are to agree.
    try:
        with _computing_in(torch.float64):
            return search(torch.float64)
    except RuntimeError as error:
        if not any(words in str(error) for words in MIXED):
            raise
    # A tensor or a network of the model's own is in single precision, and torch does not mix the two.
    with _computing_in(default):
        return search(default)


MIXED = ("dtype", "scalar type")  # what torch says of operands that differ in precision


@contextmanager
def _computing_in(dtype: torch.dtype) -> Iterator[None]:
    """Compute in a precision inside, without checks of values: L-BFGS tries points outside of a support."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        with validation_enabled(False):
            yield
    finally:
        torch.set_default_dtype(before)


def _to(value: object, dtype: torch.dtype) -> object:
    return value.to(dtype) if isinstance(value, torch.Tensor) and value.is_floating_point() else value
