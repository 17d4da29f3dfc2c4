"""Plate diagrams show every node and edge, and a plate's box holds its members and nothing else."""

import re
from dataclasses import dataclass, replace
from itertools import combinations
from xml.etree import ElementTree

import pytest

from zoo.models.height_bayes import CARD
from zoo.report import plates

SVG = "{http://www.w3.org/2000/svg}"


@dataclass(frozen=True)
class Plate:
    name: str
    size: int


@dataclass(frozen=True)
class Site:
    name: str
    kind: str
    plates: tuple[Plate, ...] = ()


ROWS, PARTS = Plate("data", 272), Plate("components", 3)
DOCS, WORDS = Plate("documents", 100), Plate("words", 50)
EQUAL = (Plate("outer", 2), Plate("inner", 3))
MODELS = {
    "single": ([Site("x", "observed")], []),
    "height": (
        [Site("loc", "param"), Site("scale", "param"), Site("x", "observed", (ROWS,))],
        [("loc", "x"), ("scale", "x")],
    ),
    "gmm": (
        [
            Site("weights", "latent"),
            Site("loc", "latent", (PARTS,)),
            Site("scale", "latent", (PARTS,)),
            Site("corr", "latent", (PARTS,)),
            Site("z", "latent", (ROWS,)),
            Site("x", "observed", (ROWS,)),
        ],
        [("weights", "z"), ("z", "x"), ("loc", "x"), ("scale", "x"), ("corr", "x")],
    ),
    "lda": (
        [
            Site("alpha", "param"),
            Site("theta", "latent", (DOCS,)),
            Site("z", "latent", (DOCS, WORDS)),
            Site("w", "observed", (DOCS, WORDS)),
            Site("beta", "latent", (Plate("a_plate_with_a_long_name", 12_000),)),
        ],
        [("alpha", "theta"), ("theta", "z"), ("z", "w"), ("beta", "w")],
    ),
    "equal plates": ([Site("a", "latent", EQUAL), Site("b", "observed", EQUAL)], [("a", "b")]),
    "eight": (
        [Site(f"node_{i}", "latent", (ROWS,) if i in (2, 5, 6) else ()) for i in range(7)]
        + [Site("y", "observed", (ROWS,))],
        [(f"node_{i}", "y") for i in range(7)],
    ),
}


def faults(drawing: plates.Drawing) -> list[str]:
    """Return what is wrong with a drawing's geometry."""
    found = []
    for r in drawing.rectangles:
        for n in drawing.nodes:
            circle = (n.x - n.radius, n.top, n.right, n.y + n.radius)
            inside = r.left < circle[0] and circle[2] < r.right and r.top < circle[1] and circle[3] < r.bottom
            apart = r.left > circle[2] or circle[0] > r.right or r.top > circle[3] or circle[1] > r.bottom
            if n.name in r.members and not inside:
                found.append(f"{n.name} sticks out of {r.label}")
            if n.name not in r.members and not apart:
                found.append(f"{n.name} touches {r.label}")
    for a, b in combinations(drawing.rectangles, 2):
        apart = a.left > b.right or b.left > a.right or a.top > b.bottom or b.top > a.bottom
        holds = a.left < b.left and b.right < a.right and a.top < b.top and b.bottom < a.bottom
        if not (holds if b.members <= a.members else apart or a.members & b.members):
            found.append(f"{a.label} meets {b.label}")
    for n, m in combinations(drawing.nodes, 2):
        beside = n.right < m.x - m.radius or m.right < n.x - n.radius
        if not beside and n.top < m.y + m.radius and m.top < n.y + n.radius:
            found.append(f"{n.name} overlaps {m.name}")
    return found


@pytest.mark.parametrize(("sites", "edges"), MODELS.values(), ids=MODELS)
def test_plates_hold_their_members_and_no_others(sites: list[Site], edges: list[tuple[str, str]]) -> None:
    drawing = plates.arrange(sites, edges)
    assert len(drawing.rectangles) == len({p for s in sites for p in s.plates})
    assert faults(drawing) == []


def test_a_misplaced_node_is_noticed() -> None:
    drawing = plates.arrange(*MODELS["gmm"])
    weights, x = drawing.nodes[0], drawing.nodes[-1]
    moved = replace(weights, x=x.x + 5, y=x.y + 5)
    assert {"weights touches data · 272", "weights overlaps x"} <= set(
        faults(replace(drawing, nodes=(moved, *drawing.nodes[1:])))
    )
    away = replace(x, x=x.x + 900)
    assert "x sticks out of data · 272" in faults(replace(drawing, nodes=(*drawing.nodes[:-1], away)))


@pytest.mark.parametrize(("sites", "edges"), MODELS.values(), ids=MODELS)
def test_svg_has_every_node_edge_and_plate(sites: list[Site], edges: list[tuple[str, str]]) -> None:
    root = ElementTree.fromstring(plates.diagram(sites, edges))
    groups = root.findall(f"{SVG}g")
    assert [g.get("data-node") for g in groups if g.get("data-node")] == [s.name for s in sites]
    assert {g.get("data-edge") for g in groups if g.get("data-edge")} == {f"{p}:{c}" for p, c in edges}
    assert {g.get("data-plate") for g in groups if g.get("data-plate")} == {
        f"{p.name} · {p.size}" for s in sites for p in s.plates
    }
    assert root.get("role") == "img"
    assert all(s.name in str(root.get("aria-label")) for s in sites if len(sites) > 1)


@pytest.mark.parametrize(("sites", "edges"), MODELS.values(), ids=MODELS)
def test_everything_is_inside_the_view(sites: list[Site], edges: list[tuple[str, str]]) -> None:
    root = ElementTree.fromstring(plates.diagram(sites, edges))
    left, top, width, height = map(float, str(root.get("viewBox")).split())
    drawing = plates.arrange(sites, edges)
    for n in drawing.nodes:
        assert left < n.x - n.radius
        assert n.right < left + width
        assert top < n.top
        assert n.y + n.radius < top + height
    for r in drawing.rectangles:
        assert left < r.left < r.right < left + width
        assert top < r.top < r.bottom < top + height


def test_arrows_end_at_the_circles() -> None:
    sites, edges = MODELS["height"]
    root = ElementTree.fromstring(plates.diagram(sites, edges))
    at = {n.name: n for n in plates.arrange(sites, edges).nodes}
    for group in root.findall(f"{SVG}g"):
        if group.get("data-edge"):
            child = at[str(group.get("data-edge")).split(":")[1]]
            tip = re.match(r"M([-\d.]+) ([-\d.]+)", str(group.findall(f"{SVG}path")[1].get("d")))
            assert tip is not None
            distance = ((float(tip[1]) - child.x) ** 2 + (float(tip[2]) - child.y) ** 2) ** 0.5
            assert distance == pytest.approx(child.radius + 1.5, abs=0.15)


def test_kinds_are_drawn_apart() -> None:
    root = ElementTree.fromstring(plates.diagram(*MODELS["lda"]))
    fills = {
        g.get("data-kind"): str(g.find(f"{SVG}circle").get("style"))  # type: ignore[union-attr]
        for g in root.findall(f"{SVG}g")
        if g.get("data-node")
    }
    assert "--observed" in fills["observed"]
    assert "--node" in fills["latent"]
    assert "fill: var(--ink" in fills["param"]


def test_symbols_come_from_the_card() -> None:
    sites = [Site("variance", "latent"), Site("loc", "latent"), Site("x", "observed", (ROWS,))]
    edges = [("variance", "loc"), ("variance", "x"), ("loc", "x")]
    paths = [len(re.findall("<path", plates.diagram(sites, edges, card))) for card in (None, CARD)]
    assert paths[1] == paths[0] + 3


def test_a_parameters_name_stands_above_its_symbol() -> None:
    sites = [Site("scale_tril", "param"), Site("x", "observed", (ROWS,))]
    card = replace(CARD, sites=(replace(CARD.sites[0], name="scale_tril"), CARD.sites[-1]))
    drawing = plates.arrange(sites, [("scale_tril", "x")], card)
    root = ElementTree.fromstring(plates.diagram(sites, [("scale_tril", "x")], card))
    (name,) = (t for t in root.iter(f"{SVG}text") if t.text == "scale_tril")
    dot = drawing.nodes[0]
    assert dot.top < float(str(name.get("y"))) - 8
    assert float(str(name.get("y"))) < dot.y - dot.radius
    assert float(str(name.get("x"))) + float(str(name.get("textLength"))) <= dot.right + 0.1


def test_names_are_escaped() -> None:
    svg = plates.diagram([Site("a<b>&\"'", "latent")], [])
    assert "<b>" not in svg
    ElementTree.fromstring(svg)


def test_text_shows_parents_and_boxes() -> None:
    expected = """
· loc
· scale
┌─ data · 272 ──────────┐
│ ● x      ← loc, scale │
└───────────────────────┘

· learnt parameter   ● observed   ← its parents
"""
    assert plates.text(*MODELS["height"]) == expected.strip()


@pytest.mark.parametrize(("sites", "edges"), MODELS.values(), ids=MODELS)
def test_text_names_every_site_once_in_aligned_boxes(sites: list[Site], edges: list[tuple[str, str]]) -> None:
    lines = plates.text(sites, edges).split("\n\n")[0].split("\n")
    for s in sites:
        assert sum(bool(re.search(rf"[·○●] {s.name}\b", line)) for line in lines) == 1
    depth = 0
    widths: list[int] = []
    for line in lines:
        if "┌" in line:
            depth += 1
            widths.append(len(line))
        if depth == 1:
            assert len(line) >= widths[-1] or "└" in line
        if "└" in line:
            depth -= 1
    assert depth == 0


def test_a_network_is_one_dot() -> None:
    layers = [Site(f"decoder.layer{i}.{part}", "param") for i in (0, 1) for part in ("weight", "bias")]
    sites = [*layers, Site("prior.loc", "param"), Site("z", "latent", (ROWS,)), Site("x", "observed", (ROWS,))]
    edges = [(s.name, "x") for s in layers] + [("prior.loc", "z"), ("z", "x")]
    root = ElementTree.fromstring(plates.diagram(sites, edges))
    assert [n.get("data-node") for n in root.iter() if n.get("data-node")] == ["decoder", "prior.loc", "z", "x"]
    drawn = [e.get("data-edge") for e in root.iter() if e.get("data-edge")]
    assert sorted(drawn) == ["decoder:x", "prior.loc:z", "z:x"]
    assert "· decoder" in plates.text(sites, edges)
