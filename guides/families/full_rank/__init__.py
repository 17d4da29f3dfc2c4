"""One normal with a full covariance in unconstrained space.

    v = loc + scale_tril noise,   noise ~ N(0, I)

Its size(size + 1)/2 covariance parameters catch every linear correlation.
"""

from collections.abc import Mapping

import numpy as np

from guides.families import Family
from guides.sites import TracedSite, learnt


def initial(size: int, rng: np.random.Generator, init_scale: float = 0.1) -> tuple[TracedSite, ...]:
    """Start narrow and uncorrelated, around the latents' start."""
    return learnt("loc", np.zeros(size)), learnt("scale_tril", init_scale * np.eye(size), "lower_cholesky")


def raised(member: Mapping[str, np.ndarray], rng: np.random.Generator, **options: object) -> dict[str, np.ndarray]:
    """Return the parameters at which it is N(loc, diag(scale²)): a diagonal factor."""
    loc, scale = member["loc"], member["scale"]
    return {"loc": loc, "scale_tril": scale[..., None] * np.eye(scale.shape[-1])}


FAMILY = Family(
    summary="one normal, full covariance",
    initial=initial,
    noise_size=lambda size, init_scale=0.1: size,
    options={"init_scale": 0.1},
    contains="mean_field",
    raised=raised,
)
