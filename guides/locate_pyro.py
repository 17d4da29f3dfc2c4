"""Where the posterior of a Pyro model lies: its density in unconstrained coordinates, for `guides.locate`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from pyro import validation_enabled

from guides.coordinates_pyro import Coordinates
from guides.locate import continuous, locate, row_scale, seeded, starts
from guides.rows_pyro import row_log_joint
from guides.sites import params
from guides.start import Start
from guides.trace_pyro import sites


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
    before = torch.get_default_dtype()
    eps = 0.0 if fine else float(torch.finfo(before).eps)
    arrays = [a for a in (*args, *kwargs.values()) if isinstance(a, torch.Tensor)]
    device = arrays[0].device if arrays else torch.device("cpu")
    # In double precision whatever the learning's: the way of L-BFGS magnifies rounding, and both backends go one way.
    torch.set_default_dtype(torch.float64)
    try:
        # Values outside a support are met on the way, and are a wall.
        with validation_enabled(False):
            doubled = tuple(map(_double, args)), {name: _double(a) for name, a in kwargs.items()}
            return _located(model, *doubled, data_plate, seed, eps, device)
    except RuntimeError as error:
        if "dtype" not in str(error):
            raise
    finally:
        torch.set_default_dtype(before)
    # A tensor or a network of the model's own is in single precision, and torch does not mix the two.
    with validation_enabled(False):
        return _located(model, args, kwargs, data_plate, seed, eps, device)


def _double(value: Any) -> Any:
    return value.double() if isinstance(value, torch.Tensor) and value.is_floating_point() else value


def _located(
    model: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
    data_plate: str,
    seed: int,
    eps: float,
    device: torch.device,
) -> dict[str, Start]:
    traced = sites(model, args, kwargs)
    latents = continuous(traced, data_plate)
    if not latents:
        return {}
    coordinates, dtype = Coordinates(latents), torch.get_default_dtype()
    held = {s.name: torch.as_tensor(s.value, dtype=dtype, device=device) for s in params(traced)}

    def objective(u: np.ndarray) -> tuple[float, np.ndarray]:
        at = torch.tensor(u, dtype=dtype, device=device, requires_grad=True)
        values, log_jacobian = coordinates.transform(at)
        outside, prior, likelihood = row_log_joint(model, args, kwargs, {**held, **values}, traced, data_plate)
        rows = torch.logsumexp(prior + likelihood, -1)
        loss = -(outside + row_scale(traced, data_plate, rows.shape) * rows.sum() + log_jacobian)
        (gradient,) = torch.autograd.grad(loss, at)
        return loss.item(), gradient.cpu().numpy().astype(np.float64)

    found = locate(objective, coordinates.size, seeded(seed))
    if found is None:
        return {}

    def values(u: np.ndarray) -> dict[str, np.ndarray]:
        return coordinates.dictionary(torch.tensor(u, dtype=dtype, device=device))

    return starts(coordinates, found, data_plate, values, eps)
