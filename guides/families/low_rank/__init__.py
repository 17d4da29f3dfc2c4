"""One normal whose covariance is a diagonal plus a matrix of low rank, in unconstrained space.

    v = loc + scale ⊙ noise[:size] + cov_factor noise[size:],   noise ~ N(0, I)

`cov_factor` (size, rank) starts at N(0, init_scale²/rank) and not at 0, which is a saddle where no
correlation is learnt for hundreds of steps. Ong, Nott and Smith, "Gaussian variational approximation with
a factor covariance structure", JCGS 2018.
"""

from collections.abc import Mapping

import numpy as np

from guides.errors import GuideError
from guides.families import Family
from guides.sites import TracedSite, learnt

SHARE = 1e-3  # of the variance that starts in `cov_factor`, if the family starts from independent normals


def _rank(size: int, rank: int | None) -> int:
    chosen = max(1, round(size**0.5)) if rank is None else rank
    if not 1 <= chosen <= size:
        raise GuideError(f"rank {chosen} of guide 'low_rank' must be between 1 and the {size} latent numbers")
    return chosen


def initial(
    size: int, rng: np.random.Generator, init_scale: float = 0.1, rank: int | None = None
) -> tuple[TracedSite, ...]:
    """Start narrow, with small random correlations; rank is √size, rounded, unless given."""
    columns = _rank(size, rank)
    factor = init_scale / columns**0.5 * rng.standard_normal((size, columns))
    return (
        learnt("loc", np.zeros(size)),
        learnt("scale", np.full(size, init_scale), "positive"),
        learnt("cov_factor", factor),
    )


def raised(
    member: Mapping[str, np.ndarray], rng: np.random.Generator, rank: int | None = None, **options: object
) -> dict[str, np.ndarray]:
    """Return parameters at which it is all but N(loc, diag(scale²)): the variances are, correlations are about 1e-3."""
    loc, scale = member["loc"], member["scale"]
    # Each latent's factors have length √SHARE exactly, in directions of their own.
    direction = rng.standard_normal((*scale.shape, _rank(scale.shape[-1], rank)))
    direction = direction / np.linalg.norm(direction, axis=-1, keepdims=True)
    return {
        "loc": loc,
        "scale": (1 - SHARE) ** 0.5 * scale,
        "cov_factor": SHARE**0.5 * scale[..., None] * direction,
    }


FAMILY = Family(
    summary="one normal, diagonal plus low rank",
    initial=initial,
    noise_size=lambda size, init_scale=0.1, rank=None: size + _rank(size, rank),
    options={"init_scale": 0.1, "rank": None},
    contains="mean_field",
    raised=raised,
)
