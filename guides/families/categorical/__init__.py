"""Independent categorical entries: the family of discrete local latents; with two categories, Bernoulli.

    p(z = k) = exp(ηₖ) / Σ_l exp(η_l),   η₀ = 0

A site of D entries with K categories has D (K − 1) logits. A draw turns a standard normal e into the category
whose cumulative probability first exceeds Φ(e), so that both backends draw alike from the same noise.
"""

import numpy as np

from guides.families import Family
from guides.sites import TracedSite, learnt


def initial(size: int, rng: np.random.Generator, cardinality: int = 2) -> tuple[TracedSite, ...]:
    """Start with equal probabilities."""
    return (learnt("logits", np.zeros((size, cardinality - 1))),)


FAMILY = Family(
    summary="independent categories (discrete)",
    initial=initial,
    noise_size=lambda size, cardinality=2: size,
    options={"cardinality": 2},
    jacobian=False,
    discrete=True,
)
