"""Are two implementations the same model? Compared exactly, not up to a constant, and supports too.

Left and right must have the same sites, in support, shape, plates and edges; and at points drawn in
unconstrained space, a quarter of them far in the tails, the same log density at every site and the same
gradient, in double precision. A third opinion is the model's `exact.py`, wherever it knows a density.

Sizes are unequal and options off their defaults, so that a swapped axis shows, and so does a prior whose
default makes it flat.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from types import ModuleType
from typing import Any

import numpy as np

from guides.sites import TracedSite
from zoo import backends, catalogue
from zoo.card import Card, Option
from zoo.crosscheck.rows import Row, densities, edges, gradient, structure
from zoo.crosscheck.sides import BACKENDS, Side, SideError, at, columns, discrete_values, load

__all__ = ["Check", "Row", "crosscheck", "crosscheck_files"]

NUM_POINTS, NUM_TAIL = 64, 16
# How far out every coordinate of a tail point lies; scales are then 0.02 … 55. Further out, the condition
# number of a covariance, and with it the rounding of either side, exceeds the tolerance by itself.
TAIL = (3.0, 4.0)
ROWS = 5
SIZES = {"K": 3, "D": 2, "latent": 3, "hidden": 5}
OFF_DEFAULT = 1.37  # any number that makes no term vanish


@dataclass(frozen=True)
class Check:
    """The outcome of a comparison.

    Args:
        name: what was compared.
        sides: names of left and right.
        rows: everything that was compared.
    """

    name: str
    sides: tuple[str, str]
    rows: tuple[Row, ...]

    @property
    def ok(self) -> bool:
        """Whether everything agrees."""
        return all(row.ok for row in self.rows)

    def text(self) -> str:
        """Return a plain table: a line for each kind of comparison, and every disagreement in full."""
        verdict = "the same model" if self.ok else "NOT the same model"
        lines = [f"{self.name}: {self.sides[0]} and {self.sides[1]} are {verdict}"]
        for what in dict.fromkeys(row.what for row in self.rows):
            rows = [row for row in self.rows if row.what == what]
            agree = sum(row.ok for row in rows)
            numbers = [row.difference for row in rows if row.difference is not None]
            worst = f", at worst {max(numbers):.2g} of the difference allowed" if numbers else ""
            sign = "same  " if agree == len(rows) else "DIFFER"
            lines.append(f"  {sign}  {what}: {agree} of {len(rows)}{worst}")
            lines += [f"          {row.where}: {row.left}  |  {row.right}" for row in rows if not row.ok]
        return "\n".join(lines)

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {"name": self.name, "ok": self.ok, "sides": self.sides, "rows": [asdict(r) for r in self.rows]}


def crosscheck(
    model: Any,
    other: str | None = None,
    data: Mapping[str, np.ndarray] | None = None,
    num_points: int = NUM_POINTS,
    num_tail: int = NUM_TAIL,
    seed: int = 0,
) -> Check:
    """Compare a model's two implementations with each other and with its `exact.py`.

    Args:
        model: a name of the zoo (unequal sizes, and every choice of its options), a `zoo.model(...)` (as its
            options say), or a user's file "a.py:model".
        other: a user's second file "b.py:model", to compare with the first.
        data: what is observed, arrays by name; default: a few simulated rows. Files need their own.
        num_points: points in unconstrained space.
        num_tail: how many of them lie in the tails.
        seed: of points, discrete values and simulated data.

    Returns:
        A `Check`: `.ok`, `.rows`, `.text()`.

    Raises:
        UserError: the name, file, function or backend is not there.
    """
    if other is not None:
        return crosscheck_files(str(model), other, data, num_points, num_tail, seed)
    rows: list[Row] = []
    variants = _variants(model) if isinstance(model, str) else iter([("", model)])
    for label, variant in variants:
        bound = variant.bind(variant.simulate(seed, ROWS) if data is None else data)
        found = variant.simulate(seed, ROWS) if data is None else data
        pair = [Side(n, backends.get(n), getattr(bound, n), found, bound.options) for n in BACKENDS]
        new = attempt(pair[0], pair[1], bound.exact, num_points, num_tail, seed)
        rows += [replace(row, where=row.where + label) for row in new]
    return Check(model if isinstance(model, str) else model.name, BACKENDS, tuple(rows))


def crosscheck_files(
    left: str,
    right: str,
    data: Mapping[str, np.ndarray] | None = None,
    num_points: int = NUM_POINTS,
    num_tail: int = NUM_TAIL,
    seed: int = 0,
) -> Check:
    """Compare two functions of a user's files; which backend runs each is read from its file's imports.

    Args:
        left: FILE.py:FUNCTION.
        right: FILE.py:FUNCTION.
        data: keyword arguments of both functions, arrays by name.
        num_points: as in `crosscheck`.
        num_tail: as in `crosscheck`.
        seed: as in `crosscheck`.
    """
    pair = [load(spec, data or {}) for spec in (left, right)]
    rows = attempt(pair[0], pair[1], None, num_points, num_tail, seed)
    return Check(f"{left} against {right}", (pair[0].label, pair[1].label), tuple(rows))


def attempt(left: Side, right: Side, *how: Any) -> Iterator[Row]:
    """Yield what `compare` does; a model that raises ends in a row that says so."""
    try:
        yield from compare(left, right, *how)
    except SideError as error:
        yield Row("runs", "all", str(error), "", None, False)


def compare(
    left: Side, right: Side, exact: ModuleType | None, num_points: int, num_tail: int, seed: int
) -> Iterator[Row]:
    """Yield a row for everything that two sides can be compared in, and the left one with `exact`."""
    with left.backend.precision("float64"), right.backend.precision("float64"):
        sites = left.sites(), right.sites()
        yield from structure(*sites)
        yield edges(left.edges(), right.edges())
        free = [{s.name: s for s in side if s.kind != "observed"} for side in sites]
        if {n: s.shape for n, s in free[0].items()} != {n: s.shape for n, s in free[1].items()}:
            reason = "needs the same sites and shapes"
            yield Row("log density", "all", reason, reason, None, False)
            return
        rng = np.random.default_rng(seed)
        discrete = discrete_values(sites[0], rng)
        places = [columns(side) for side in sites]
        points = rng.normal(size=(num_points, sum(map(len, places[0].values()))))
        tails = points[num_points - num_tail :]
        tails[:] = np.copysign(rng.uniform(*TAIL, size=tails.shape), tails)
        here = left.log_joint_at(points, discrete)
        held = {name: np.broadcast_to(v, (num_points, *v.shape)) for name, v in discrete.items()}
        values = {name: np.asarray(v) for name, v in {**held, **here.values}.items() if name in free[0]}
        if all(_same_space(free[0][name], free[1][name]) for name in free[0]):
            moved = np.empty_like(points)
            for name, place in places[1].items():
                moved[:, place] = points[:, places[0][name]]
            there = right.log_joint_at(moved, discrete)
            yield from densities("log density", here.by_site, there.by_site)
            largest = np.abs(here.gradient).max(axis=1, initial=0.0)
            terms, reach = sum(x.size for x in left.data.values()), float(np.abs(points).max(initial=0.0))
            for name, place in places[0].items():
                pair = here.gradient[:, place], there.gradient[:, places[1][name]]
                yield gradient(name, *pair, largest, terms, reach)
        else:
            # The same point is another value where supports differ, so the values themselves are handed over.
            yield from densities("log density", here.by_site, right.log_joint(values))
        if exact is not None and hasattr(exact, "log_joint"):
            each = [exact.log_joint(at(values, p), left.data, **left.options) for p in range(num_points)]
            known = {name: np.array([one[name] for one in each]) for name in each[0]}
            mine = {name: v for name, v in here.by_site.items() if name in known}
            yield from densities("log density in exact.py", mine, known)


def _same_space(left: TracedSite, right: TracedSite) -> bool:
    """Whether two sites of one shape have the same unconstrained coordinates."""
    return left.support == right.support and left.discrete == right.discrete


def _variants(name: str) -> Iterator[tuple[str, Any]]:
    """Yield the model off its defaults, and again for each other choice of an option, with a label."""
    card: Card = catalogue.model(name).card
    options = {o.name: value for o in card.options if (value := _unusual(o)) is not None}
    yield "", catalogue.model(name, **options)
    for option in card.options:
        for choice in option.choices or ((OFF_DEFAULT,) if option.default is None else ()):
            if choice != option.default:
                yield f" ({option.name}={choice})", catalogue.model(name, **options | {option.name: choice})


def _unusual(option: Option) -> Any:
    """Return a value that differs from the option's default, or None to leave it alone."""
    if option.name in SIZES:
        return SIZES[option.name]
    if option.choices or option.derive is not None or not isinstance(option.default, float):
        return None
    return option.default * OFF_DEFAULT
