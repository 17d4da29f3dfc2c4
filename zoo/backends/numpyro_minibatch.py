"""A user's NumPyro function as the zoo calls its models: with some of the rows, and how many there are in all."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

import jax.numpy as jnp
from numpyro.primitives import Messenger

from zoo.backends.minibatch import own_minibatch


class Rows(Messenger):
    """Let the plate over rows stand for all of them: its sites are scaled, and its size is theirs.

    Args:
        function: the model.
        plate: name of the plate over rows.
        size: number of all rows.
        drawn: observed sites that are to be drawn instead.
    """

    def __init__(self, function: Callable[..., Any], plate: str, size: int, drawn: Collection[str]) -> None:
        self.plate, self.size, self.given, self.drawn = plate, size, size, drawn
        super().__init__(function)

    def process_message(self, msg: dict[str, Any]) -> None:
        """Resize the plate, and scale what is inside."""
        if msg["type"] == "plate" and msg["name"] == self.plate:
            whole, some = msg["args"]
            if some not in {None, whole}:
                raise own_minibatch(self.plate)
            self.given = whole
            msg["args"], msg["value"] = (self.size, whole), jnp.arange(whole)
        elif msg["type"] == "sample" and any(frame.name == self.plate for frame in msg["cond_indep_stack"]):
            if msg["name"] in self.drawn:
                msg["is_observed"], msg["value"] = False, None
            msg["scale"] = self.size / self.given * (1.0 if msg.get("scale") is None else msg["scale"])


def called_with_rows(
    function: Callable[..., Any], plate: str, observed: Mapping[str, tuple[int, ...]]
) -> Callable[..., Any]:
    """Return the model as the zoo calls it: with arrays of some rows, and `size`, the number of all rows.

    Args:
        function: the model.
        plate: name of its plate over rows.
        observed: name to the shape of one row, of the arrays that are drawn if they are not given.
    """

    def model(*, size: int | None = None, **arrays: Any) -> Any:
        count = len(next(iter(arrays.values()))) if arrays else size
        drawn = {name: jnp.zeros((count or 0, *shape)) for name, shape in observed.items() if name not in arrays}
        return Rows(function, plate, size or count or 0, drawn)(**arrays, **drawn)

    return model
