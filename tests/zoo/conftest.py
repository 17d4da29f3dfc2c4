"""Fits that several tests look at, made once a session."""

from collections.abc import Callable
from typing import Any

import pytest

_RUNS: dict[Any, Any] = {}


def fitted(name: str, backend: str, **words: Any) -> Any:
    """Return the run of a request; the same request is fitted once."""
    import zoo

    key = (name, backend, repr(sorted(words.items())))
    if key not in _RUNS:
        _RUNS[key] = zoo.fit(name, backend=backend, **words)
    return _RUNS[key]


@pytest.fixture(scope="session")
def fit() -> Callable[..., Any]:
    """Return `fit(name, backend, **words)`, which fits the same request once a session."""
    return fitted
