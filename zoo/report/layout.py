"""Where the nodes of a plate diagram go: rows from parents to children, plates that hold their members only.

A layout is searched for on a small grid by steepest descent from several starts. Every candidate of a step
is costed at once, so that eight nodes take a fraction of a second; the search has a fixed seed.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

FORBIDDEN, THROUGH_NODE, CROSSING, THROUGH_PLATE = 1000.0, 60.0, 20.0, 15.0
ASPECT = 0.8  # a row's height over a column's width
_STARTS, _STEPS = 12, 40


@dataclass(frozen=True)
class Graph:
    """What a layout is asked for.

    Args:
        names: nodes in the model's order.
        edges: (parent, child) pairs of names, without cycles.
        groups: the members of each plate, outer plates first.
    """

    names: tuple[str, ...]
    edges: tuple[tuple[str, str], ...]
    groups: tuple[frozenset[str], ...] = ()

    def depths(self) -> dict[str, int]:
        """Return the number of edges on the longest path that leads to each node.

        >>> Graph(("a", "b", "c"), (("a", "b"), ("b", "c"), ("a", "c"))).depths()
        {'a': 0, 'b': 1, 'c': 2}
        """
        depth = dict.fromkeys(self.names, 0)
        for _ in self.names:
            for parent, child in self.edges:
                depth[child] = max(depth[child], depth[parent] + 1)
        return depth


def place(graph: Graph, seed: int = 0) -> dict[str, tuple[float, int]]:
    """Return each node's place.

    Args:
        graph: what to lay out.
        seed: of the search's starts.

    Returns:
        (column, row) by name. Columns are multiples of a half from 0, rows whole numbers from 0, downwards.
    """
    depths = graph.depths()
    rows = max(depths.values()) + 1
    columns = min(max(2, max(list(depths.values()).count(d) for d in range(rows)) + 1), len(graph.names))
    cells = np.array([(c / 2, r) for r in range(rows) for c in range(2 * columns - 1)])
    rng = np.random.default_rng(seed)
    best: tuple[float, np.ndarray] | None = None
    for start in range(_STARTS):
        position = np.array([(0.0, depths[name]) for name in graph.names])
        for row in range(rows):
            members = np.flatnonzero(position[:, 1] == row)
            order = members if start == 0 else rng.permutation(members)
            position[order, 0] = np.arange(len(order)) + (columns - len(order)) // 2
        found = _descend(graph, position, cells)
        if best is None or found[0] < best[0] - 1e-9:
            best = found
    assert best is not None
    position = best[1] - best[1].min(0)
    return {name: (float(x), int(y)) for name, (x, y) in zip(graph.names, position, strict=True)}


def _descend(graph: Graph, position: np.ndarray, cells: np.ndarray) -> tuple[float, np.ndarray]:
    cost = float(costs(graph, position[None])[0])
    for _ in range(_STEPS):
        moves = _moves(graph, position, cells)
        values = costs(graph, moves)
        i = int(values.argmin())
        if values[i] >= cost - 1e-9:
            break
        cost, position = float(values[i]), moves[i]
    return cost, position


def _moves(graph: Graph, position: np.ndarray, cells: np.ndarray) -> np.ndarray:
    n = len(graph.names)
    single = np.repeat(position[None], n * len(cells), 0)
    single[np.arange(n * len(cells)), np.repeat(np.arange(n), len(cells))] = np.tile(cells, (n, 1))
    others: list[np.ndarray] = []
    for i, j in combinations(range(n), 2):
        swapped = position.copy()
        swapped[[i, j]] = position[[j, i]]
        others.append(swapped)
    sets: list[Collection[int]] = [[graph.names.index(m) for m in group] for group in graph.groups]
    sets += [np.flatnonzero(position[:, 1] == row) for row in set(position[:, 1])]
    for members in sets:
        for shift in (-1.0, -0.5, 0.5, 1.0):
            moved = position.copy()
            moved[list(members), 0] += shift
            others.append(moved)
    return np.concatenate([single, np.array(others)]) if others else single


def costs(graph: Graph, positions: np.ndarray) -> np.ndarray:
    """Return what displeases about each of several layouts.

    Args:
        graph: what is laid out.
        positions: (layout, node, 2): column and row.

    Returns:
        Costs, (layout,). Below `FORBIDDEN` no two nodes meet, every parent is above its children, and no
        plate's box holds or touches what is not its member.
    """
    x, y = positions[..., 0], positions[..., 1]
    at = {name: i for i, name in enumerate(graph.names)}
    total = 0.9 * np.ptp(x, 1) + 0.5 * np.ptp(y, 1)
    for i, j in combinations(range(len(at)), 2):
        same = y[:, i] == y[:, j]
        total = total + FORBIDDEN * (same & (np.abs(x[:, i] - x[:, j]) < 1)) + 0.05 * (same & (x[:, i] > x[:, j]))
    boxes = [_box(x, y, [at[m] for m in group]) for group in graph.groups]
    for group, box in zip(graph.groups, boxes, strict=True):
        total = total + 0.4 * (box[1] - box[0])
        for name in set(graph.names) - group:
            total = total + FORBIDDEN * _overlap(box, _box(x, y, [at[name]]))
    for (g, a), (h, b) in combinations(zip(graph.groups, boxes, strict=True), 2):
        if not g & h:
            total = total + FORBIDDEN * _overlap(a, b)
    ends = [(at[p], at[c]) for p, c in graph.edges]
    for p, c in ends:
        dx, dy = x[:, c] - x[:, p], y[:, c] - y[:, p]
        total = total + np.abs(dx) + 0.5 * dx**2 + 1.5 * (dy - 1) + FORBIDDEN * (dy < 1) * (2 - dy)
        for k in set(range(len(at))) - {p, c}:
            total = total + THROUGH_NODE * _near(x, y, p, c, k)
        for group, box in zip(graph.groups, boxes, strict=True):
            if graph.names[p] not in group and graph.names[c] not in group:
                total = total + THROUGH_PLATE * _enters(x, y, p, c, box)
    for first, second in combinations(ends, 2):
        if not set(first) & set(second):
            total = total + CROSSING * _cross(x, y, first, second)
    return total


Box = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def _box(x: np.ndarray, y: np.ndarray, members: Sequence[int]) -> Box:
    """Return the cells' hull: left, right, top, bottom, each (layout,)."""
    columns, rows = x[:, members], y[:, members]
    return columns.min(1) - 0.5, columns.max(1) + 0.5, rows.min(1) - 0.4, rows.max(1) + 0.4


def _overlap(a: Box, b: Box) -> np.ndarray:
    return (a[0] < b[1]) & (b[0] < a[1]) & (a[2] < b[3]) & (b[2] < a[3])


def _near(x: np.ndarray, y: np.ndarray, p: int, c: int, k: int) -> np.ndarray:
    """Say whether the edge p to c passes node k, or its name on the right of it."""
    result = np.zeros(len(x), bool)
    for shift, radius in ((0.0, 0.28), (0.3, 0.15), (0.5, 0.12)):
        ax, ay = x[:, p] - x[:, k] - shift, ASPECT * (y[:, p] - y[:, k])
        bx, by = x[:, c] - x[:, k] - shift, ASPECT * (y[:, c] - y[:, k])
        dx, dy = bx - ax, by - ay
        t = np.clip(-(ax * dx + ay * dy) / np.maximum(dx**2 + dy**2, 1e-12), 0, 1)
        result |= np.hypot(ax + t * dx, ay + t * dy) < radius
    return result


def _enters(x: np.ndarray, y: np.ndarray, p: int, c: int, box: Box) -> np.ndarray:
    t = np.linspace(0, 1, 15)[:, None]
    px, py = x[:, p] + t * (x[:, c] - x[:, p]), y[:, p] + t * (y[:, c] - y[:, p])
    return ((box[0] < px) & (px < box[1]) & (box[2] < py) & (py < box[3])).any(0)


def _cross(x: np.ndarray, y: np.ndarray, first: tuple[int, int], second: tuple[int, int]) -> np.ndarray:
    def side(a: int, b: int, c: int) -> np.ndarray:
        return np.sign((x[:, b] - x[:, a]) * (y[:, c] - y[:, a]) - (y[:, b] - y[:, a]) * (x[:, c] - x[:, a]))

    (a, b), (c, d) = first, second
    return (side(a, b, c) * side(a, b, d) <= 0) & (side(c, d, a) * side(c, d, b) <= 0)
