"""What the guides of both backends share: which sites they serve, with which parameters. NumPy only."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from guides.errors import GuideError
from guides.families import Family, generator
from guides.sites import TracedSite, combinations, global_latents, local_latents, params

PREFIX = "globals."


def guide_parameters(family: Family, size: int, seed: int, options: Mapping[str, Any]) -> tuple[TracedSite, ...]:
    """Return the parameters of a family over `size` global numbers, named "globals.…".

    Raises:
        GuideError: an option the family does not have.
    """
    unknown = sorted(set(options) - set(family.options))
    if unknown:
        known = ", ".join(sorted(family.options)) or "none"
        raise GuideError(f"guide option {unknown[0]!r} is unknown to this family. Known: {known}")
    if size == 0:
        return ()
    sites = family.initial(size, generator(seed, "globals"), **options)
    return tuple(replace(s, name=PREFIX + s.name) for s in sites)


def check_served(name: str, family: Family, traced: Sequence[TracedSite], data_plate: str) -> None:
    """Refuse a model that this guide cannot serve.

    Raises:
        GuideError: naming the site, and what to do.
    """
    for site in global_latents(traced, data_plate):
        if site.discrete:
            raise GuideError(
                f"guide {name!r} cannot serve site {site.name!r}: it is discrete and outside plate "
                f"{data_plate!r}; sum it out in the model"
            )
    for site in local_latents(traced, data_plate):
        if not site.discrete:
            raise GuideError(
                f"no local treatment serves site {site.name!r}: it is continuous and inside plate {data_plate!r}, "
                "and 'marginal' and 'exact' sum over discrete sites; write a guide for it by hand"
            )
    combinations(traced, data_plate)
    if family.point and params(traced) and global_latents(traced, data_plate):
        raise GuideError(
            f"guide {name!r} maximises over latents and parameters at once, which is unbounded where a "
            f"parameter scales a latent; give {params(traced)[0].name!r} a prior, or hold it fixed"
        )


def split(data: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Turn a user's data into a model's arguments: a mapping gives keywords, anything else is the first one."""
    if isinstance(data, Mapping):
        return (), dict(data)
    return () if data is None else (data,), {}


def check_call(model: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
    """Refuse data that the model does not take.

    Raises:
        GuideError: with the model's own complaint.
    """
    try:
        inspect.signature(model).bind(*args, **kwargs)
    except TypeError as error:
        raise GuideError(f"the model cannot be called with these data: {error}") from None
