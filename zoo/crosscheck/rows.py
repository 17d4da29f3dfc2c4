"""One comparison is one row: what was compared, both sides, and how far apart they are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from guides.sites import TracedSite

DENSITY_RTOL = 1e-9
GRADIENT_RTOL = 1e-8
EPSILON = float(np.finfo(np.float64).eps)


@dataclass(frozen=True)
class Row:
    """One thing that was compared.

    Args:
        what: "support", "log density", "gradient", …
        where: the site, and the options where they are not the first ones tried.
        left: what the left side has; at the worst point, for numbers.
        right: what the right side has there.
        difference: largest difference as a multiple of what is allowed; None for words.
        ok: whether the sides agree.
    """

    what: str
    where: str
    left: str
    right: str
    difference: float | None
    ok: bool


def words(what: str, where: str, left: str, right: str) -> Row:
    """Compare descriptions."""
    return Row(what, where, left, right, None, left == right)


def structure(left: Sequence[TracedSite], right: Sequence[TracedSite]) -> Iterator[Row]:
    """Compare the sites' names, and every property of those that both sides have."""
    yield words("sites", "all", *(", ".join(sorted(s.name for s in sites)) for sites in (left, right)))
    other = {s.name: s for s in right}
    for site in left:
        if site.name in other:
            for what, describe in _PROPERTIES.items():
                yield words(what, site.name, describe(site), describe(other[site.name]))


_PROPERTIES = {
    "kind": lambda s: s.kind,
    "support": lambda s: str(s.support),
    "shape": lambda s: f"{s.shape}, of which {s.event_dim} in one event",
    "plates": lambda s: ", ".join(f"{p.name} of {p.size} at {p.dim}" for p in s.plates) or "none",
    "values": lambda s: f"discrete, {s.cardinality}" if s.discrete else "continuous",
}


def edges(left: frozenset[tuple[str, str]], right: frozenset[tuple[str, str]]) -> Row:
    """Compare which site depends on which; only the edges that one side alone has are shown."""
    shown = [", ".join(f"{a} -> {b}" for a, b in sorted(only)) for only in (left - right, right - left)]
    return Row("edges", "all", shown[0] or "nothing else", shown[1] or "nothing else", None, left == right)


def densities(what: str, left: Mapping[str, np.ndarray], right: Mapping[str, np.ndarray]) -> Iterator[Row]:
    """Compare log densities by site, (P,) each.

    The relative difference counts from 1 nat upwards: where the terms of a log density cancel, 1e-9 nats are
    nothing, however small their sum.
    """
    yield words(what, "sites that have one", *(", ".join(sorted(side)) for side in (left, right)))
    for name in left:
        if name in right:
            a, b = (np.asarray(side[name], dtype=np.float64) for side in (left, right))
            scale = np.maximum(1.0, np.maximum(np.abs(a), np.abs(b)))
            yield numbers(what, name, a, b, DENSITY_RTOL * scale)


def gradient(where: str, left: np.ndarray, right: np.ndarray, largest: np.ndarray, terms: int, reach: float) -> Row:
    """Compare gradients by unconstrained coordinate.

    Beside the relative difference, rounding is allowed for. A sum of n terms is off by at most n eps times the
    largest (Higham, Accuracy and stability of numerical algorithms, 2002, section 4.2), and a component has a term for
    each observed number. A term that ends small, as a saturated unit's does, can come from one that was larger than
    any component: by a weight and an input, which are coordinates of the point.

    Args:
        where: the site.
        left: (P, d).
        right: (P, d).
        largest: the largest component of the whole gradient at each point, (P,).
        terms: how many numbers are observed.
        reach: the largest coordinate of any point.
    """
    relative = GRADIENT_RTOL * np.maximum(np.abs(left), np.abs(right))
    rounding = EPSILON * max(1, terms) * max(1.0, reach) ** 2 * np.maximum(1.0, largest)
    return numbers("gradient", where, left, right, relative + rounding[:, None])


def numbers(what: str, where: str, left: np.ndarray, right: np.ndarray, allowed: np.ndarray) -> Row:
    """Compare arrays of one shape; a value that is not finite is a disagreement, even with itself."""
    if left.shape != right.shape:
        return words(what, where, f"shape {left.shape}", f"shape {right.shape}")
    if not left.size:
        return Row(what, where, "nothing", "nothing", None, True)
    finite = np.isfinite(left) & np.isfinite(right)
    with np.errstate(invalid="ignore"):
        excess = np.where(finite, np.abs(left - right) / allowed, np.inf)
    worst = np.unravel_index(np.argmax(excess), excess.shape)
    a, b, e = (float(v[worst]) for v in (left, right, excess))
    return Row(what, where, f"{a:.12g}", f"{b:.12g}", e, e <= 1)
