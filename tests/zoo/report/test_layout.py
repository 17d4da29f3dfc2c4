"""Layouts of plate diagrams keep their promises, and their costs notice when one is broken."""

import numpy as np
import pytest

from zoo.report.layout import FORBIDDEN, Graph, costs, place

GRAPHS = {
    "single": Graph(("x",), ()),
    "chain": Graph(("a", "b", "c"), (("a", "b"), ("b", "c"))),
    "fan": Graph(tuple("abcdefg"), tuple((p, "g") for p in "abcdef")),
    "apart": Graph(tuple("abcd"), ()),
    "mixture": Graph(
        ("weights", "variance", "loc", "z", "x"),
        (("weights", "z"), ("z", "x"), ("loc", "x"), ("variance", "x"), ("variance", "loc")),
        (frozenset({"variance", "loc"}), frozenset({"z", "x"})),
    ),
    "nested": Graph(
        ("alpha", "theta", "z", "w", "beta", "eta"),
        (("alpha", "theta"), ("theta", "z"), ("z", "w"), ("beta", "w"), ("eta", "beta")),
        (frozenset({"theta", "z", "w"}), frozenset({"z", "w"}), frozenset({"beta"})),
    ),
    "crossed": Graph(
        ("u", "v", "r", "s"),
        (("u", "r"), ("v", "r"), ("s", "r")),
        (frozenset({"u", "r"}), frozenset({"v", "r"})),
    ),
    "eight": Graph(
        tuple("abcdefgh"),
        (("a", "c"), ("b", "d"), ("c", "f"), ("d", "f"), ("e", "f"), ("g", "f"), ("d", "h")),
        (frozenset("cdfh"), frozenset("f")),
    ),
}


@pytest.mark.parametrize("graph", GRAPHS.values(), ids=GRAPHS)
def test_nothing_forbidden_is_left(graph: Graph) -> None:
    cells = place(graph)
    assert set(cells) == set(graph.names)
    for parent, child in graph.edges:
        assert cells[parent][1] < cells[child][1]
    for i, a in enumerate(graph.names):
        for b in graph.names[i + 1 :]:
            assert cells[a][1] != cells[b][1] or abs(cells[a][0] - cells[b][0]) >= 1
    assert costs(graph, np.array([[cells[n] for n in graph.names]]))[0] < FORBIDDEN


def test_same_graph_same_layout() -> None:
    assert place(GRAPHS["eight"]) == place(GRAPHS["eight"])


@pytest.mark.parametrize(
    ("name", "node", "column", "row"),
    [
        pytest.param("apart", "a", 1.0, 0, id="two nodes in one cell"),
        pytest.param("chain", "a", 0.0, 5, id="parent below its child"),
    ],
)
def test_a_broken_promise_is_costed(name: str, node: str, column: float, row: int) -> None:
    graph = GRAPHS[name]
    cells = place(graph) | {node: (column, row)}
    assert costs(graph, np.array([[cells[n] for n in graph.names]]))[0] >= FORBIDDEN


def test_a_stranger_in_a_plate_is_costed() -> None:
    graph = Graph(("a", "b", "c"), (), (frozenset({"a", "c"}),))
    assert costs(graph, np.array([[(0, 0), (1, 0), (2, 0)]]))[0] >= FORBIDDEN
    assert costs(graph, np.array([[(0, 0), (2, 0), (1, 0)]]))[0] < FORBIDDEN


def test_overlapping_plates_are_costed() -> None:
    graph = Graph(tuple("abcd"), (), (frozenset("ab"), frozenset("cd")))
    assert costs(graph, np.array([[(0, 0), (2, 2), (2, 0), (0, 2)]]))[0] >= FORBIDDEN
    assert costs(graph, np.array([[(0, 0), (0, 2), (2, 0), (2, 2)]]))[0] < FORBIDDEN


def test_crossing_edges_cost_more() -> None:
    graph = Graph(tuple("abcd"), (("a", "c"), ("b", "d")))
    straight, crossed = costs(graph, np.array([[(0, 0), (1, 0), (0, 1), (1, 1)], [(0, 0), (1, 0), (1, 1), (0, 1)]]))
    assert crossed > straight + 10
