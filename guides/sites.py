"""What a guide knows of a model: its sites, their supports and their plates, in plain words.

A trace of either backend is read into these classes, so that everything above speaks of one thing.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any, Literal

import numpy as np

from guides.errors import GuideError


@dataclass(frozen=True)
class Support:
    """The set a site's value lies in.

    Args:
        word: "real", "positive", "greater_than", "less_than", "interval", "simplex", "ordered",
            "positive_ordered", "corr_cholesky", "lower_cholesky", "positive_definite", "category",
            "boolean", or the library's own word for anything else.
        lower, upper: bounds, where the word needs them.
    """

    word: str
    lower: float = -np.inf
    upper: float = np.inf

    @property
    def event_dim(self) -> int:
        """Number of trailing dimensions that one constraint ties together."""
        return _EVENT_DIM.get(self.word, 0)

    def __str__(self) -> str:
        bounds = {
            "greater_than": f"({self.lower:g})",
            "less_than": f"({self.upper:g})",
            "interval": f"({self.lower:g}, {self.upper:g})",
        }
        return "unit_interval" if self == UNIT_INTERVAL else self.word + bounds.get(self.word, "")


_EVENT_DIM = {
    "simplex": 1,
    "ordered": 1,
    "positive_ordered": 1,
    "corr_cholesky": 2,
    "lower_cholesky": 2,
    "positive_definite": 2,
}
UNIT_INTERVAL = Support("interval", 0.0, 1.0)


@dataclass(frozen=True)
class Plate:
    """A plate around a site: its full size (not the batch's) and its dimension, counted from the right."""

    name: str
    size: int
    dim: int


@dataclass(frozen=True)
class TracedSite:
    """One site of a traced model.

    Args:
        name: the site's name.
        kind: "param", "latent" or "observed".
        shape: the value's whole shape, plates included.
        event_dim: number of trailing dimensions that belong to one draw of the distribution.
        support: the set its value lies in.
        plates: enclosing plates, outermost first.
        cardinality: number of values that one entry of a discrete site takes, where they are finite; else None.
        discrete: whether the distribution is discrete.
        chain: whether the value is a path: categories along the steps of a chain, each tied to its neighbours alone.
        distribution: the distribution's class name; empty for a param.
        value: a param's initial (constrained) value; None for sample sites.
    """

    name: str
    kind: Literal["param", "latent", "observed"]
    shape: tuple[int, ...]
    event_dim: int
    support: Support
    plates: tuple[Plate, ...] = ()
    cardinality: int | None = None
    discrete: bool = False
    chain: bool = False
    distribution: str = ""
    value: np.ndarray | None = None

    @property
    def size(self) -> int:
        """How many numbers a value has."""
        return math.prod(self.shape)

    def inside(self, plate: str) -> bool:
        """Whether the site lies inside the plate of that name."""
        return any(p.name == plate for p in self.plates)


def learnt(name: str, value: np.ndarray, word: str = "real") -> TracedSite:
    """Describe a parameter that a guide brings along."""
    support = Support(word, lower=0.0) if word == "positive" else Support(word)
    value = np.asarray(value, dtype=np.float64)
    return TracedSite(name, "param", value.shape, value.ndim, support, value=value)


def global_latents(sites: Sequence[TracedSite], data_plate: str) -> tuple[TracedSite, ...]:
    """Return the latents outside the data plate, in the model's order."""
    return tuple(s for s in sites if s.kind == "latent" and not s.inside(data_plate))


def local_latents(sites: Sequence[TracedSite], data_plate: str) -> tuple[TracedSite, ...]:
    """Return the latents inside the data plate, in the model's order."""
    return tuple(s for s in sites if s.kind == "latent" and s.inside(data_plate))


def one_row(site: TracedSite, data_plate: str) -> TracedSite:
    """Return a site as one row of the data plate sees it: without the plate and its axis."""
    axis = row_axis(site, data_plate)
    inner = tuple(p for p in site.plates if p.name != data_plate)
    return replace(site, shape=site.shape[:axis] + site.shape[axis + 1 :], plates=inner)


def row_axis(site: TracedSite, data_plate: str) -> int:
    """Return the axis of a site's value along which the rows of the data plate lie."""
    dim = next(p.dim for p in site.plates if p.name == data_plate)
    return len(site.shape) - site.event_dim + dim


def params(sites: Sequence[TracedSite]) -> tuple[TracedSite, ...]:
    """Return the model's parameters, in the model's order."""
    return tuple(s for s in sites if s.kind == "param")


def combinations(sites: Sequence[TracedSite], data_plate: str, given: Collection[str] = ()) -> list[dict[str, int]]:
    """List every combination of values of the discrete local latents, paths apart; one empty one where there are none.

    Args:
        sites: the model's sites.
        data_plate: name of the plate over rows.
        given: discrete latents to leave out, as their values are known.

    Raises:
        GuideError: a discrete latent cannot be enumerated row by row.
    """
    discrete = [s for s in sites if s.kind == "latent" and s.discrete and not s.chain and s.name not in given]
    for site in discrete:
        if site.cardinality is None or not site.inside(data_plate) or len(site.shape) != 1:
            raise GuideError(
                f"discrete site {site.name!r} cannot be enumerated: only a finite site with one value a row "
                f"of plate {data_plate!r} can; sum it out in the model"
            )
    names = [s.name for s in discrete]
    values = product(*(range(s.cardinality or 0) for s in discrete))
    return [dict(zip(names, v, strict=True)) for v in values]


def open_path(sites: Sequence[TracedSite], data_plate: str, given: Collection[str] = ()) -> TracedSite | None:
    """Return the path that is to be summed over, the chain's states being unknown; None where there is none.

    Args:
        sites: the model's sites.
        data_plate: name of the plate over rows.
        given: latents whose values are known.

    Raises:
        GuideError: other discrete latents are to be summed over too, or the path is not one a row.
    """
    paths = [s for s in sites if s.kind == "latent" and s.chain and s.name not in given]
    if not paths:
        return None
    path = paths[0]
    others = [s.name for s in sites if s.kind == "latent" and s.discrete and s.name not in {*given, path.name}]
    if others:
        raise GuideError(f"path {path.name!r} cannot be summed over together with {others[0]!r}: sum one in the model")
    if [p.name for p in path.plates] != [data_plate] or path.event_dim != 1:
        raise GuideError(f"path {path.name!r} must be one chain a row of plate {data_plate!r}, and in no other plate")
    return path


def by_row(log_density: Any, site: TracedSite, data_plate: str) -> Any:
    """Sum a site's log density, an array of either backend, over every dimension but the data plate's."""
    dim = next(p.dim for p in site.plates if p.name == data_plate)
    others = tuple(d for d in range(-log_density.ndim, 0) if d != dim)
    return log_density.sum(others) if others else log_density


def require_values(latents: Iterable[str], values: Mapping[str, Any]) -> None:
    """Refuse to evaluate a density at a latent that nobody gave, and that would be drawn silently.

    Raises:
        GuideError: a latent has no value.
    """
    missing = [name for name in latents if name not in values]
    if missing:
        raise GuideError(f"no value is given for {', '.join(map(repr, missing))}: a log density needs every latent")


def with_rows(sites: Sequence[TracedSite], data_plate: str, rows: int) -> tuple[TracedSite, ...]:
    """Return the sites as they are with another number of rows in the data plate, without a new trace."""

    def resized(site: TracedSite) -> TracedSite:
        for plate in site.plates:
            if plate.name == data_plate:
                axis = row_axis(site, data_plate)
                shape = (*site.shape[:axis], rows, *site.shape[axis + 1 :])
                return replace(site, shape=shape)
        return site

    return tuple(resized(s) for s in sites)


def count_rows(args: Sequence[Any], kwargs: Mapping[str, object]) -> int:
    """Return the number of rows of a model's arguments: the length of the first array."""
    arrays = (a for a in (*args, *kwargs.values()) if getattr(a, "ndim", 0) > 0)
    return len(next(arrays))
