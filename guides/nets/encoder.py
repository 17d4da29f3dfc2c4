"""What an encoder reads of the rows, and its parameters. NumPy only."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from guides.errors import GuideError
from guides.nets import mlp

PREFIX = "local.encoder"
KINDS = ("row", "counts", "window")
# A column that hardly varies is not blown up beyond this share of the one that varies most. Counts have one unit, and
# a rare word is no louder than a common one: thousands of columns, each as loud, shout down what a unit can learn.
LEAST = {"row": 0.1, "counts": 1.0, "window": 0.1}


@dataclass(frozen=True, eq=False)
class Encoder:
    """f_w: rows of data -> φ.

    Args:
        kinds: data name to "row" (its numbers), "counts" (log(1 + count)) or "window" (each step of a series with
            `half_width` neighbours on either side, and which of them were seen; the same weights at each step).
        center, scale: by data name, what standardises its columns: from the data that the guide was built with.
            Counts have one scale, that of the column that varies most.
        size: how many numbers φ has.
        depth, width, activation: of the perceptron.
        half_width: of a window.
        steps: length of a windowed series, else 1.
        columns: how many numbers each of φ's arrays has at a step, for a window.
    """

    kinds: Mapping[str, str]
    center: Mapping[str, np.ndarray]
    scale: Mapping[str, np.ndarray]
    size: int
    depth: int
    width: int
    activation: str
    half_width: int
    steps: int
    columns: tuple[int, ...] = ()

    @property
    def sizes(self) -> tuple[int, ...]:
        """Units of each layer, from the inputs to φ (of one step, for a window)."""
        inputs = sum(c.size for c in self.center.values())
        inputs *= 2 * (2 * self.half_width + 1) if self.steps > 1 else 1
        return (inputs, *([self.width] * self.depth), self.size // self.steps)

    def initial(self, seed: int) -> dict[str, np.ndarray]:
        """Return the initial weights by name; the last layer is small, so that φ starts near the prior's."""
        found = mlp.initial(PREFIX, self.sizes, seed)
        last = f"{PREFIX}.layer{self.depth}.weight"
        return {name: 0.1 * w if name == last else w for name, w in found.items()}

    def neighbours(self) -> tuple[np.ndarray, np.ndarray]:
        """Return which steps each step's window holds, and which of them exist (steps, 2 half_width + 1)."""
        at = np.arange(self.steps)[:, None] + np.arange(-self.half_width, self.half_width + 1)
        return np.clip(at, 0, self.steps - 1), ((at >= 0) & (at < self.steps)).astype(float)


def build(
    kinds: Mapping[str, str],
    data: Mapping[str, np.ndarray],
    size: int,
    shapes: Sequence[tuple[int, ...]],
    options: Mapping[str, Any],
) -> Encoder:
    """Return the encoder of a guide.

    Args:
        kinds: what it sees.
        data: the rows that the guide is built with.
        size: how many numbers φ has.
        shapes: of φ's arrays, unconstrained; a window takes each one's first axis for its steps.
        options: depth, width, activation, half_width.

    Raises:
        GuideError: an input that is not there, or of another kind; φ that has no steps for a window.
    """
    if not kinds:
        raise GuideError("an encoder needs inputs: name the arrays that it sees, such as encoder={'x': 'row'}")
    for name, kind in kinds.items():
        if name not in data or kind not in KINDS:
            raise GuideError(f"encoder input {name!r}: {kind!r} must be one of {', '.join(KINDS)}, of the model's data")
    if options["activation"] not in mlp.ACTIVATIONS:
        known = ", ".join(mlp.ACTIVATIONS)
        raise GuideError(f"activation {options['activation']!r} is unknown to the encoder. Known: {known}")
    windowed = "window" in kinds.values()
    steps = int(np.shape(data[next(iter(kinds))])[1]) if windowed else 1
    if windowed and (len(kinds) > 1 or any(shape[:1] != (steps,) for shape in shapes)):
        raise GuideError(
            "an encoder of a window gives each step of one series its own numbers: take local_guide='mean_field'"
        )
    center, scale = {}, {}
    for name, kind in kinds.items():
        flat = np.asarray(data[name], dtype=np.float64)
        flat = flat.reshape(math.prod(flat.shape[:2]), -1) if windowed else flat.reshape(len(flat), -1)
        flat = np.log1p(flat) if kind == "counts" else flat
        # A window is told what was not seen, which is NaN.
        sd = np.nanstd(flat, 0) if windowed else flat.std(0)
        center[name], scale[name] = (
            np.nanmean(flat, 0) if windowed else flat.mean(0),
            np.maximum(sd, LEAST[kind] * sd.max()) + (sd.max() == 0),
        )
    how = {n: options[n] for n in ("depth", "width", "activation", "half_width")}
    columns = tuple(math.prod(shape[1:]) for shape in shapes) if windowed else ()
    return Encoder(dict(kinds), center, scale, size, steps=steps, columns=columns, **how)
