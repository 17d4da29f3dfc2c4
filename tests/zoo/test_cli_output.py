"""Nothing is cut: neither on a narrow terminal nor in a pipe."""

import io
import re
import sys

import numpy as np
import pytest

from zoo import catalogue, cli_show
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


def test_a_pipe_gets_a_hundred_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    text = printed(monkeypatch, None)
    assert 80 < max(map(len, text.splitlines())) <= 100
    assert all(line == line.rstrip() for line in text.splitlines())
    assert text.split().count("words") == 1 + 3 * len(ROWS)
    assert all(m.number(row["value"]) in text for row in ROWS)


def test_spare_columns_go_where_numbers_have_no_room(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [{"name": f"loc[{i}, 1]"} | {f"number_{k}": -1234.5 - k - 10 * i for k in range(9)} for i in range(2)]
    for width, kept in ((120, 9), (80, 7)):
        monkeypatch.setattr(sys, "stdout", stream := Terminal())
        monkeypatch.setenv("COLUMNS", str(width))
        m.emit(m.table(rows, spare=[f"number_{k}" for k in (8, 7, 6, 5)]))
        text = re.sub(r"\x1b\[[\d;]*m", "", stream.getvalue())
        assert all(len(line) <= width for line in text.splitlines())
        assert all(f"loc[{i}, 1]  " in text for i in range(2))
        shown = [k for k in range(9) if all(str(row[f"number_{k}"]) in text for row in rows)]
        assert shown == list(range(kept))
        left_out = ", ".join(f"number_{k}" for k in (8, 7)[: 9 - kept])
        assert (f"left out to fit: {left_out}" in text) == bool(left_out)


def test_a_column_without_text_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", stream := io.StringIO())
    m.emit(m.table([{"site": "z", "unit": "", "meaning": "component"}]))
    assert stream.getvalue().split()[:2] == ["site", "meaning"]


@pytest.mark.parametrize("width", [80, 100, 160])
def test_the_zoo_fits_its_terminal(width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", stream := Terminal())
    monkeypatch.setenv("COLUMNS", str(width))
    cli_show.print_list("", exact=None, local=None, backend=None)
    for name in ("gmm", "gmm_bayes", "height", "height_bayes"):
        cli_show.print_card(catalogue.model(name))
    text = re.sub(r"\x1b\[[\d;]*m", "", stream.getvalue())
    written = [line for line in text.splitlines() if not line.startswith("  ")]  # stories are as they were written
    assert all(len(line) <= width for line in written)
    for word in ("responsibilities,", "corr_cholesky", "1e-06", "log_likelihood"):
        assert word in text.split()


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
