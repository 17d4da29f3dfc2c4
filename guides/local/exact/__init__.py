"""The true posterior of the discrete local latents, given the global ones: q(zᵢ) = p(zᵢ | xᵢ, θ).

    r_ik = p(xᵢ, z = k) / Σ_l p(xᵢ, z = l),   zᵢ ~ Categorical(rᵢ)

Each zᵢ is emitted as `Delta(z, log_density=log r)`. Whatever is drawn, log p(xᵢ, z) − log r_iz = log p(xᵢ), so
every particle's ELBO is the log-likelihood, with no variance, and its gradient is the log-likelihood's: with
parameters learnt by maximum likelihood this is generalised EM (Neal and Hinton, 1998).

The responsibilities come from replaying the model with each value of z held constant, with the *current*
parameters handed in; they need no formula from the model.
"""

from guides.local import Treatment

TREATMENT = Treatment(summary="the true posterior (responsibilities)")
