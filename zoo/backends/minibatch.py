"""What both backends share of a user's own model function: how the zoo calls it, and what it refuses."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from contextlib import AbstractContextManager

from zoo.errors import UserError

Function = Callable[..., object]
Scaled = Callable[[str, int, int, Collection[str]], AbstractContextManager[object]]
Zeros = Callable[[tuple[int, ...]], object]


def called_with_rows(
    function: Function, plate: str, observed: Mapping[str, tuple[int, ...]], scaled: Scaled, zeros: Zeros
) -> Function:
    """Return a model function as the zoo calls it: with arrays of some rows, and `size`, the number of all rows.

    Args:
        function: the user's, with the data's arrays as keywords.
        plate: name of its plate over rows.
        observed: the shape of one row of each observed array; an array that is not given is drawn by the model.
        scaled: the backend's handler: (plate, rows given, number of all rows, sites to draw).
        zeros: shape -> an array in the place of one that is drawn.
    """

    def model(*, size: int | None = None, **arrays: object) -> object:
        rows = next((len(x) for x in arrays.values() if hasattr(x, "__len__")), size) or 0
        drawn = {name: zeros((rows, *shape)) for name, shape in observed.items() if name not in arrays}
        with scaled(plate, rows, rows if size is None else size, drawn):
            return function(**arrays, **drawn)

    return model


def check_plate(plate: str, size: int, subsample_size: int | None, rows: int) -> None:
    """Refuse a plate over rows that is not as long as the arrays that the model is called with.

    Raises:
        UserError: it subsamples, or has a fixed size.
    """
    if subsample_size not in {None, size}:
        raise UserError(
            f"the model draws its own minibatch in plate {plate!r}; write plate({plate!r}, len(x)), and give "
            "batch_size= to zoo.fit"
        )
    if size != rows:
        raise UserError(
            f"plate {plate!r} has size {size} when the model is called with {rows} rows; write "
            f"plate({plate!r}, len(x)), so that a minibatch fits"
        )
