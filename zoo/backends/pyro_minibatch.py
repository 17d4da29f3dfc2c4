"""A user's Pyro function called with some of its rows: see `zoo.backends.minibatch`."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import torch
from pyro import get_param_store
from pyro.poutine import block, trace
from pyro.poutine.messenger import Messenger
from pyro.poutine.subsample_messenger import _Subsample

from guides.trace_pyro import Model, Values, is_sample, log_densities
from zoo.backends.minibatch import check_plate


class Scaled(Messenger):
    """Give the plate over rows the size of all of them, and scale the sites inside it accordingly.

    Args:
        plate: name of the plate over rows.
        rows: how many the model is called with.
        size: how many there are.
        drawn: observed sites that are drawn instead.
    """

    def __init__(self, plate: str, rows: int, size: int, drawn: Collection[str]) -> None:
        super().__init__()
        self.plate, self.rows, self.size, self.drawn = plate, rows, size, drawn

    def _pyro_sample(self, msg: Any) -> None:
        if msg["name"] == self.plate and isinstance(msg["fn"], _Subsample):
            chosen = msg["fn"].subsample_size if msg["value"] is None else -1
            check_plate(self.plate, msg["fn"].size, chosen, self.rows)
        if not any(frame.name == self.plate for frame in msg["cond_indep_stack"]):
            return
        if msg["name"] in self.drawn:
            msg["is_observed"], msg["value"] = False, None
        msg["scale"] = msg["scale"] * (self.size / self.rows)
        msg["cond_indep_stack"] = tuple(
            frame._replace(full_size=self.size) if frame.name == self.plate else frame
            for frame in msg["cond_indep_stack"]
        )


def zeros(shape: tuple[int, ...]) -> torch.Tensor:
    """Return zeros."""
    return torch.zeros(shape)


def log_densities_given_and_drawn(
    called: Model, arrays: dict[str, Any], observed: tuple[str, ...]
) -> tuple[dict[str, float], dict[str, float]]:
    """Return the sites' log densities with the observed arrays given, and as values of sites that are drawn.

    They are the same if the model reads an observed array for nothing but the value of its site.
    """
    rows = len(next(iter(arrays.values())))
    with block(), get_param_store().scope(), torch.random.fork_rng(), torch.no_grad():
        torch.manual_seed(0)
        nodes = trace(called).get_trace(**arrays).nodes
        stated = {name: n["value"] for name, n in nodes.items() if n["type"] == "param" or is_sample(n)}
        values = {name: value for name, value in stated.items() if name not in observed}
        covariates = {name: x for name, x in arrays.items() if name not in observed}
        given = log_densities(called, (), arrays, values)
        drawn = log_densities(called, (), {**covariates, "size": rows}, stated)
    return _summed(given), _summed(drawn)


def _summed(terms: Values) -> dict[str, float]:
    return {name: float(term.sum()) for name, term in terms.items()}
