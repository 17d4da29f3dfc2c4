"""Fits that several tests look at, made once a session."""

from collections.abc import Callable
from typing import Any

import pytest

FAMILIES = ("mean_field", "full_rank", "low_rank", "flow")
# An encoder of a window has no full covariance to give; tests/zoo/models/random_walk/test_window.py sees it refused.
REFUSED = [("random_walk", local, "full_rank") for local in ("amortized", "semi_amortized")]
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


def served() -> list[tuple[str, str | None, str | None]]:
    """Return (model, local treatment, family) of all that the cards say make sense."""
    from guides.local import treatment
    from zoo import catalogue

    found: list[tuple[str, str | None, str | None]] = []
    for name in catalogue.names():
        card = catalogue.model(name).card
        continuous = any(s.kind == "latent" and s.local and not s.discrete for s in card.sites)
        for local in card.local or (None,):
            by_row = continuous and local is not None and treatment(local).by_row
            found += [(name, local, family) for family in (FAMILIES if by_row else (None,))]
    return [case for case in found if case not in REFUSED]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give a test that asks for `case_served` every case that a card says makes sense."""
    if "case_served" in metafunc.fixturenames:
        metafunc.parametrize("case_served", served(), ids=lambda case: "-".join(map(str, case)))


@pytest.fixture
def small_model() -> Callable[[str], Any]:
    """Return `small_model(name)`: a model of small networks and few topics, with the card's options otherwise."""
    import zoo

    few: dict[str, dict[str, Any]] = {
        "vae": {"hidden": 8, "latent": 2},
        "binary_latent": {"latent": 5},
        "lda": {"K": 4},
        "vqvae": {"hidden": 8, "K": 4, "positions": 2},
    }
    return lambda name, **options: zoo.model(name, **{**few.get(name, {}), **options})
