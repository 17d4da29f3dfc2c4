"""A side of a comparison: a model function, its backend, and what it is called with."""

from __future__ import annotations

import ast
import importlib.util
import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from guides.bijections import unconstrained_shape
from guides.sites import TracedSite
from zoo import backends
from zoo.errors import UserError

BACKENDS = ("pyro", "numpyro")
_COUNTS = 10  # a discrete site without an upper end is tried at 0 … 9


class SideError(Exception):
    """A side's model raised; the message says which side, and what, in one line."""


@dataclass(frozen=True)
class Side:
    """One implementation.

    Args:
        label: how tables call it.
        backend: the backend's module.
        function: the model.
        data: its array arguments.
        options: its other keyword arguments.
    """

    label: str
    backend: ModuleType
    function: Any
    data: Mapping[str, np.ndarray]
    options: Mapping[str, Any]

    def sites(self) -> tuple[TracedSite, ...]:
        """Return its sites, in its own order."""
        return self._ask("inspect")

    def edges(self) -> frozenset[tuple[str, str]]:
        """Return (parent, child) for every dependence."""
        return self._ask("edges")

    def log_joint_at(self, points: np.ndarray, discrete: Mapping[str, np.ndarray]) -> Any:
        """Return values, log densities by site and gradient at unconstrained points (P, d)."""
        return self._ask("log_joint_at", points, discrete)

    def log_joint(self, values: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Return log densities by site, (P,), at constrained values with P points in front."""
        num = len(next(iter(values.values())))
        each = [self._ask("log_joint", at(values, p)) for p in range(num)]
        return {name: np.array([one[name] for one in each]) for name in each[0]}

    def _ask(self, question: str, *arguments: Any) -> Any:
        try:
            return getattr(self.backend, question)(self.function, self.data, self.options, *arguments)
        except Exception as error:
            first = next(iter(str(error).strip().splitlines()), "")
            raise SideError(f"{self.label}: {type(error).__name__}: {first}") from error


def at(values: Mapping[str, np.ndarray], point: int) -> dict[str, np.ndarray]:
    """Return the values at one of the points."""
    return {name: value[point] for name, value in values.items()}


def columns(sites: Sequence[TracedSite]) -> dict[str, np.ndarray]:
    """Return which columns of a point each param and continuous latent takes, in the sites' order."""
    places, start = {}, 0
    for site in sites:
        if site.kind != "observed" and not site.discrete:
            count = int(np.prod(unconstrained_shape(site)))
            places[site.name] = np.arange(start, start + count)
            start += count
    return places


def discrete_values(sites: Sequence[TracedSite], rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Spread every discrete latent evenly over its support, in random order, (*shape)."""
    return {
        s.name: rng.permutation(np.arange(math.prod(s.shape)) % _values(s)).reshape(s.shape)
        for s in sites
        if s.kind == "latent" and s.discrete
    }


def _values(site: TracedSite) -> int:
    # Categories of a vector that cannot be enumerated are known by its support alone.
    return site.cardinality or (int(site.support.upper) + 1 if site.support.word == "category" else _COUNTS)


def load(spec: str, data: Mapping[str, np.ndarray]) -> Side:
    """Load a user's model from FILE.py:FUNCTION; the file's imports say which backend runs it.

    Raises:
        UserError: it is not of that form, is not there, or imports no backend or both.
    """
    file, _, name = spec.rpartition(":")
    path = Path(file)
    if path.suffix != ".py" or not name.isidentifier():
        raise UserError(f"{spec!r} names no model in a file; write FILE.py:FUNCTION, such as a.py:model")
    if not path.is_file():
        raise UserError(f"there is no file {file!r}; write FILE.py:FUNCTION with a path from here")
    try:
        found = sorted(_imported(ast.parse(path.read_text(encoding="utf-8"))) & set(BACKENDS))
    except SyntaxError as error:
        raise UserError(f"{file}, line {error.lineno}: {error.msg}") from None
    if len(found) != 1:
        raise UserError(f"{file} imports {' and '.join(found) or 'neither pyro nor numpyro'}; import one of them")
    backend = backends.get(found[0])
    function = getattr(_module(path), name, None)
    if not callable(function):
        raise UserError(f"{file} has no function {name!r}")
    return Side(f"{file} ({found[0]})", backend, function, data, {})


def _imported(tree: ast.Module) -> set[str]:
    """Return the top-level packages that a file imports, anywhere in it."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.partition(".")[0])
    return found


def _module(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"_crosscheck_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise UserError(f"{path} cannot be imported as a Python file")
    module = importlib.util.module_from_spec(spec)
    # A user's file may import its neighbours.
    sys.path.insert(0, str(path.parent.resolve()))
    try:
        spec.loader.exec_module(module)
    except ImportError as error:
        raise UserError(f"{path} cannot be imported: {error}") from None
    finally:
        sys.path.pop(0)
    return module
