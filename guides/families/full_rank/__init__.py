"""One normal with a full covariance in unconstrained space.

    v = loc + scale_tril noise,   noise ~ N(0, I)

Its size(size + 1)/2 covariance parameters catch every linear correlation.
"""

import numpy as np

from guides.families import Family
from guides.sites import TracedSite, learnt


def initial(size: int, rng: np.random.Generator, init_scale: float = 0.1) -> tuple[TracedSite, ...]:
    """Start narrow and uncorrelated, around the latents' start."""
    return learnt("loc", np.zeros(size)), learnt("scale_tril", init_scale * np.eye(size), "lower_cholesky")


FAMILY = Family(
    summary="one normal, full covariance",
    initial=initial,
    noise_size=lambda size, init_scale=0.1: size,
    options={"init_scale": 0.1},
)
