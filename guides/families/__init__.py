"""Families q(v; φ) over a flat vector v of unconstrained latents, one folder each.

A family's folder holds `FAMILY`, which says what it is and where its parameters start (NumPy), and
`draw(params, noise) -> (v, log q(v))` in guide_pyro.py and in guide_numpyro.py. Parameters and noise may have
rows in front: then each row of local latents has its own. A new family is one new folder and no other change.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from guides.discovery import folders, load
from guides.sites import TracedSite

Initial = Callable[..., tuple[TracedSite, ...]]
Raised = Callable[..., Mapping[str, np.ndarray]]


@dataclass(frozen=True)
class Family:
    """What a family is, apart from its draws.

    Args:
        summary: one line for tables.
        initial: (size, rng, **options) -> its parameters, unprefixed, with initial values.
        noise_size: (size, **options) -> how many standard normals one draw takes.
        options: option name to default; other options are refused.
        jacobian: whether log densities are those of v (True) or of the constrained values (False: MAP).
        elbo: whether it is a density, and so has an ELBO, a gap and a k̂.
        shared: whether parameters other than "loc", "scale" and "context" are one for all rows when the family
            serves local latents.
        discrete: whether it serves discrete latents, and no others.
        point: whether learning climbs to a point, which only exists where the joint density is bounded.
        contains: a poorer family, of which it has every member; learning may start from that one's end.
        raised: (parameters of a member of that family, rng, **options) -> those of its own parameters that are other
            than at `initial`, at which it is that member; rows in front if they have rows in front.
        rate: learning rate from there on, as a share of the poorer family's: less if noise moves many parameters.
    """

    summary: str
    initial: Initial
    noise_size: Callable[..., int]
    options: Mapping[str, Any] = field(default_factory=dict)
    jacobian: bool = True
    elbo: bool = True
    shared: bool = False
    discrete: bool = False
    point: bool = False
    contains: str | None = None
    raised: Raised | None = None
    rate: float = 1.0

    def by_row(self, parameter: str) -> bool:
        """Whether each row has its own value of a parameter, when the family serves local latents."""
        return not self.shared or parameter in {"loc", "scale", "context"}


def names(*, discrete: bool = False) -> list[str]:
    """Return the names of the families of continuous latents, or of discrete ones.

    >>> names()
    ['delta', 'flow', 'full_rank', 'laplace', 'low_rank', 'mean_field']
    >>> names(discrete=True)
    ['categorical']
    """
    return [name for name in folders("guides.families") if family(name).discrete == discrete]


def family(name: str) -> Family:
    """Return the family of that name.

    Raises:
        GuideError: there is none.
    """
    found: Family = load("guides.families", name, "guide").FAMILY
    return found


def generator(seed: int, name: str) -> np.random.Generator:
    """Return the random generator of one named array: the same numbers in either backend."""
    return np.random.default_rng([seed, *name.encode()])
