"""Plate diagrams, drawn from what a backend's trace says: as SVG for a page, as text for a terminal.

Observed nodes are grey and latent ones white, as on the lecture's slides; a parameter learnt by maximum
likelihood is a dot, as in Bishop (2006), section 8.1. A plate is a box with its name and size.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

import numpy as np

from zoo.card import Card
from zoo.report.formula import glyphs
from zoo.report.layout import Graph, place
from zoo.report.plate_graph import Edges, SiteLike, describe, folded, label, members_of, ordered, plates_of
from zoo.report.plate_text import text

RADIUS, DOT, ABOVE = 20.0, 5.0, 14.0
PAD, STRIP = 12.0, 17.0  # around a plate's members, and below them for its label
SYMBOL = 17.0  # size of a symbol's font, in pixels
CHARACTER = 6.9  # width of one character of a name, in pixels: 11.5 px of a typewriter font
INK, SOFT = "var(--ink, #1d2126)", "var(--soft, #626a73)"
FILL, OBSERVED = "var(--node, #ffffff)", "var(--observed, #c3c8ce)"
MONO = "font-family: var(--mono, 'DejaVu Sans Mono', monospace)"

__all__ = ["Drawing", "Node", "Rectangle", "arrange", "describe", "diagram", "text"]


@dataclass(frozen=True)
class Node:
    """A drawn node: centre and symbol's size in pixels."""

    name: str
    kind: str
    symbol: str
    x: float
    y: float

    @property
    def radius(self) -> float:
        """Of its circle, or of a parameter's dot."""
        return DOT if self.kind == "param" else RADIUS

    @property
    def right(self) -> float:
        """Where its name ends."""
        return self.x + _extent(self.name, self.kind, self.symbol)

    @property
    def top(self) -> float:
        """Where it begins: a parameter's name stands above its dot and symbol."""
        return self.y - (ABOVE + 12 if self.kind == "param" and self.symbol else self.radius)


@dataclass(frozen=True)
class Rectangle:
    """A drawn plate, in pixels."""

    label: str
    members: frozenset[str]
    left: float
    top: float
    right: float
    bottom: float


@dataclass(frozen=True)
class Drawing:
    """A laid out diagram, before it becomes SVG."""

    nodes: tuple[Node, ...]
    edges: tuple[tuple[str, str], ...]
    rectangles: tuple[Rectangle, ...]


def diagram(sites: Iterable[SiteLike], edges: Edges, card: Card | None = None) -> str:
    """Return the plate diagram as one inline SVG element.

    Args:
        sites: of the model's trace: params, latents and observed ones.
        edges: (parent, child) pairs of site names.
        card: gives the symbols; without it, nodes carry their names only.

    Returns:
        SVG text, in which a network's arrays are one dot. Colours are CSS variables (`--ink`, `--node`,
        `--observed`, `--soft`) with fallbacks.
    """
    sites, edges = folded(sites, edges)
    drawing = arrange(sites, edges, card)
    left = min([n.x - n.radius for n in drawing.nodes] + [r.left for r in drawing.rectangles]) - 4
    right = max([n.right for n in drawing.nodes] + [r.right for r in drawing.rectangles]) + 4
    top = min([n.top for n in drawing.nodes] + [r.top for r in drawing.rectangles]) - 4
    bottom = max([n.y + n.radius for n in drawing.nodes] + [r.bottom for r in drawing.rectangles]) + 4
    at = {n.name: n for n in drawing.nodes}
    parts = [_rectangle_svg(r, drawing) for r in drawing.rectangles]
    parts += [_edge_svg(at[p], at[c]) for p, c in drawing.edges]
    parts += [_node_svg(n) for n in drawing.nodes]
    return _tag(
        "svg",
        "\n" + "\n".join(parts) + "\n",
        xmlns="http://www.w3.org/2000/svg",
        klass="plates",
        role="img",
        aria_label=describe(sites, edges),
        viewBox=f"{left:.1f} {top:.1f} {right - left:.1f} {bottom - top:.1f}",
        style=f"max-width: {right - left:.0f}px; width: 100%",
    )


def arrange(sites: Sequence[SiteLike], edges: Edges, card: Card | None = None) -> Drawing:
    """Return where everything goes, in pixels."""
    symbols = {s.name: s.symbol for s in card.sites} if card else {}
    plates = plates_of(sites)
    members = [frozenset(members_of(sites, p.name)) for p in plates]
    names = tuple(s.name for s in sites)
    arrows = ordered(sites, edges)
    cells = place(Graph(names, arrows, tuple(members)))
    levels = _levels(members)
    deepest = max(levels, default=0)
    extent = max(_extent(s.name, s.kind, symbols.get(s.name, "")) for s in sites) + RADIUS
    widest = max((CHARACTER * len(label(p)) for p in plates), default=0.0)
    across = max(extent, widest) + 2 * PAD * deepest + 8
    down = 2 * RADIUS + (2 * PAD + STRIP) * deepest + 30
    nodes = tuple(
        Node(s.name, s.kind, symbols.get(s.name, ""), across * cells[s.name][0], down * cells[s.name][1]) for s in sites
    )
    rectangles: list[Rectangle] = []
    for plate, group, level in reversed(list(zip(plates, members, levels, strict=True))):
        inside = [n for n in nodes if n.name in group]
        left = min(n.x for n in inside) - RADIUS - PAD * level
        held = [r.right for r in rectangles if r.members <= group]
        right = max([n.right for n in inside] + held) + PAD
        right = max(right, left + CHARACTER * len(label(plate)) + 16)
        top = min(min(n.top, n.y - RADIUS) for n in inside) - PAD * level
        bottom = max(n.y for n in inside) + RADIUS + (PAD + STRIP) * level - PAD * 0.4
        rectangles.append(Rectangle(label(plate), group, left, top, right, bottom))
    return Drawing(nodes, arrows, tuple(reversed(rectangles)))


def _levels(members: Sequence[frozenset[str]]) -> list[int]:
    """Return how many plates deep each plate is, itself included; of two equal ones the later is inside."""
    levels = [1] * len(members)
    for i in reversed(range(len(members))):
        inside = [levels[j] for j in range(i + 1, len(members)) if members[j] <= members[i]]
        levels[i] = 1 + max(inside, default=0)
    return levels


def _extent(name: str, kind: str, symbol: str) -> float:
    """Return how far a node and its name reach to the right of its centre, in pixels."""
    if kind == "param":
        width = CHARACTER * len(name)
        return max(width - DOT, DOT + 6 + glyphs(symbol, SYMBOL).width) if symbol else DOT + 6 + width
    return RADIUS + 6 + CHARACTER * len(name)


def _tag(name: str, body: str = "", **attributes: object) -> str:
    """Return one SVG element; an attribute's underscore stands for a dash, `klass` for "class"."""
    words = {k.replace("klass", "class").replace("_", "-"): v for k, v in attributes.items()}
    shown = "".join(f' {k}="{v:.1f}"' if isinstance(v, float) else f' {k}="{escape(str(v))}"' for k, v in words.items())
    return f"<{name}{shown}>{body}</{name}>" if body else f"<{name}{shown}/>"


def _words(text: str, x: float, y: float) -> str:
    """Return a name in typewriter letters, exactly as wide as the layout takes it to be."""
    style = f"{MONO}; font-size: 11.5px; fill: {SOFT}"
    width = CHARACTER * len(text)
    return _tag("text", escape(text), x=x, y=y, textLength=width, lengthAdjust="spacingAndGlyphs", style=style)


def _rectangle_svg(r: Rectangle, drawing: Drawing) -> str:
    at = {n.name: n for n in drawing.nodes}
    width = CHARACTER * len(r.label)

    def hits(left: float) -> int:
        t = np.linspace(0, 1, 60)
        found = 0
        for a, b in ((at[p], at[c]) for p, c in drawing.edges):
            x, y = a.x + t * (b.x - a.x), a.y + t * (b.y - a.y)
            inside = (left - 4 < x) & (x < left + width + 4) & (r.bottom - 20 < y) & (y < r.bottom)
            found += bool(inside.any())
        return found

    # The right corner if it is free, else the left one, else the first free place in between.
    corners = (r.right - 9 - width, r.left + 9)
    left = float(min((*corners, *np.linspace(*corners, 12)), key=hits))
    style = f"fill: none; stroke: {SOFT}; stroke-width: 1.1"
    box = _tag("rect", x=r.left, y=r.top, width=r.right - r.left, height=r.bottom - r.top, rx=9.0, style=style)
    return _tag("g", box + _words(r.label, left, r.bottom - 8), data_plate=r.label)


def _edge_svg(a: Node, b: Node) -> str:
    length = float(np.hypot(b.x - a.x, b.y - a.y))
    ux, uy = (b.x - a.x) / length, (b.y - a.y) / length
    start = f"{a.x + ux * (a.radius + 1):.1f} {a.y + uy * (a.radius + 1):.1f}"
    tip_x, tip_y = b.x - ux * (b.radius + 1.5), b.y - uy * (b.radius + 1.5)
    x, y = tip_x - 9 * ux, tip_y - 9 * uy
    wings = f"{x - 4 * uy:.1f} {y + 4 * ux:.1f}L{x + 4 * uy:.1f} {y - 4 * ux:.1f}"
    shaft = _tag("path", d=f"M{start}L{x:.1f} {y:.1f}", style=f"stroke: {INK}; stroke-width: 1.3; fill: none")
    head = _tag("path", d=f"M{tip_x:.1f} {tip_y:.1f}L{wings}Z", style=f"fill: {INK}")
    return _tag("g", shaft + head, data_edge=f"{a.name}:{b.name}")


def _node_svg(n: Node) -> str:
    fill = {"param": INK, "observed": OBSERVED}.get(n.kind, FILL)
    style = f"fill: {fill}; stroke: {INK}; stroke-width: 1.4"
    parts = [_tag("circle", cx=n.x, cy=n.y, r=n.radius, style=style)]
    if n.symbol:
        g = glyphs(n.symbol, SYMBOL)
        shrink = 1.0 if n.kind == "param" else min(1.0, (2 * RADIUS - 9) / g.width)
        x = n.x + n.radius + 6 if n.kind == "param" else n.x - shrink * g.width / 2
        place = f"translate({x:.2f} {n.y + shrink * (g.height - g.depth) / 2:.2f}) scale({shrink:.3f})"
        parts.append(_tag("path", transform=place, d=g.outline, style=f"fill: {INK}"))
    above = n.kind == "param" and n.symbol
    parts.append(_words(n.name, n.x - DOT, n.y - ABOVE) if above else _words(n.name, n.x + n.radius + 6, n.y + 4))
    return _tag("g", "".join(parts), data_node=n.name, data_kind=n.kind)
