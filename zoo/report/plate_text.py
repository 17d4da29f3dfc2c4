"""A plate diagram as text for a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby

from zoo.report.layout import Graph
from zoo.report.plate_graph import Edges, SiteLike, folded, label, plates_of


def text(sites: Iterable[SiteLike], edges: Edges) -> str:
    """Return the diagram for a terminal: plates as boxes, each node with its parents.

    Args:
        sites: of the model's trace.
        edges: (parent, child) pairs of site names.

    Returns:
        Lines of text: `·` a parameter, `○` a latent, `●` an observed site.
    """
    sites, edges = folded(sites, edges)
    depths = Graph(tuple(s.name for s in sites), tuple(edges)).depths()
    order = {s.name: (depths[s.name], i) for i, s in enumerate(sites)}
    width = max(len(s.name) for s in sites)
    parents = {s.name: sorted((p for p, c in edges if c == s.name), key=order.__getitem__) for s in sites}
    lines = _boxes(sorted(sites, key=lambda s: order[s.name]), parents, width, [p.name for p in plates_of(sites)])
    marks = {"param": "· learnt parameter", "latent": "○ latent", "observed": "● observed"}
    legend = "   ".join(words for kind, words in marks.items() if any(s.kind == kind for s in sites))
    return "\n".join([*lines, "", legend + "   ← its parents"])


def _boxes(sites: Sequence[SiteLike], parents: dict[str, list[str]], width: int, outer: Sequence[str]) -> list[str]:
    """Draw sites, those with a plate in a box of its own, outermost plate first."""

    def first(site: SiteLike) -> str:
        return min((p.name for p in site.plates if p.name in outer), key=list(outer).index, default="")

    lines: list[str] = []
    for name, run in groupby(sorted(sites, key=lambda s: list(outer).index(first(s)) if first(s) else -1), first):
        group = list(run)
        if not name:
            for s in group:
                mark = {"param": "·", "latent": "○", "observed": "●"}[s.kind]
                arrow = f"  ← {', '.join(parents[s.name])}" if parents[s.name] else ""
                lines.append(f"{mark} {s.name.ljust(width)}{arrow}".rstrip())
            continue
        inner = _boxes(group, parents, width, [p for p in outer if p != name])
        head = next(label(p) for s in group for p in s.plates if p.name == name)
        across = max([len(line) for line in inner] + [len(head) + 2])
        lines.append(f"┌─ {head} {'─' * (across - len(head) - 1)}┐")
        lines += [f"│ {line.ljust(across)} │" for line in inner]
        lines.append(f"└{'─' * (across + 2)}┘")
    return lines
