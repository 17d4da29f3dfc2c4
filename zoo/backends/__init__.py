"""The two backends, each behind the same functions in the same order; imported on demand."""

from __future__ import annotations

import importlib
from importlib.metadata import version
from importlib.util import find_spec
from types import ModuleType

from zoo.errors import UserError, unknown

# Each one's libraries: the module's name, and the package's.
LIBRARIES = {
    "pyro": {"pyro": "pyro-ppl", "torch": "torch"},
    "numpyro": {"numpyro": "numpyro", "jax": "jax", "funsor": "funsor"},
}


def names() -> list[str]:
    """Return the backends' names.

    >>> names()
    ['numpyro', 'pyro']
    """
    return sorted(LIBRARIES)


def installed() -> list[str]:
    """Return the names of the backends whose libraries are installed, without importing any."""
    return [name for name in names() if not any(map(_absent, LIBRARIES[name]))]


def get(name: str) -> ModuleType:
    """Import one backend.

    Raises:
        UserError: the name is unknown, or the backend's libraries are not installed.
    """
    _check(name)
    return importlib.import_module(f"zoo.backends.{name}_backend")


def versions(name: str) -> dict[str, str]:
    """Return the versions of a backend's libraries, by package, without importing them.

    Raises:
        UserError: as of `get`.
    """
    _check(name)
    return {package: version(package) for package in LIBRARIES[name].values()}


def _check(name: str) -> None:
    if name not in LIBRARIES:
        raise unknown("backend", name, LIBRARIES)
    lost = next(filter(_absent, LIBRARIES[name]), None)
    if lost:
        raise UserError(f'backend {name!r} needs {lost!r}, which is not installed: pip install "ppl-zoo[{name}]"')


def _absent(module: str) -> bool:
    try:
        return find_spec(module) is None
    except ModuleNotFoundError:  # something stands in the way of the import
        return True
