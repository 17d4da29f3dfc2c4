"""Find families and local treatments by their folders: there is no list to edit."""

from __future__ import annotations

import importlib
import pkgutil
from difflib import get_close_matches
from types import ModuleType

from guides.errors import GuideError


def folders(package: str) -> list[str]:
    """Return the names of a package's sub-packages, sorted."""
    path = importlib.import_module(package).__path__
    return sorted(m.name for m in pkgutil.iter_modules(path) if m.ispkg)


def load(package: str, name: str, kind: str) -> ModuleType:
    """Import one sub-package.

    Raises:
        GuideError: there is none of that name; the nearest names are given.
    """
    known = folders(package)
    if name not in known:
        near = get_close_matches(str(name), known, n=2, cutoff=0.5)
        hint = f"; did you mean {' or '.join(map(repr, near))}?" if near else "."
        raise GuideError(f"{kind} {name!r} is unknown{hint} Known: {', '.join(known)}")
    return importlib.import_module(f"{package}.{name}")
