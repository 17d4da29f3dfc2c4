"""Vector quantisation: each entry of a discrete latent is the code nearest to what an encoder says.

    φᵢ = f_w(xᵢ), a vector a position;   z_ij = argmin_k ‖φ_ij − codebook_k‖;   q(zᵢ) = 1 there

q is a point, its density 1, and the ELBO of a row is log p(xᵢ, zᵢ): nothing is drawn and nothing else is in it. How
encoder and codes learn is the option `gradient`, in neither case the slope of that value, which an argmin has none of:

    "search"            each row tries every code at one of its positions, which takes turns, the others being as the
                        encoder says. The model learns at the best of these zᵢ, by log p(xᵢ, zᵢ) and no other term, so
                        the prior counts too; the encoder learns to name it, by log softmax_k(−‖φ_ij − sg(codebook_k)‖²)
                        with sg(·) held. A step of coordinate ascent in zᵢ, and a step of an encoder towards it; it
                        takes one replay of the model at as many rows as the batch has, times the number of codes.
    "straight_through"  the encoder's vector gets the gradient of log p(xᵢ | zᵢ) in the code's vector that stood for it
                        (van den Oord, Vinyals and Kavukcuoglu, "Neural discrete representation learning", 2017,
                        section 3.2), which is biased, but needs one pass however many codes there are. With it go
      commitment        −commitment ‖φ_ij − sg(codebook)‖² draws the vector to its code
      moves="gradient"  −‖sg(φ_ij) − codebook‖² draws the code to its vectors, beside the gradient that log p(xᵢ | zᵢ)
                        gives a code as any parameter

Both terms are in nats beside log p, which is no mean of squares: the literature's weights are of another unit. On rows
drawn from a model of 4 codes and 3 positions straight-through ended 1.1 to 1.7 nats per row below the truth at any
rate, commitment or move that was tried; the same decoder learnt with its codes summed out did not, so that it was the
codes' choice that was stuck.

With moves="ema" each code is the running mean of its vectors instead, of weight 1 − `decay` a step: k-means online, by
a rule after each step and not by a gradient.

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
GRADIENTS = ("search", "straight_through")

TREATMENT = Treatment(
    summary="the code nearest to an encoder's vector",
    quantises=True,
    encodes=True,
    options={
        **{name: value for name, value in ENCODER.items() if name != "half_width"},
        "codebook": "codebook",
        "gradient": "search",
        "commitment": 1.0,
        "moves": "gradient",
        "decay": 0.99,
        "restart": 0.01,
    },
)
