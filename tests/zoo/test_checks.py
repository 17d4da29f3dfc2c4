"""Errors of a CSV file name the line as an editor counts, its header the columns; NaN only where a card says so."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from zoo import catalogue
from zoo.checks import check_data, read_names, read_table
from zoo.errors import UserError

CARD = catalogue.model("gmm").card


def written(folder: Path, text: str) -> Path:
    path = folder / "mine.csv"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a,b\n1,2\n3,tall\n", "line 3: 'tall' is not a number"),
        ("1,2\n3,tall\n", "line 2: 'tall' is not a number"),
        ("\na,b\n\n1,2\n\n3,tall\n", "line 6: 'tall' is not a number"),
        ('"a","b\nc"\n1,2\n3,tall\n', "line 4: 'tall' is not a number"),
        ("a,b\r\n1,2\r\n3\r\n", "line 3: 1 columns, not 2"),
        ("a,b\n1,2\n3,\n5,6\n7,nan\n", "line 3: '' is not a finite number, the first of 2 such rows in 4"),
    ],
)
def test_an_error_names_the_line_of_the_file(text: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=words):
        read_table(written(tmp_path, text), CARD)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("length, width \n1,2\n", {"x": ("length", "width")}),
        ("\ufefflength,width\n1,2\n", {"x": ("length", "width")}),
        ("1,2\n3,4\n", {}),
        ("length,length\n1,2\n", {}),
        ("length,width,note\n1,2\n", {}),
    ],
)
def test_a_header_names_the_columns_where_it_can(text: str, names: dict, tmp_path: Path) -> None:
    path = written(tmp_path, text)
    assert read_names(path, CARD) == names
    assert read_table(path, CARD)["x"].shape[1] == 2


def test_names_come_from_the_file_or_the_card(tmp_path: Path) -> None:
    mixture, bayes = catalogue.model("gmm"), catalogue.model("gmm_bayes")
    path = written(tmp_path, "a,b\n1,2\n")
    assert catalogue.column_names(mixture, path) == catalogue.column_names(mixture, str(path)) == {"x": ("a", "b")}
    assert catalogue.column_names(bayes) == {"x": ("eruptions", "waiting")}
    assert catalogue.column_names(bayes, "old_faithful_8") == {"x": ("eruptions", "waiting")}
    assert catalogue.column_names(mixture, np.ones((3, 2))) == {}
    assert catalogue.column_names(catalogue.model("height"), "galton") == {}
    for name in catalogue.names():
        model = catalogue.model(name)
        for data_set in (d for d in model.card.datasets if d.columns):
            first = next(iter(model.data(data_set.name).values()))
            assert first.shape[-1] == len(data_set.columns)


def test_nan_stands_for_what_was_not_seen_where_the_card_says_so(tmp_path: Path) -> None:
    x = np.array([[1.0, np.nan], [2.0, 3.0]])
    with pytest.raises(UserError, match="1 of 2 rows that are not finite, the first at index 0"):
        check_data(CARD, {"x": x})
    card = replace(CARD, missing=("x",))
    np.testing.assert_array_equal(check_data(card, {"x": x})["x"], x)
    path = written(tmp_path, "a,b\n1,\n2,3\n")
    np.testing.assert_array_equal(read_table(path, card)["x"], x)


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ((np.nan, np.inf), "1 of 2 rows that are not finite, the first at index 1"),
        ((np.nan, np.nan), "nothing in row 1 that was seen, NaN alone; drop the row"),
        ((np.nan, 1e39), "beyond single precision"),
    ],
)
def test_what_may_be_missing_must_otherwise_be_a_number(row: tuple[float, float], words: str) -> None:
    with pytest.raises(UserError, match=words):
        check_data(replace(CARD, missing=("x",)), {"x": np.array([[1.0, 2.0], row])})


def test_a_files_infinite_cell_is_no_missing_one(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="line 3: 'inf' is not a finite number, the first of 1 such rows in 2"):
        read_table(written(tmp_path, "a,b\n1,\n3,inf\n"), replace(CARD, missing=("x",)))


def test_a_table_is_one_series_or_as_many_as_it_numbers(tmp_path):
    """What `zoo sample` writes of series is read again; a series that ends early is NaN from there on."""
    from zoo.cli_output import columns, csv_text

    x = np.arange(12.0).reshape(2, 3, 2)
    for many in (x[:1], x):
        flat = columns({"x": many}, {"x": ("a", "b")})
        rows = [dict(zip(flat, values, strict=True)) for values in zip(*flat.values(), strict=True)]
        path = tmp_path / f"{len(many)}.csv"
        path.write_text(csv_text(rows), encoding="utf-8")
        card = catalogue.model("hmm").card
        assert np.array_equal(read_table(path, card)["x"], many)
        assert read_names(path, card) == {"x": ("a", "b")}
    short = tmp_path / "short.csv"
    short.write_text("series,a\n1,5\n2,6\n1,7\n1,nan\n", encoding="utf-8")
    found = read_table(short, card)["x"]
    assert found[..., 0] == pytest.approx(np.array([[5, 7, np.nan], [6, np.nan, np.nan]]), nan_ok=True)
