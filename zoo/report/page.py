"""One self-contained HTML page of prose, formulas, figures and tables: no file and no address beside it."""

from __future__ import annotations

import os
import re
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from zoo.report.formula import formula
from zoo.report.tables import Table, to_html

PHONE, TABLET = 358, 700  # pixels of text on screens of 390 and of 736


@dataclass(frozen=True)
class Prose:
    """Paragraphs of plain text, parted by blank lines; an indented block and words in backticks are code."""

    text: str
    title: str = ""
    kind: ClassVar[str] = "prose"

    def parts(self) -> list[tuple[str, str]]:
        r"""Return ("text" or "code", words) by paragraph.

        >>> Prose("One\nline.\n\n    x ~ Normal(0, 1)").parts()
        [('text', 'One line.'), ('code', 'x ~ Normal(0, 1)')]
        """
        blocks = re.split(r"\n\s*\n", self.text.strip("\n"))
        return [
            ("code", textwrap.dedent(b).strip("\n")) if b.startswith("  ") else ("text", " ".join(b.split()))
            for b in blocks
            if b.strip()
        ]


@dataclass(frozen=True)
class Formula:
    r"""A formula in matplotlib's TeX, `\\` between lines."""

    tex: str
    title: str = ""
    kind: ClassVar[str] = "formula"

    def svg(self) -> Markup:
        """Return it as inline SVG; its words are escaped where it is made."""
        return Markup(formula(self.tex, 19.0))


@dataclass(frozen=True)
class Panel:
    """One figure: SVG made by `style.svg` or `plates.diagram`, and its caption."""

    svg: str
    caption: str

    def markup(self) -> Markup:
        """Return the SVG as it goes into the page; its words are escaped where it is made."""
        return Markup(self.svg)


@dataclass(frozen=True)
class Figures:
    """Panels, side by side where there is room."""

    panels: Sequence[Panel]
    title: str = ""
    kind: ClassVar[str] = "figures"


@dataclass(frozen=True)
class Tabled:
    """A table, and a sentence on how to read it."""

    table: Table
    title: str = ""
    lead: str = ""
    kind: ClassVar[str] = "table"

    def html(self) -> Markup:
        """Return the table as it goes into the page."""
        return to_html(self.table)

    @property
    def stacking(self) -> str:
        """When its rows become cards: "" never, "stacks" on a phone, "stacks-early" on a tablet too.

        Three values a row stand beside each other: "stacks three". It goes by 7.5 pixels a character and 14
        between columns.
        """
        lines = [[c.title for c in self.table.columns], *self.table.texts()]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        width = 7.5 * sum(widths) + 14 * (len(widths) - 1)
        if width <= PHONE:
            return ""
        name = "stacks" if width <= TABLET else "stacks-early"
        return f"{name} three" if sum(not c.head for c in self.table.columns) == 3 else name


@dataclass(frozen=True)
class Listed:
    """Lines under a heading, such as references."""

    items: Sequence[str]
    title: str = ""
    kind: ClassVar[str] = "list"


Block = Prose | Formula | Figures | Tabled | Listed


@dataclass(frozen=True)
class Columns:
    """Two columns of blocks, one above the other where there is no room."""

    left: Sequence[Block]
    right: Sequence[Block]
    title: str = ""
    kind: ClassVar[str] = "columns"


@dataclass(frozen=True)
class Section:
    """One model's part of the page.

    Args:
        key: the model's name, shown beside the title; links lead to it. Letters, digits, "_" and "-".
        title, subtitle: its heading.
        blocks: in order.
        summary: one line for the list of contents.
    """

    key: str
    title: str
    subtitle: str
    blocks: Sequence[Block | Columns]
    summary: str = ""


@dataclass(frozen=True)
class Page:
    """A whole page.

    Args:
        title: its heading.
        lead: paragraphs below it.
        sections: in order.
        opening: blocks before the first section.
        made_by: footer: what made the page, name to words (command, versions, seed, device …).
    """

    title: str
    lead: str
    sections: Sequence[Section]
    opening: Sequence[Block | Columns] = ()
    made_by: Mapping[str, str] = field(default_factory=dict)


def inline(words: str) -> Markup:
    """Return one paragraph as HTML: escaped, with words in backticks as code.

    >>> print(inline("`z` < 3"))
    <code>z</code> &lt; 3
    """
    parts = words.split("`")
    if len(parts) % 2 == 0:
        return escape(words)
    shown = (Markup("<code>{}</code>").format(p) if i % 2 else escape(p) for i, p in enumerate(parts))
    return Markup("").join(shown)


def render(page: Page) -> str:
    """Return the page as HTML; every text in it is escaped."""
    environment = Environment(
        loader=PackageLoader("zoo.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["inline"] = inline
    return environment.get_template("page.html.j2").render(page=page)


def write(page: Page, path: Path) -> Path:
    """Write the page beside its final name, then rename it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    part.write_text(render(page), encoding="utf-8")
    os.replace(part, path)
    return path
