"""A user's Pyro function as the zoo calls its models: with some of the rows, and how many there are in all."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

import torch
from pyro.poutine.messenger import Messenger
from pyro.poutine.subsample_messenger import _Subsample

from zoo.backends.minibatch import own_minibatch


class Rows(Messenger):
    """Let the plate over rows stand for all of them: its sites are scaled, and its size is theirs.

    Args:
        plate: name of the plate over rows.
        size: number of all rows.
        drawn: observed sites that are to be drawn instead.
    """

    def __init__(self, plate: str, size: int, drawn: Collection[str]) -> None:
        super().__init__()
        self.plate, self.size, self.drawn = plate, size, drawn

    def _pyro_sample(self, msg: Any) -> None:
        if msg["name"] == self.plate and isinstance(msg["fn"], _Subsample):
            chosen = msg["fn"].subsample_size
            if msg["value"] is not None or chosen not in {None, msg["fn"].size}:
                raise own_minibatch(self.plate)
        if msg["name"] in self.drawn:
            msg["is_observed"], msg["value"] = False, None
        for frame in msg["cond_indep_stack"]:
            if frame.name == self.plate:
                msg["scale"] = msg["scale"] * (self.size / frame.size)
        msg["cond_indep_stack"] = tuple(
            frame._replace(full_size=self.size) if frame.name == self.plate else frame
            for frame in msg["cond_indep_stack"]
        )


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
        drawn = {name: torch.zeros((count or 0, *shape)) for name, shape in observed.items() if name not in arrays}
        with Rows(plate, size or count or 0, drawn):
            return function(**arrays, **drawn)

    return model
