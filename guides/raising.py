"""A richer family starts from the end of a poorer one that it contains, so that it cannot end below it.

A family names the poorer one (`Family.contains`) and says which of its parameters make it a given member of that one
(`Family.raised`). The steps: learn the poorer family; go on from `raised`; keep the start if the end is not above it
(`gained`), by draws from the same noise. NumPy only: both backends start from the same numbers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from guides.families import family, generator
from guides.guide import PREFIX, guide_parameters


def poorer(name: str, options: Mapping[str, Any]) -> tuple[str, dict[str, Any]] | None:
    """Return the family that a richer one starts from, with those of its options that both have; None if it has none.

    >>> poorer("low_rank", {"rank": 2, "init_scale": 0.3})
    ('mean_field', {'init_scale': 0.3})
    >>> poorer("mean_field", {})
    """
    below = family(name).contains
    if below is None:
        return None
    known = family(below).options
    return below, {option: value for option, value in options.items() if option in known}


def raised(
    name: str, options: Mapping[str, Any], learnt: Mapping[str, np.ndarray], size: int, seed: int
) -> dict[str, np.ndarray]:
    """Return where a richer family's parameters start, at which it is the poorer family's fitted member.

    Args:
        name: the richer family; `poorer` is not None for it.
        options: the richer family's.
        learnt: the poorer family's fitted parameters, "globals.…"; other names are ignored.
        size: how many global latent numbers there are.
        seed: of what is drawn: the seed of the guide.

    Returns:
        Constrained values by the parameters' full names, "globals.…", in double precision.

    Raises:
        ValueError: the family starts from no other.
    """
    chosen = family(name)
    if chosen.raised is None:
        raise ValueError(f"family {name!r} contains no other that it could start from")
    member = {
        key.removeprefix(PREFIX): np.asarray(value, np.float64)
        for key, value in learnt.items()
        if key.startswith(PREFIX)
    }
    own = chosen.raised(member, generator(seed, "raised"), **options)
    first = guide_parameters(chosen, size, seed, options)
    return {site.name: np.asarray(own.get(site.name.removeprefix(PREFIX), site.value)) for site in first}


def start_from(guide: Any, learnt: Mapping[str, Any], *, seed: int = 0) -> None:
    """Let a guide start at the fitted parameters of the poorer family, in the libraries' stock `SVI`.

    Args:
        guide: what `guides.build` returned; nothing may have been learnt with it.
        learnt: parameters of a fit of the poorer family to the same model, by their full names.
        seed: of what is drawn.

    Raises:
        ValueError: the guide's family starts from no other.
    """
    values = raised(guide.name, guide.options, learnt, guide.coordinates.size, seed)
    guide.parameters = tuple(replace(p, value=values.get(p.name, p.value)) for p in guide.parameters)


def gained(before: np.ndarray, after: np.ndarray) -> tuple[float, float]:
    """Return by how much the ELBO rose, and the standard error, from log weights of draws by the same noise.

    Args:
        before, after: log p(x, z) − log q(z), one for each draw (S,), in nats.

    Returns:
        Nats and their error. −inf where `after` has a weight that is not finite, so that the start is kept; else inf
        where `before` has one.

    >>> gained(np.array([0.0, 1.0, 2.0]), np.array([0.5, 1.5, 2.5]))
    (0.5, 0.0)
    """
    if not np.isfinite(after).all():
        return -np.inf, np.inf
    if not np.isfinite(before).all():
        return np.inf, np.inf
    rise = np.asarray(after, np.float64) - np.asarray(before, np.float64)
    return float(rise.mean()), float(rise.std(ddof=1) / len(rise) ** 0.5)
