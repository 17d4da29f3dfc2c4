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

from zoo.checks import SERIES, STEPS_NDIM
from zoo.estimators import rounded

if TYPE_CHECKING:
    from rich.console import Console, JustifyMethod, RenderableType

WIDTH = 100  # of prose, and of tables where there is no terminal to say
GAP = 2  # between columns


def console() -> Console:
    """Return the console of stdout, as wide as its terminal."""
    from rich.console import Console

    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")
    return Console(width=None if sys.stdout.isatty() else WIDTH, highlight=False)


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
    return number(value) if value is None or np.isnan(value) else rounded(value, error or 0.0)


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


def table(rows: Sequence[Mapping[str, Any]], digits: int = 6, spare: Sequence[str] = ()) -> RenderableType:
    """Return a table of rows by column that fits the console; columns without any text are left out.

    Columns of words are folded between words. The first column and those of numbers are never folded; where
    they leave too little room, spare columns go, and a line below the table says which.

    Args:
        rows: column to value; the first row names the columns.
        digits: significant ones.
        spare: columns that may be left out, the least important first.
    """
    from rich import box
    from rich.table import Table

    texts = {name: [number(row.get(name), digits) for row in rows] for name in (rows[0] if rows else ())}
    texts = {name: cells for name, cells in texts.items() if any(cells)}
    numeric = {n for n in texts if all(isinstance(row.get(n), int | float | np.number | None) for row in rows)}
    whole = numeric | set(list(texts)[:1])
    most = {name: max(map(len, [name, *cells])) for name, cells in texts.items()}
    least = {n: most[n] if n in whole else max(map(len, " ".join([n, *texts[n]]).split())) for n in texts}
    room, gone = console().width, []
    for name in (name for name in spare if name in texts):
        if sum(least.values()) + GAP * (len(least) - 1) <= room:
            break
        del texts[name], most[name], least[name]
        gone.append(name)
    made = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, GAP - 1, 0, 0))
    made.caption, made.caption_justify = f"left out to fit: {', '.join(gone)}" if gone else None, "left"
    for name, width in widths(least, most, room).items():
        justify: JustifyMethod = "right" if name in numeric else "left"
        made.add_column(name, justify=justify, no_wrap=name in whole, overflow="fold", width=width)
    for cells in zip(*texts.values(), strict=True):
        made.add_row(*cells)
    return made


def widths(least: Mapping[str, int], most: Mapping[str, int], room: int) -> dict[str, int]:
    """Return the columns' widths: the widest gives way first, and none below its least.

    >>> widths({"a": 3, "b": 4}, {"a": 9, "b": 30}, 20)
    {'a': 9, 'b': 9}
    """
    found = dict(most)
    while sum(found.values()) + GAP * (len(found) - 1) > room:
        yielding = [name for name in found if found[name] > least[name]]
        if not yielding:
            break
        found[max(yielding, key=found.__getitem__)] -= 1
    return found


def described(things: Sequence[Mapping[str, str]]) -> str:
    """Return things with more words than a row has room for: the name of each, and its facts below it.

    >>> print(described([{"data set": "galton", "licence": "public domain"}]))
      galton
        licence  public domain
    """
    lines = []
    for (_, name), *facts in (thing.items() for thing in things):
        indent = 4 + max(len(word) for word, _ in facts) + 2
        lines.append(f"  {name}")
        lines += [hanging(f"    {word}".ljust(indent), text) for word, text in facts]
    return "\n".join(lines)


def hanging(first: str, text: str) -> str:
    """Wrap text to a readable width after its first words; the other lines begin below it.

    >>> print(hanging("  1. ", "A book"))
      1. A book
    """
    return textwrap.fill(
        text,
        min(WIDTH, console().width),
        initial_indent=first,
        subsequent_indent=" " * len(first),
        break_on_hyphens=False,
    )


def prose(text: str) -> str:
    r"""Wrap text to a readable width, paragraph by paragraph; indented blocks stay as they are.

    >>> print(prose("One\nline.\n\n    z ~ Normal(0, 1)"))
    One line.
    <BLANKLINE>
        z ~ Normal(0, 1)
    """
    width = min(WIDTH, console().width)
    blocks = [block.strip("\n") for block in text.strip("\n").split("\n\n") if block.strip()]
    return "\n\n".join(
        block if block.startswith("  ") else textwrap.fill(" ".join(block.split()), width) for block in blocks
    )


def columns(
    values: Mapping[str, np.ndarray], names: Mapping[str, Sequence[str]] | None = None
) -> dict[str, np.ndarray]:
    """Return arrays as columns of a flat table; series, an array (n, T, D) alone, have a line for every step.

    Args:
        values: arrays by name, a row first.
        names: of an array's columns, where they have some.

    >>> list(columns({"x": np.zeros((3, 2)), "z": np.zeros(3)}, {"z": ["age"]}))
    ['x.0', 'x.1', 'age']
    >>> columns({"x": np.array([[[5.0], [6.0]], [[7.0], [8.0]]])})["series"].tolist()
    [0, 0, 1, 1]
    """
    if len(values) == 1 and next(iter(values.values())).ndim == STEPS_NDIM:
        ((name, x),) = values.items()
        many = {SERIES: np.repeat(np.arange(len(x)), x.shape[1])} if len(x) > 1 else {}
        return many | columns({name: x.reshape(-1, x.shape[2])}, names)
    flat = {}
    for name, value in values.items():
        indices = list(np.ndindex(value.shape[1:]))
        plain = [".".join([name, *map(str, index)]) for index in indices]
        for title, index in zip((names or {}).get(name, plain), indices, strict=True):
            flat[title] = value[(slice(None), *index)]
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
