"""A normal at the mode: learning climbs to the maximum of log p(x, z) + log|dz/dv|, then reads the curvature.

    v = loc + scale_tril noise,   scale_tril scale_trilᵀ = (−∇² log p(x, v))⁻¹ at v = loc

The Hessian is taken at fixed parameters of the model, so that the approximation is of the posterior.
The density lives in the unconstrained coordinates v. MacKay, Information Theory, Inference, and Learning
Algorithms, chapter 27.
"""

import numpy as np

from guides.families import Family
from guides.sites import TracedSite, learnt


def initial(size: int, rng: np.random.Generator) -> tuple[TracedSite, ...]:
    """Start at the latents' start; `scale_tril` comes with the Hessian, after learning."""
    return (learnt("loc", np.zeros(size)),)


FAMILY = Family(
    summary="a normal at the mode, from its curvature",
    initial=initial,
    noise_size=lambda size: size,
    point=True,
)
