"""A zoo of generative models, each written twice, in Pyro and in NumPyro, and a kit of guides that fits them.

    import zoo
    run = zoo.fit("height_bayes", guide="full_rank", backend="numpyro")
    print(run.elbo(), run.gap())

Importing the zoo imports no backend.
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

from zoo.errors import FitError, UserError

if TYPE_CHECKING:
    from zoo.catalogue import Model, model, names
    from zoo.compare import compare
    from zoo.crosscheck import crosscheck
    from zoo.gaps import gaps
    from zoo.inference import fit
    from zoo.own import own
    from zoo.run import Run, load_run

__version__ = "0.1.0"

__all__ = [
    "FitError",
    "Model",
    "Run",
    "UserError",
    "compare",
    "crosscheck",
    "fit",
    "gaps",
    "load_run",
    "model",
    "names",
    "own",
]

_DESK = {
    "Model": "catalogue",
    "model": "catalogue",
    "names": "catalogue",
    "fit": "inference",
    "Run": "run",
    "load_run": "run",
    "compare": "compare",
    "crosscheck": "crosscheck",
    "gaps": "gaps",
    "own": "own",
}


def __getattr__(name: str) -> Any:
    if name not in _DESK:
        raise AttributeError(f"module 'zoo' has no attribute {name!r}")
    found = getattr(importlib.import_module(f"zoo.{_DESK[name]}"), name)
    globals()[name] = found
    return found


class _Desk(ModuleType):
    """The package; importing the submodule `zoo.compare` does not take the place of the function."""

    def __setattr__(self, name: str, value: Any) -> None:
        if not (name in _DESK and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Desk


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
