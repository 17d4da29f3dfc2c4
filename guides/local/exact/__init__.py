"""The true posterior of the local latents, given the global ones: q(zᵢ) = p(zᵢ | xᵢ, θ).

Discrete latents need no formula from the model: it is replayed with each value of z held constant, with the
*current* parameters handed in, and

    r_ik = p(xᵢ, z = k) / Σ_l p(xᵢ, z = l),   zᵢ ~ Categorical(rᵢ)

Continuous ones need the model's own `draw(values, data, noise) -> (values, log q)`.

Each zᵢ is emitted as `Delta(z, log_density=log r)`. Whatever is drawn, log p(xᵢ, z) − log r_iz = log p(xᵢ), so
every particle's ELBO is the log-likelihood, with no variance, and its gradient is the log-likelihood's: with
parameters learnt by maximum likelihood this is generalised EM (Neal and Hinton, 1998).
"""

from guides.local import Treatment

TREATMENT = Treatment(summary="the true posterior", supplied=True)
