"""Tables: rows to aligned HTML and to aligned plain text, with numbers as precise as they are known."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from markupsafe import Markup

from zoo.estimators import TRUSTED_K_HAT

NONE = "—"
MINUS = "−"


def _missing(value: Any) -> bool:
    return value is None or (isinstance(value, (float, np.floating)) and math.isnan(value))


def number(value: Any, error: Any = None, digits: int = 4) -> str:
    """Return a number with its error, both to the digits that the error allows.

    Args:
        value: the number, or None or NaN where there is none.
        error: its Monte Carlo standard error, if it has one.
        digits: significant digits of a number without error.

    >>> number(13.071331, 0.00213), number(0.00292100, digits=4), number(None), number(-1234.5), number(3)
    ('13.0713 ± 0.0021', '0.002921', '—', '−1234', '3')
    """
    if _missing(value):
        return NONE
    if isinstance(value, (bool, np.bool_)):
        return "yes" if value else "no"
    if isinstance(value, (int, np.integer)):
        return f"{int(value):,}".replace("-", MINUS)
    value = float(value)
    if math.isinf(value):
        return f"{MINUS if value < 0 else ''}∞"
    if not _missing(error) and math.isfinite(float(error)) and float(error) > 0:
        places = max(0, 1 - math.floor(math.log10(float(error))))
        if places <= 8:
            return f"{value:.{places}f} ± {float(error):.{places}f}".replace("-", MINUS)
    return significant(value, digits)


def significant(value: float, digits: int = 4) -> str:
    """Return a number to some significant digits, in plain notation where that is short.

    >>> significant(0.0540463, 4), significant(1284.9, 3), significant(1.2e-7, 2), significant(0.0)
    ('0.05405', '1285', '1.2e−07', '0')
    """
    if value == 0:
        return "0"
    size = math.floor(math.log10(abs(value)))
    if -5 <= size < 7:
        return f"{value:.{max(0, digits - 1 - size)}f}".replace("-", MINUS)
    return f"{value:.{digits - 1}e}".replace("-", MINUS)


def k_hat(value: Any) -> str:
    """Return a Pareto k̂ and, above its limit, what that means.

    >>> k_hat(0.312), k_hat(1.4), k_hat(None)
    ('0.31', '1.40: not to be trusted', '—')
    """
    if _missing(value):
        return NONE
    words = ": not to be trusted" if not value <= TRUSTED_K_HAT else ""
    return f"{value:.2f}".replace("-", MINUS) + words


def seconds(value: Any) -> str:
    """Return a duration.

    >>> seconds(0.031), seconds(4.26), seconds(132.0)
    ('0.03 s', '4.3 s', '132 s')
    """
    if _missing(value):
        return NONE
    return f"{value:.2f} s" if value < 1 else f"{value:.1f} s" if value < 100 else f"{value:.0f} s"


def cell(value: Any) -> str:
    """Return any value as a cell's text: numbers by `number`, pairs as (value, error), lists joined."""
    if isinstance(value, str):
        return value or NONE
    if isinstance(value, tuple) and len(value) == 2:
        return number(value[0], value[1])
    if isinstance(value, (list, tuple, np.ndarray)) and np.ndim(value) > 0:
        return ", ".join(cell(v) for v in value)
    if _missing(value) or isinstance(value, (bool, int, float, np.number, np.bool_)):
        return number(value)
    return str(value)


@dataclass(frozen=True)
class Column:
    """One column of a table.

    Args:
        key: of the row's entry.
        title: of the column.
        align: "right" for numbers, "left" for words.
        show: turns the entry into text.
        head: whether its cells name their row.
    """

    key: str
    title: str
    align: Literal["left", "right"] = "right"
    show: Callable[[Any], str] = cell
    head: bool = False


@dataclass(frozen=True)
class Table:
    """Rows under columns, with a caption.

    Args:
        columns: in order.
        rows: mappings from a column's key to a value; a missing key is a dash.
        caption: one line above the table.
        strong: key and value that mark the rows to be set off, such as ("guide", "exact").
        note: a sentence below the table.
    """

    columns: Sequence[Column]
    rows: Sequence[Mapping[str, Any]]
    caption: str = ""
    strong: tuple[str, Any] | None = None
    note: str = ""

    def texts(self) -> list[list[str]]:
        """Return every cell's text, by row."""
        return [[c.show(row.get(c.key)) for c in self.columns] for row in self.rows]


def to_html(table: Table) -> Markup:
    """Return a table as HTML whose header cells say what they head.

    On a narrow screen the page's style sheet stacks each row; a cell then shows its column's title, which it
    carries in `data-title`. Roles are written out, since a stacked table loses its own.
    """
    lines = [Markup('<div class="table"><table role="table">')]
    if table.caption:
        lines.append(Markup("<caption>{}</caption>").format(table.caption))
    lines.append(Markup('<thead role="rowgroup"><tr role="row">'))
    head = Markup('<th scope="col" role="columnheader" class="{}">{}</th>')
    lines += [head.format(c.align, c.title) for c in table.columns]
    lines.append(Markup('</tr></thead><tbody role="rowgroup">'))
    named = Markup('<th scope="row" role="rowheader" class="{align}">{words}</th>')
    plain = Markup('<td role="cell" class="{align}" data-title="{title}">{words}</td>')
    for row, texts in zip(table.rows, table.texts(), strict=True):
        strong = table.strong is not None and row.get(table.strong[0]) == table.strong[1]
        lines.append(Markup('<tr role="row"{}>').format(Markup(' class="strong"') if strong else ""))
        for c, words in zip(table.columns, texts, strict=True):
            shown = named if c.head else plain
            lines.append(shown.format(align=c.align, title=c.title, words=words))
        lines.append(Markup("</tr>"))
    lines.append(Markup("</tbody></table></div>"))
    if table.note:
        lines.append(Markup('<p class="note">{}</p>').format(table.note))
    return Markup("").join(lines)


def to_text(table: Table) -> str:
    """Return a table as aligned lines of plain text.

    >>> print(to_text(Table([Column("a", "guide", "left"), Column("b", "gap")], [{"a": "flow", "b": 0.5}])))
    guide     gap
    ─────  ──────
    flow   0.5000
    """
    texts = [[c.title for c in table.columns], *table.texts()]
    widths = [max(len(row[i]) for row in texts) for i in range(len(table.columns))]

    def line(cells: Sequence[str]) -> str:
        aligned = [
            words.rjust(w) if c.align == "right" else words.ljust(w)
            for words, w, c in zip(cells, widths, table.columns, strict=True)
        ]
        return "  ".join(aligned).rstrip()

    lines = [line(texts[0]), "  ".join("─" * w for w in widths), *(line(row) for row in texts[1:])]
    return "\n".join([*([table.caption, ""] if table.caption else []), *lines, *([table.note] if table.note else [])])
