"""An encoder starts, T gradient steps refine: φᵢ ← φᵢ + η_t ∇ L̂ᵢ(φᵢ), from φᵢ = f_w(xᵢ).

Each row's gradient is shortened to a root mean square of at most 1, so that a sharp posterior cannot throw φᵢ away.
L̂ᵢ is one draw's ELBO of row i, unscaled, at the current parameters of the model, by noise of its own: with the
noise of the final draw, φᵢ would fit that draw and the ELBO would no longer be a lower bound.

The step sizes η_t, one for each number of φ, begin at `step_size` and are learnt with the encoder (Li et al.,
"Meta-SGD", 2017): one draw's gradient is noise where the encoder is right already, and a fixed step would add that
noise to φᵢ and end below the encoder. They may grow tenfold at most, since steps that help a poor encoder throw a
good one's φᵢ away before they can shrink again. With `through` the gradient of the loss goes through the steps
(Kim et al., "Semi-amortized variational autoencoders", 2018); without it their directions are taken as constants.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from guides.errors import GuideError
from guides.local import Treatment
from guides.local.amortized import ENCODER
from guides.sites import Support, TracedSite, learnt

STEPS = "local.step_sizes"
GROWTH = 10.0


def parameters(options: Mapping[str, Any], size: int) -> tuple[TracedSite, ...]:
    """Return the step sizes (steps, size).

    Raises:
        GuideError: the step size is not above 0.
    """
    if not options["step_size"] > 0:
        raise GuideError(f"step_size {options['step_size']!r} must be above 0; local='amortized' takes no steps")
    first = learnt(STEPS, np.full((options["steps"], size), float(options["step_size"])))
    return (replace(first, support=Support("interval", lower=0.0, upper=GROWTH * options["step_size"])),)


TREATMENT = Treatment(
    summary="an encoder, then T gradient steps a row",
    by_row=True,
    encodes=True,
    options={**ENCODER, "steps": 3, "step_size": 0.003, "through": True},
    parameters=parameters,
)
