"""One encoder for all rows: q(zᵢ) = q(z; f_w(xᵢ)). In the literature: A-VI (Kingma and Welling, 2014).

f_w is a multilayer perceptron of `depth` hidden layers of `width` units; depth 0 is an affine map. It answers for
new rows at once. What it loses against a free φᵢ is the amortization gap (Cremer, Li and Duvenaud, 2018).
"""

from guides.local import Treatment

ENCODER = {"depth": 1, "width": 128, "activation": "relu", "half_width": 2}

TREATMENT = Treatment(summary="φᵢ = f_w(xᵢ) by an encoder (A-VI)", by_row=True, encodes=True, options=ENCODER)
