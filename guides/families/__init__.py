"""Families q(v; φ) over a flat vector v of unconstrained latents, one folder each.

A family's folder holds `FAMILY`, which says what it is and where its parameters start (NumPy), and
`draw(params, noise) -> (v, log q(v))` in guide_pyro.py and in guide_numpyro.py. A new family is one new
folder and no other change.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from guides.discovery import folders, load
from guides.sites import TracedSite

Initial = Callable[..., tuple[TracedSite, ...]]


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
        point: whether learning climbs to a point, which only exists where the joint density is bounded.
    """

    summary: str
    initial: Initial
    noise_size: Callable[..., int]
    options: Mapping[str, Any] = field(default_factory=dict)
    jacobian: bool = True
    elbo: bool = True
    point: bool = False


def names() -> list[str]:
    """Return the families' names.

    >>> names()
    ['delta', 'flow', 'full_rank', 'laplace', 'low_rank', 'mean_field']
    """
    return folders("guides.families")


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
