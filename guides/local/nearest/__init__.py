"""Vector quantisation: each entry of a discrete latent is the code nearest to what an encoder says.

    φᵢ = f_w(xᵢ), a vector a position;   z_ij = argmin_k ‖φ_ij − codebook_k‖;   q(zᵢ) = 1 there

q is a point, its density 1, and the ELBO of a row is log p(xᵢ, zᵢ): nothing is drawn and no commitment is in it. What
learning adds has the value 0 and a gradient (van den Oord, Vinyals and Kavukcuoglu, "Neural discrete representation
learning", 2017, section 3.2):

    straight through   the encoder's vector gets the gradient of log p(xᵢ | zᵢ) in the code's vector that stood for it
    commitment         −commitment ‖φ_ij − sg(codebook)‖² draws the vector to its code, sg being held
    moves="gradient"   −‖sg(φ_ij) − codebook‖² draws the code to its vectors, beside the gradient that log p(xᵢ | zᵢ)
                       gives a code as any parameter
    moves="ema"        each code is the running mean of its vectors instead, of weight 1 − `decay` a step: k-means
                       online, by a rule after each step and not by a gradient

Both are in nats beside log p, which is no mean of squares: the literature's weights are of another unit.

A code whose running share of the entries falls below `restart` of an even share is dead: it restarts at the batch's
vector that is furthest from its own code, as k-means does with an empty cluster. restart=0 lets it be.

The codebook is the model's parameter of that name, (codes, numbers of a code). Nothing else is asked of the model: its
log p(x | z) in the codes' vectors is that of a replay in which every vector is a code of its own.

Running means and restarts are `Guide.update`, which `zoo.fit` calls after each step. The libraries' stock `SVI` does
not: leave "gradient" there, and no code restarts.
"""

from guides.local import Treatment
from guides.local.amortized import ENCODER

MOVES = ("ema", "gradient")

TREATMENT = Treatment(
    summary="the code nearest to an encoder's vector",
    quantises=True,
    encodes=True,
    options={
        **{name: value for name, value in ENCODER.items() if name != "half_width"},
        "codebook": "codebook",
        "commitment": 1.0,
        "moves": "gradient",
        "decay": 0.99,
        "restart": 0.01,
    },
)
