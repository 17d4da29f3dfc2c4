"""Independent normals in unconstrained space.

    v = loc + scale ⊙ noise,   noise ~ N(0, I)

Under-states the variance of correlated latents (Bishop, PRML, 10.1.2). Known as ADVI's mean field:
Kucukelbir et al., "Automatic differentiation variational inference", JMLR 2017.
"""

import numpy as np

from guides.families import Family
from guides.sites import TracedSite, learnt


def initial(size: int, rng: np.random.Generator, init_scale: float = 0.1) -> tuple[TracedSite, ...]:
    """Start narrow, around the latents' start."""
    return learnt("loc", np.zeros(size)), learnt("scale", np.full(size, init_scale), "positive")


FAMILY = Family(
    summary="independent normals",
    initial=initial,
    noise_size=lambda size, init_scale=0.1: size,
    options={"init_scale": 0.1},
)
