"""Refuse wrong options and wrong data before anything is traced, in one line with the remedy."""

from __future__ import annotations

import csv
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from zoo.card import Card, Option
from zoo.errors import UserError, unknown

STEPS_NDIM = 3  # of series (n, T, D)
SERIES = "series"  # the column that says to which of several a line belongs


MOST_WHOLE = 2**31  # whole numbers are of 32 bits in JAX
FAR = 1e5  # means beyond so many sds: single precision then rounds a value by more than a hundredth of an sd


def check_options(card: Card, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options that were asked for, checked.

    Raises:
        UserError: an unknown option, or a value that it does not take.
    """
    known = {o.name: o for o in card.options}
    for name, value in options.items():
        if name not in known:
            raise unknown("option", name, known, f"model {card.name!r}")
        _check_option(card.name, known[name], value)
    return dict(options)


def _check_option(model: str, option: Option, value: Any) -> None:
    where = f"{model}: option {option.name}"
    if option.choices and value not in option.choices:
        raise unknown(f"{option.name}", value, map(str, option.choices), f"model {model!r}")
    if value is None and option.default is not None and not option.derive:
        raise UserError(f"{where} cannot be None; leave it out for its default {option.default!r}")
    numeric = isinstance(option.default, (int, float)) or option.at_least is not None or option.above is not None
    if not numeric or value is None:
        return
    try:
        if np.asarray(value).dtype.kind not in "biuf":
            raise TypeError
        array = np.asarray(value, dtype=float)
    except (TypeError, ValueError):
        raise UserError(f"{where}={value!r} is not a number; give {option.meaning}") from None
    if isinstance(option.default, int) and (array.ndim or array != np.round(array) or isinstance(value, bool)):
        raise UserError(f"{where}={value!r} is not a whole number; give {option.meaning}")
    if array.ndim and not option.derive:
        raise UserError(f"{where}={value!r} is a list; give one number: {option.meaning}")
    if not np.isfinite(array).all():
        raise UserError(f"{where}={value!r} is not finite; give {option.meaning}")
    if option.at_least is not None and (array < option.at_least).any():
        raise UserError(f"{where}={value!r} must be at least {option.at_least:g}: {option.meaning}")
    if option.above is not None and (array <= option.above).any():
        raise UserError(f"{where}={value!r} must be above {option.above:g}: {option.meaning}")


def check_data(card: Card, data: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """Return the data as arrays, floats in double precision, checked against the card.

    Raises:
        UserError: an array is missing, unknown, not numeric, of the wrong shape, empty or not finite; or one that may
            lack values has a row without any; or two disagree in a dimension that they share.
    """
    return _check_arrays(card, data, tuple(card.inputs), "the data")


def check_covariates(card: Card, given: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """Return a model's covariates alone as arrays, checked against the card.

    Raises:
        UserError: as `check_data`.
    """
    return _check_arrays(card, given, card.covariates, "the covariates")


def _check_arrays(card: Card, data: Mapping[str, Any], names: tuple[str, ...], what: str) -> dict[str, np.ndarray]:
    for name in data:
        if name not in names:
            raise unknown("array", name, names, f"{what} of model {card.name!r}")
    found = {name: _check_array(card, name, data) for name in names}
    sizes: dict[str, tuple[str, int]] = {}
    for name, array in found.items():
        for dim, size in zip(card.inputs[name], array.shape, strict=True):
            first, known = sizes.setdefault(dim, (name, size))
            if size != known:
                raise UserError(
                    f"{card.name}: data {name!r} has {dim} {size}, and {first!r} has {known}; give both the same {dim}"
                )
    return found


def _check_array(card: Card, name: str, data: Mapping[str, Any]) -> np.ndarray:
    dims = card.inputs[name]
    shape = f"({', '.join(dims)})"
    where = f"{card.name}: data {name!r}"
    if name not in data:
        raise UserError(f"{where} is missing; give an array of shape {shape}")
    try:
        array = np.asarray(data[name])
        whole = name in card.whole and array.dtype.kind in "biu"
        array = array if whole else array.astype(np.float64)
    except (TypeError, ValueError):
        raise UserError(f"{where} is not numeric; give numbers of shape {shape}") from None
    if name in card.whole and not whole:
        raise UserError(f"{where} has floats, and the model was traced with whole numbers; give these")
    if whole and array.size and not -MOST_WHOLE <= int(array.min()) <= int(array.max()) < MOST_WHOLE:
        raise UserError(f"{where} has whole numbers of more than 32 bits; number what they stand for from 0")
    if array.ndim != len(dims):
        raise UserError(f"{where} has shape {array.shape}, and the model takes {shape}; reshape it")
    if array.size == 0:
        raise UserError(f"{where} is empty (shape {array.shape}); give at least one row")
    flat = array.reshape(len(array), -1)
    unseen = np.isnan(flat) & (name in card.missing)
    bad = ~(np.isfinite(flat) | unseen).all(-1)
    if bad.any():
        first = int(np.argmax(bad))
        raise UserError(
            f"{where} has {int(bad.sum())} of {len(array)} rows that are not finite, the first at index {first}; "
            "drop or impute them"
        )
    if unseen.all(-1).any():
        first = int(np.argmax(unseen.all(-1)))
        raise UserError(f"{where} has nothing in row {first} that was seen, NaN alone; drop the row")
    if not (np.abs(np.where(unseen, 0, flat)) < np.finfo(np.float32).max).all():
        raise UserError(f"{where} has values beyond single precision; rescale it")
    return array


def check_precision(card: Card, data: Mapping[str, np.ndarray], dtype: str) -> None:
    """Refuse data that single precision cannot tell apart: far from 0 beside how much they vary.

    Args:
        card: of the model.
        data: arrays by name; along the last axis of those with two or more lie the columns.
        dtype: in which the model is to be computed.

    Raises:
        UserError: naming the column, and what to do.
    """
    if dtype != "float32":
        return
    for name, array in data.items():
        columns = array.reshape(len(array), -1) if array.ndim < STEPS_NDIM else array.reshape(-1, array.shape[-1])
        # What was not seen, NaN, says nothing; a column that was never seen is nobody's.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            middle, spread = np.nanmean(columns, 0), np.nanstd(columns, 0)
        far = np.flatnonzero((np.abs(middle) > FAR * spread) & (spread > 0))
        if len(far):
            place = f", column {far[0]} from 0," if columns.shape[1] > 1 else ""
            raise UserError(
                f"{card.name}: {name!r}{place} lies about {abs(middle[far[0]]):.2g} from 0 and varies by "
                f"{spread[far[0]]:.2g}, which single precision cannot tell apart; subtract a constant from it, or use "
                "dtype='float64'"
            )


def read_table(path: Path, card: Card) -> dict[str, np.ndarray]:
    """Read a CSV file (a header line is optional) or an npz file of arrays.

    Raises:
        UserError: the file is not there, or is not what its name says.
    """
    if not path.is_file():
        raise UserError(f"data file {str(path)!r} is not there; give a .csv or .npz file, or a data set of the card's")
    if path.suffix == ".npz":
        try:
            with np.load(path, allow_pickle=False) as arrays:
                return {name: arrays[name] for name in arrays.files}
        except (OSError, ValueError, EOFError) as error:
            raise UserError(f"data file {str(path)!r} is not a readable npz file of plain arrays: {error}") from None
    (name, dims), *others = card.inputs.items()
    if others:
        raise UserError(f"model {card.name!r} takes several arrays ({', '.join(card.inputs)}); give an npz file")
    table = _read_csv(path, missing=name in card.missing)
    if len(dims) == STEPS_NDIM:
        return {name: _series(table, (_csv_lines(path)[0] or [""])[0].strip() == SERIES)}
    if len(dims) == 1:
        if table.shape[1] != 1:
            raise UserError(f"data file {str(path)!r} has {table.shape[1]} columns, and {name!r} takes one; keep one")
        table = table[:, 0]
    return {name: table}


def _series(table: np.ndarray, numbered: bool) -> np.ndarray:
    """Return lines, a step each, as series (n, T, D): one, or as many as the first column numbers, NaN past an end."""
    if not numbered:
        return table[None]
    labels, x = table[:, 0], table[:, 1:]
    each = [x[labels == label] for label in dict.fromkeys(labels)]
    found = np.full((len(each), max(map(len, each)), x.shape[1]), np.nan)
    for row, series in zip(found, each, strict=True):
        row[: len(series)] = series
    return found


def read_names(path: Path, card: Card) -> dict[str, tuple[str, ...]]:
    """Return the names that a CSV file's header gives the columns, by array.

    Empty where the header is missing, names a column twice, or has not one name a column.
    """
    header, rows = _csv_lines(path)
    found = tuple(cell.strip() for cell in header)
    good = found and len(set(found)) == len(found) == len(rows[0][1])
    return {next(iter(card.inputs)): found[found[0] == SERIES :]} if good else {}


def _read_csv(path: Path, *, missing: bool) -> np.ndarray:
    """Return the file's numbers (rows, columns); an empty cell is NaN where values may be missing."""
    rows = []
    _, lines = _csv_lines(path)
    for line, cells in lines:
        where = f"data file {str(path)!r}, line {line}"
        row = [_number(cell) for cell in cells]
        if None in row:
            raise UserError(f"{where}: {cells[row.index(None)]!r} is not a number; give numbers only")
        if len(row) != len(lines[0][1]):
            raise UserError(f"{where}: {len(row)} columns, not {len(lines[0][1])}; mend the row")
        rows.append(row)
    table = np.array(rows, dtype=np.float64)
    bad = ~(np.isfinite(table) | (np.isnan(table) & missing))
    if bad.any():
        first, column = np.argwhere(bad)[0]
        line, cells = lines[first]
        raise UserError(
            f"data file {str(path)!r}, line {line}: {cells[column]!r} is not a finite number, the first of "
            f"{int(bad.any(-1).sum())} such rows in {len(table)}; drop or impute them"
        )
    return table


def _csv_lines(path: Path) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """Return the header, empty where there is none, and each row's cells after the line on which it begins.

    Lines are numbered as in an editor: from 1, the header and empty lines counted.
    """
    lines, last = [], 0
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file)
            for cells in reader:
                if any(cell.strip() for cell in cells):
                    lines.append((last + 1, cells))
                last = reader.line_num
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"data file {str(path)!r} is not readable as CSV text: {error}") from None
    header = lines.pop(0)[1] if lines and all(_number(cell) is None for cell in lines[0][1]) else []
    if not lines:
        raise UserError(f"data file {str(path)!r} has no rows; give at least one")
    return header, lines


def _number(cell: str) -> float | None:
    """Return the cell's number, NaN for an empty cell, or None for text."""
    if not cell.strip():
        return float("nan")
    try:
        return float(cell)
    except ValueError:
        return None
