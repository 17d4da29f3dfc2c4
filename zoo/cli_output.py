"""How the commands print: tables and prose that fit a terminal, and stay whole in a pipe."""

from __future__ import annotations

import csv
import io
import sys
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

PIPE_WIDTH = 10_000  # a table takes what it needs: nothing is cut where there is no screen
PROSE_WIDTH = 100


def console() -> Console:
    """Return the console of stdout, as wide as its terminal, or as need be in a pipe."""
    from rich.console import Console

    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")
    return Console(width=None if sys.stdout.isatty() else PIPE_WIDTH, highlight=False)


def emit(*parts: RenderableType) -> None:
    """Print to stdout; a pipe gets no spaces at the ends of lines."""
    screen = console()
    with screen.capture() as captured:
        for part in parts:
            screen.print(part, markup=False, soft_wrap=isinstance(part, str))
    lines = captured.get().split("\n")
    sys.stdout.write("\n".join(lines if sys.stdout.isatty() else [line.rstrip() for line in lines]))
    sys.stdout.flush()


def head(words: str) -> RenderableType:
    """Return a heading with an empty line above it."""
    from rich.text import Text

    return Text(f"\n{words}", style="bold")


def number(value: Any, digits: int = 6) -> str:
    """Write a value for a table; what is not known is a dash.

    >>> number(13.0713312), number(None), number(float("nan")), number(7), number("flow")
    ('13.0713', '—', '—', '7', 'flow')
    """
    if value is None or (isinstance(value, float | np.floating) and np.isnan(value)):
        return "—"
    if isinstance(value, float | np.floating):
        return f"{value:.{digits}g}"
    return str(value)


def estimate(value: float | None, error: float | None = None) -> str:
    """Write a number to the digits that its standard error leaves.

    >>> estimate(13.071331, 0.0021), estimate(13.071331, 0.0), estimate(None)
    ('13.0713 ± 0.0021', '13.0713', '—')
    """
    if value is None or not error or not np.isfinite(error) or error < 1e-8:
        return number(value)
    places = max(0, 1 - int(np.floor(np.log10(error))))
    return f"{value:.{places}f} ± {error:.{places}f}"


@contextmanager
def counter(words: str) -> Iterator[Callable[[], None]]:
    """Show on stderr how many are done; nothing where it is no terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    parts = (TextColumn("{task.completed} {task.description}"), BarColumn(), TimeElapsedColumn())
    screen = Console(stderr=True)
    with Progress(*parts, console=screen, transient=True, disable=not screen.is_terminal) as bar:
        task = bar.add_task(words, total=None)
        yield lambda: bar.advance(task)


def table(rows: Sequence[Mapping[str, Any]], digits: int = 6) -> RenderableType:
    """Return a table of rows by column; columns of numbers are set to the right and never cut.

    Args:
        rows: column to value; the first row names the columns.
        digits: significant ones.
    """
    from rich import box
    from rich.table import Table

    made = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for name in rows[0] if rows else ():
        numeric = all(isinstance(row.get(name), int | float | np.number | None) for row in rows)
        made.add_column(name, justify="right" if numeric else "left", no_wrap=numeric, overflow="fold")
    for row in rows:
        made.add_row(*(number(row.get(name), digits) for name in rows[0]))
    return made


def prose(text: str) -> str:
    r"""Wrap text to a readable width, paragraph by paragraph; indented blocks stay as they are.

    >>> print(prose("One\nline.\n\n    z ~ Normal(0, 1)"))
    One line.
    <BLANKLINE>
        z ~ Normal(0, 1)
    """
    width = min(PROSE_WIDTH, console().width)
    blocks = [block.strip("\n") for block in text.strip("\n").split("\n\n") if block.strip()]
    return "\n\n".join(
        block if block.startswith("  ") else textwrap.fill(" ".join(block.split()), width) for block in blocks
    )


def columns(values: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return arrays as columns of a flat table.

    >>> list(columns({"x": np.zeros((3, 2)), "z": np.zeros(3)}))
    ['x.0', 'x.1', 'z']
    """
    flat = {}
    for name, value in values.items():
        for index in np.ndindex(value.shape[1:]):
            flat[".".join([name, *map(str, index)])] = value[(slice(None), *index)]
    return flat


def csv_text(rows: Sequence[Mapping[str, Any]]) -> str:
    r"""Write rows as CSV with a header; what is not known is empty.

    >>> csv_text([{"a": 1.5, "b": None}])
    'a,b\n1.5,\n'
    """
    out = io.StringIO()
    writer = csv.DictWriter(out, list(rows[0]) if rows else [], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()
