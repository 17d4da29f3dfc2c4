"""What the guides of both backends share: which sites they serve, with which parameters. NumPy only."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from guides.errors import GuideError
from guides.families import Family, generator
from guides.local import names as local_names
from guides.local import treatment
from guides.sites import TracedSite, combinations, global_latents, params

PREFIX = "globals."
GUIDE_PARAMS = (PREFIX, "local.")  # what the names of a guide's own params begin with


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


def treatments(
    local: str | Mapping[str, str], sites: Sequence[TracedSite], *, supplied: bool
) -> tuple[str | None, tuple[TracedSite, ...], tuple[TracedSite, ...]]:
    """Say which local latents get numbers of their own, and which are treated by the true posterior.

    Args:
        local: a treatment, or one by site.
        sites: the local latents.
        supplied: whether the model brings its own q of its continuous ones.

    Returns:
        The treatment that hands out φᵢ, or that the model brings, or None; the sites it serves; the other sites.

    Raises:
        GuideError: a site that no treatment serves, or two treatments that hand out φᵢ.
    """
    names = {s.name: local if isinstance(local, str) else local.get(s.name, "marginal") for s in sites}
    for name in () if isinstance(local, str) else local:
        if name not in names:
            raise GuideError(f"local treatment of {name!r}: the model has no such local latent")
    handing = sorted({n for n in names.values() if treatment(n).by_row or treatment(n).quantises})
    if len(handing) > 1:
        raise GuideError(f"local treatments {' and '.join(map(repr, handing))} cannot be mixed; choose one of them")
    for site in sites:
        if not site.discrete and not handing and not (supplied and treatment(names[site.name]).supplied):
            raise GuideError(
                f"local={names[site.name]!r} cannot serve site {site.name!r}, which is continuous: take one of "
                + ", ".join(n for n in local_names() if treatment(n).by_row)
            )
    # A site of a single category has nothing to learn.
    own = [s for s in sites if s.cardinality != 1 and (names[s.name] in handing or not (handing or s.discrete))]
    rest = [s for s in sites if s not in own]
    chosen = None if not own else handing[0] if handing else names[own[0].name]
    return chosen, tuple(own), tuple(rest)


def named_data(model: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, object]) -> dict[str, Any]:
    """Return the arrays that a model is called with, by the names of its arguments."""
    if not args:
        return {name: value for name, value in kwargs.items() if getattr(value, "ndim", 0) > 0}
    bound = inspect.signature(model).bind(*args, **kwargs).arguments
    flat = {**bound, **bound.get("kwargs", {})}
    return {name: value for name, value in flat.items() if getattr(value, "ndim", 0) > 0}


def plain(model: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, object]) -> dict[str, Any]:
    """Return what else a model is called with, by name, but for the whole data set's size."""
    bound = inspect.signature(model).bind(*args, **kwargs).arguments
    flat = {**bound, **bound.get("kwargs", {})} if args else kwargs
    arrays = named_data(model, args, kwargs)
    return {name: value for name, value in flat.items() if name not in {*arrays, "size", "kwargs"}}


def check_served(
    name: str, family: Family, traced: Sequence[TracedSite], data_plate: str, summed: Sequence[TracedSite]
) -> None:
    """Refuse a model that this guide cannot serve.

    Args:
        name, family: of the global latents.
        traced: the model's sites that are free.
        data_plate: name of the plate over rows.
        summed: local latents that are summed over.

    Raises:
        GuideError: naming the site, and what to do.
    """
    for site in global_latents(traced, data_plate):
        if site.discrete:
            raise GuideError(
                f"guide {name!r} cannot serve site {site.name!r}: it is discrete and outside plate "
                f"{data_plate!r}; sum it out in the model"
            )
    combinations(summed, data_plate)
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


def check_call(model: Callable[..., Any], args: tuple[object, ...], kwargs: Mapping[str, object]) -> None:
    """Refuse data that the model does not take.

    Raises:
        GuideError: with the model's own complaint.
    """
    try:
        inspect.signature(model).bind(*args, **kwargs)
    except TypeError as error:
        raise GuideError(f"the model cannot be called with these data: {error}") from None
