"""Gradients through discrete draws too many to sum over: which estimators there are.

    disarm       ½ (f(z) − f(z̃)) (z − z̃) σ(|α|) for each logit α, z̃ the draw from −noise: unbiased, of low variance
                 (Dong, Mnih and Tucker, "DisARM: an antithetic gradient estimator for binary latent variables", 2020)
    score        (f(z) − f(z′)) ∇ log q(z), z′ an independent draw whose f is the baseline
                 (Kool, van Hoof and Welling, "Buy 4 REINFORCE samples, get a baseline for free!", 2019)
    score_plain  f(z) ∇ log q(z), without a baseline (Williams, 1992)

with f = log p(x, z) − log q(z). All are unbiased for ∇ E_q[f]; the term E_q[∇ log q] is 0 and left out.
"""

ESTIMATORS = ("disarm", "score", "score_plain")
