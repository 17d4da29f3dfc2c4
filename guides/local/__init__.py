"""Local treatments: how a row's latents get their variational parameters, one folder each.

A treatment's folder holds `TREATMENT`, which says what it is, and
`emit(guide, args, kwargs, values)` in guide_pyro.py and in guide_numpyro.py, which makes the guide's local
sites given the global ones. A new treatment is one new folder and no other change.
"""

from __future__ import annotations

from dataclasses import dataclass

from guides.discovery import folders, load


@dataclass(frozen=True)
class Treatment:
    """What a local treatment is.

    Args:
        summary: one line for tables.
        enumerated: whether the model's discrete local sites are summed out by the library (TraceEnum_ELBO).
    """

    summary: str
    enumerated: bool = False


def names() -> list[str]:
    """Return the treatments' names.

    >>> names()
    ['exact', 'marginal']
    """
    return folders("guides.local")


def treatment(name: str) -> Treatment:
    """Return the treatment of that name.

    Raises:
        GuideError: there is none.
    """
    found: Treatment = load("guides.local", name, "local treatment").TREATMENT
    return found
