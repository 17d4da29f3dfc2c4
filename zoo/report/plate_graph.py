"""What a plate diagram shows: sites, their edges and their plates, as a backend's trace gives them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol


class PlateLike(Protocol):
    """A plate, as a backend's `inspect` gives it."""

    @property
    def name(self) -> str:
        """Its name in the model."""

    @property
    def size(self) -> int:
        """Its full size, not a batch's."""


class SiteLike(Protocol):
    """A site, as a backend's `inspect` gives it."""

    @property
    def name(self) -> str:
        """Its name in the model."""

    @property
    def kind(self) -> str:
        """One of "param", "latent" and "observed"."""

    @property
    def plates(self) -> Sequence[PlateLike]:
        """The plates around it."""


Edges = Collection[tuple[str, str]]


@dataclass(frozen=True)
class Network:
    """The arrays of a network, drawn as one parameter."""

    name: str
    plates: Sequence[PlateLike] = ()
    kind: str = "param"


def folded(sites: Iterable[SiteLike], edges: Edges) -> tuple[tuple[SiteLike, ...], set[tuple[str, str]]]:
    """Return sites and edges as they are drawn: "decoder.layer0.weight" and all its kin are one "decoder"."""
    sites = tuple(sites)
    stems = {s.name: s.name.partition(".")[0] for s in sites if s.kind == "param"}
    count = Counter(stems.values())
    shown = {s.name: stems[s.name] if count[stems.get(s.name, "")] > 1 else s.name for s in sites}
    kept = {shown[s.name]: s if shown[s.name] == s.name else Network(shown[s.name]) for s in sites}
    return tuple(kept.values()), {(shown[parent], shown[child]) for parent, child in edges}


def plates_of(sites: Iterable[SiteLike]) -> list[PlateLike]:
    """Return every plate once, those with more members first: an outer plate before what it holds."""
    sites = tuple(sites)
    found = {p.name: p for s in sites for p in s.plates}
    return sorted(found.values(), key=lambda p: -len(members_of(sites, p.name)))


def members_of(sites: Iterable[SiteLike], plate: str) -> list[str]:
    """Return the names of the sites in a plate."""
    return [s.name for s in sites if any(p.name == plate for p in s.plates)]


def ordered(sites: Sequence[SiteLike], edges: Edges) -> tuple[tuple[str, str], ...]:
    """Return the edges in the order of the sites."""
    order = {s.name: i for i, s in enumerate(sites)}
    return tuple(sorted(edges, key=lambda e: (order[e[0]], order[e[1]])))


def label(plate: PlateLike) -> str:
    """Return what is written in a plate's corner."""
    return f"{plate.name} · {plate.size}"


def describe(sites: Iterable[SiteLike], edges: Edges) -> str:
    """Return the diagram in one sentence, for those who do not see it."""
    sites = tuple(sites)
    arrows = ", ".join(f"{p} → {c}" for p, c in ordered(sites, edges)) or "no edges"
    plates = "; ".join(
        f"plate {p.name} of {p.size} holds {', '.join(members_of(sites, p.name))}" for p in plates_of(sites)
    )
    return f"Plate diagram: {arrows}" + (f"; {plates}" if plates else "")
