"""What the tests of the documentation share: the program that runs its examples."""

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture(scope="session")
def refresh() -> ModuleType:
    """Return docs/refresh.py."""
    spec = importlib.util.spec_from_file_location("docs_refresh", Path(__file__).parents[1] / "docs/refresh.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def code(refresh: ModuleType) -> Callable[[Path], str]:
    """Return `code(page)`, the one program of a page."""

    def one(page: Path) -> str:
        (example,) = [e for e in refresh.examples(page.read_text(encoding="utf-8")) if e.kind == "python"]
        return str(example.code)

    return one
