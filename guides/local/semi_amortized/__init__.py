"""An encoder starts, T gradient steps refine: φᵢ ← φᵢ + η ∇ L̂ᵢ(φᵢ), from φᵢ = f_w(xᵢ).

Each row's gradient is shortened to a root mean square of at most 1, so that a sharp posterior cannot throw φᵢ away.
L̂ᵢ is one draw's ELBO of row i, unscaled, at the current parameters of the model, by noise of its own: with the
noise of the final draw, φᵢ would fit that draw and the ELBO would no longer be a lower bound. With `through` the
gradient of the loss goes through the steps (Kim et al., "Semi-amortized variational autoencoders", 2018); without it
the steps are taken as a constant shift of the encoder's output.
"""

from guides.local import Treatment
from guides.local.amortized import ENCODER

TREATMENT = Treatment(
    summary="an encoder, then T gradient steps a row",
    by_row=True,
    encodes=True,
    options={**ENCODER, "steps": 3, "step_size": 0.1, "through": True},
)
