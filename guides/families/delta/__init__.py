"""A point: q(z) = δ(z − ẑ), learnt by maximising log p(x, z) in the latents' own (constrained) space.

    v = loc

The maximum a posteriori estimate. It is no density: it has a log joint, and no ELBO, gap or k̂.
"""

import numpy as np

from guides.families import Family
from guides.sites import TracedSite, learnt


def initial(size: int, rng: np.random.Generator) -> tuple[TracedSite, ...]:
    """Start at the latents' start."""
    return (learnt("loc", np.zeros(size)),)


FAMILY = Family(
    summary="a point (MAP), no spread",
    initial=initial,
    noise_size=lambda size: 0,
    jacobian=False,
    elbo=False,
    point=True,
)
