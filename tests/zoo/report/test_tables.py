"""Tables align, head their cells, escape their data, and show numbers as precisely as they are known."""

import math
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pytest

from zoo.report.tables import Column, Table, cell, k_hat, number, seconds, to_html, to_text

ROWS: list[dict[str, Any]] = [
    {"guide": "mean_field", "elbo": (13.0362, 0.0021), "k": 0.41, "steps": 2000},
    {"guide": "laplace", "elbo": (-1.5, 0.2), "k": 0.93, "steps": 300},
    {"guide": "delta", "elbo": None, "k": None, "steps": 12_345},
]
COLUMNS = [
    Column("guide", "guide", "left", head=True),
    Column("elbo", "ELBO (nats)"),
    Column("k", "k̂", show=k_hat),
    Column("steps", "steps"),
]


@pytest.mark.parametrize(
    ("value", "error", "shown"),
    [
        (1.683, None, "1.683"),
        (0.002921, None, "0.002921"),
        (13.071331, 0.00213, "13.0713 ± 0.0021"),
        (1234.567, 25.0, "1235 ± 25"),
        (-0.5, 0.01, "−0.500 ± 0.010"),
        (13.07, 0.0, "13.07"),
        (13.07, math.nan, "13.07"),
        (math.nan, 0.1, "—"),
        (None, None, "—"),
        (math.inf, None, "∞"),
        (-math.inf, None, "−∞"),
        (True, None, "yes"),
        (np.float32(0.25), None, "0.2500"),
        (np.int64(-3), None, "−3"),
        (1e-9, None, "1.000e−09"),
    ],
)
def test_number(value: float | None, error: float | None, shown: str) -> None:
    assert number(value, error) == shown


@pytest.mark.parametrize(("value", "trusted"), [(0.1, True), (0.7, True), (0.71, False), (math.inf, False)])
def test_k_hat_above_its_limit_is_said_in_words(value: float, trusted: bool) -> None:
    assert ("not to be trusted" in k_hat(value)) is not trusted


def test_k_hat_none() -> None:
    assert k_hat(None) == k_hat(math.nan) == "—"


@pytest.mark.parametrize(
    ("value", "shown"),
    [("", "—"), ("flow", "flow"), ((1.0, 0.1), "1.00 ± 0.10"), ([1, 2], "1, 2"), (np.array([0.5]), "0.5000")],
)
def test_cell(value: object, shown: str) -> None:
    assert cell(value) == shown


def test_seconds_none() -> None:
    assert seconds(None) == "—"


def test_text_aligns() -> None:
    lines = to_text(Table(COLUMNS, ROWS)).split("\n")
    rule = lines[1]
    starts = [i for i, c in enumerate(rule) if c == "─" and (i == 0 or rule[i - 1] == " ")]
    ends = [i for i, c in enumerate(rule) if c == "─" and (i + 1 == len(rule) or rule[i + 1] == " ")]
    assert len(starts) == len(COLUMNS)
    for line in [lines[0], *lines[2:]]:
        padded = line.ljust(len(rule))
        assert len(padded) == len(rule)
        for end, start in zip(ends, starts[1:], strict=False):
            assert padded[end + 1 : start] == "  "
        assert padded[starts[0]] != " "
        for end in ends[1:]:
            assert padded[end] != " "


class Cells(HTMLParser):
    """Collect a table's cells: (tag, attributes, text)."""

    def __init__(self) -> None:
        super().__init__()
        self.cells: list[tuple[str, dict[str, str | None], str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.cells.append((tag, dict(attrs), ""))

    def handle_data(self, data: str) -> None:
        tag, attributes, text = self.cells[-1]
        self.cells[-1] = (tag, attributes, text + data)


def test_html_heads_rows_and_columns() -> None:
    parser = Cells()
    parser.feed(to_html(Table(COLUMNS, ROWS, caption="guides", strong=("guide", "delta"))))
    heads = [(a["scope"], text) for tag, a, text in parser.cells if tag == "th"]
    assert heads[:4] == [("col", c.title) for c in COLUMNS]
    assert heads[4:] == [("row", r["guide"]) for r in ROWS]
    cells = [(a["data-title"], text) for tag, a, text in parser.cells if tag == "td"]
    assert cells[:3] == [("ELBO (nats)", "13.0362 ± 0.0021"), ("k̂", "0.41"), ("steps", "2,000")]
    assert [a.get("class") for tag, a, _ in parser.cells if tag == "tr"] == [None, None, None, "strong"]
    assert ("caption", {}, "guides") in parser.cells


def test_html_escapes_everything() -> None:
    evil = '<script>alert("1")</script>'
    html = to_html(Table([Column("a", evil), Column("b", "b", head=True)], [{"a": evil, "b": evil}], evil, None, evil))
    assert "<script" not in html
    assert html.count("&lt;script&gt;") == 6


def test_a_missing_key_is_a_dash() -> None:
    assert Table(COLUMNS, [{}]).texts() == [["—"] * 4]
