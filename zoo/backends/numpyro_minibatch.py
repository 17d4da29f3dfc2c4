"""A user's NumPyro function called with some of its rows: see `zoo.backends.minibatch`."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import jax
import jax.numpy as jnp
from numpyro.handlers import block, seed, trace
from numpyro.primitives import Messenger

from guides.trace_numpyro import Model, Values, log_densities
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

    def process_message(self, msg: dict[str, Any]) -> None:
        """Resize the plate, or scale a site inside it."""
        if msg["type"] == "plate" and msg["name"] == self.plate:
            size, subsample_size = msg["args"]
            check_plate(self.plate, size, subsample_size, self.rows)
            msg["args"], msg["value"] = (self.size, self.rows), jnp.arange(self.rows)
        elif msg["type"] == "sample" and any(frame.name == self.plate for frame in msg["cond_indep_stack"]):
            if msg["name"] in self.drawn:
                msg["is_observed"], msg["value"] = False, None
            msg["scale"] = self.size / self.rows * (1.0 if msg.get("scale") is None else msg["scale"])


def zeros(shape: tuple[int, ...]) -> jax.Array:
    """Return zeros."""
    return jnp.zeros(shape)


def log_densities_given_and_drawn(
    called: Model, arrays: dict[str, Any], observed: tuple[str, ...]
) -> tuple[dict[str, float], dict[str, float]]:
    """Return the sites' log densities with the observed arrays given, and as values of sites that are drawn.

    They are the same if the model reads an observed array for nothing but the value of its site.
    """
    rows = len(next(iter(arrays.values())))
    with block():
        nodes = trace(seed(called, jax.random.key(0))).get_trace(**arrays)
    stated = {name: n["value"] for name, n in nodes.items() if n["type"] in {"sample", "param"}}
    values = {name: value for name, value in stated.items() if name not in observed}
    covariates = {name: x for name, x in arrays.items() if name not in observed}
    given = log_densities(called, (), arrays, values)
    drawn = log_densities(called, (), {**covariates, "size": rows}, stated)
    return _summed(given), _summed(drawn)


def _summed(terms: Values) -> dict[str, float]:
    return {name: float(term.sum()) for name, term in terms.items()}
