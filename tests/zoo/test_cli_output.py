"""Nothing is cut: neither on a narrow terminal nor in a pipe."""

import io
import re
import sys

import numpy as np
import pytest

from zoo import cli_output as m

ROWS = [
    {"name": f"site_{i}", "value": -1234.56789 * 10**i, "words": "some words that need room " * 3} for i in range(3)
]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def printed(monkeypatch: pytest.MonkeyPatch, width: int | None) -> str:
    stream = Terminal() if width else io.StringIO()
    monkeypatch.setattr(sys, "stdout", stream)
    if width:
        monkeypatch.setenv("COLUMNS", str(width))
    m.emit(m.table(ROWS))
    return re.sub(r"\x1b\[\d*m", "", stream.getvalue())


def test_a_pipe_gets_one_line_a_row(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = printed(monkeypatch, None).splitlines()
    assert len(lines) == len(ROWS) + 2
    assert all(ROWS[0]["words"].strip() in line for line in lines[2:])
    assert all(line == line.rstrip() for line in lines)


@pytest.mark.parametrize("width", [40, 80, 200])
def test_a_terminal_wraps_words_and_never_cuts_numbers(width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    text = printed(monkeypatch, width)
    assert all(len(line) <= width for line in text.splitlines())
    assert "…" not in text
    assert all(m.number(row["value"]) in text for row in ROWS)


def test_numbers_keep_the_digits_of_their_error() -> None:
    assert m.estimate(-1130.2641, 0.043) == "-1130.264 ± 0.043"
    assert m.estimate(5.0, float("nan")) == "5"
    assert m.number(np.float32(0.5)) == "0.5"


def test_csv_reads_back_to_the_last_digit() -> None:
    values = {"x": np.random.default_rng(0).normal(size=(5, 2))}
    flat = m.columns(values)
    text = m.csv_text([dict(zip(flat, row, strict=True)) for row in zip(*flat.values(), strict=True)])
    assert text.splitlines()[0] == "x.0,x.1"
    np.testing.assert_array_equal(np.loadtxt(io.StringIO(text), delimiter=",", skiprows=1), values["x"])
