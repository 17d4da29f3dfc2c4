"""The two backends, each behind the same functions in the same order; imported on demand."""

from __future__ import annotations

import importlib
from types import ModuleType

from zoo.errors import UserError, unknown

LIBRARIES = {"pyro": ("pyro", "torch"), "numpyro": ("numpyro", "jax", "funsor")}


def names() -> list[str]:
    """Return the backends' names.

    >>> names()
    ['numpyro', 'pyro']
    """
    return sorted(LIBRARIES)


def get(name: str) -> ModuleType:
    """Import one backend.

    Raises:
        UserError: the name is unknown, or the backend's libraries are not installed.
    """
    if name not in LIBRARIES:
        raise unknown("backend", name, LIBRARIES)
    try:
        for library in LIBRARIES[name]:
            importlib.import_module(library)
    except ModuleNotFoundError as error:
        if error.name not in LIBRARIES[name]:
            raise
        raise UserError(
            f'backend {name!r} needs {error.name!r}, which is not installed: pip install "ppl-zoo[{name}]"'
        ) from None
    return importlib.import_module(f"zoo.backends.{name}_backend")
