"""The page is one file without outside references, well formed, escaped, and fits a phone."""

import re
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from zoo.report import plates, style
from zoo.report.page import (
    PHONE,
    Block,
    Columns,
    Figures,
    Formula,
    Listed,
    Page,
    Panel,
    Prose,
    Section,
    Tabled,
    inline,
    render,
    write,
)
from zoo.report.plots import Curve, elbo_curves
from zoo.report.tables import Column, Table

EVIL = "<script src='https://example.org/x.js'></script>&"
VOID = {"meta", "link", "br", "img", "input", "hr", "path", "rect", "circle", "use"}


class Node:
    name = "x"
    kind = "observed"
    plates: tuple = ()


def page(words: str = "plain") -> Page:
    """Return a page with a block of every kind, all its texts the same."""
    curve = style.svg(elbo_curves([Curve(words, "pyro", np.arange(9.0))], 9.0, words, words), words)
    panel = Panel(curve, words)
    narrow = Table([Column("a", words, head=True)], [{"a": words}], words, None, words)
    wide = Table([Column(str(i), f"a long title {i}") for i in range(8)], [{str(i): 1.5 for i in range(8)}])
    blocks: list[Block | Columns] = [
        Prose(f"{words}\n\n    {words}", words),
        Formula("a = b", words),
        Figures([panel, Panel(plates.diagram([Node()], []), words)], words),
        Tabled(narrow, words, words),
        Columns([Tabled(wide)], [Listed([words], words)], words),
    ]
    sections = [Section(key, words, words, blocks, words) for key in ("height", "gmm_bayes")]
    return Page(words, f"{words}\n\n{words}", sections, [Prose(words)], {words: words})


class Reader(HTMLParser):
    """Check that tags are balanced, and collect attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.tags: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag


def read(html: str) -> Reader:
    reader = Reader()
    reader.feed(html)
    reader.close()
    assert reader.open == []
    return reader


def outside(html: str) -> list[str]:
    """Return what the page would fetch from elsewhere."""
    reader = read(html)
    fetched = [v for _, name, v in reader.attributes if name in ("src", "href", "xlink:href", "data", "srcset")]
    found = [v for v in fetched if not v.startswith(("#", "data:"))]
    found += [v for v in re.findall(r"url\(\s*['\"]?([^)'\"]*)", html) if not v.startswith(("#", "data:"))]
    return found + re.findall(r"@import[^;]*", html) + [t for t in reader.tags if t in ("script", "link", "iframe")]


def test_nothing_from_outside() -> None:
    assert outside(render(page())) == []


@pytest.mark.parametrize(
    "planted",
    ["<script></script>", '<img src="x.png">', '<a href="https://a.b">a</a>', "<style>@import 'a';</style>",
     "<p style='background: url(https://a.b)'>a</p>"],
)  # fmt: skip
def test_a_planted_reference_is_found(planted: str) -> None:
    assert outside(render(page()).replace("</main>", planted + "</main>")) != []


def test_data_are_escaped() -> None:
    html = render(page(EVIL))
    assert "<script" not in html
    assert html.count("&lt;script src=") > 30
    assert outside(html) == []


def test_ids_are_unique_and_links_lead_to_them() -> None:
    html = render(page())
    reader = read(html)
    ids = [v for _, name, v in reader.attributes if name == "id"]
    figures = [i for i in ids if re.match(r"f[0-9a-f]{8}-", i)]
    others = [i for i in ids if i not in figures]
    assert others == ["height", "gmm_bayes"]
    links = {v[1:] for _, name, v in reader.attributes if name == "href" and v.startswith("#")}
    assert links <= set(ids)


def test_pictures_have_words() -> None:
    reader = read(render(page()))
    labelled = [v for tag, name, v in reader.attributes if tag == "svg" and name == "aria-label"]
    assert len(labelled) == reader.tags.count("svg") > 0
    assert all(labelled)


def test_headings_do_not_skip_a_level() -> None:
    levels = [int(t[1]) for t in read(render(page())).tags if re.fullmatch("h[1-6]", t)]
    assert levels[0] == 1
    assert all(b <= a + 1 for a, b in pairwise(levels))


def test_nothing_is_wider_than_a_phone() -> None:
    html = render(page())
    for svg in re.findall(r"<svg[^>]*>", html):
        assert "max-width" in svg
    for style_words in re.findall(r'style="([^"]*)"', html):
        for width in re.findall(r"(?<!max-)width: ([\d.]+)px", style_words):
            assert float(width) <= PHONE or "max-width: 100%" in style_words
    sheet = html[html.index("<style>") : html.index("</style>")]
    for width in re.findall(r"(?<!-)\bwidth: ([\d.]+)rem", sheet):
        assert float(width) * 16 <= PHONE
    assert "pre-wrap" in sheet
    for least in re.findall(r"minmax\((min\(100%|[\d.]+)", sheet):
        assert least == "min(100%" or float(least) * 16 <= PHONE
    assert len(re.findall(r"minmax\(", sheet)) == len(re.findall(r"minmax\((?:min\(100%|[\d.]+)", sheet))
    assert 'name="viewport" content="width=device-width' in html


def test_wide_tables_stack_and_narrow_ones_do_not() -> None:
    html = render(page())
    assert html.count('class="wide stacks-early"') == 2
    assert html.count('class="wide "') == 2


def test_three_values_stand_beside_each_other() -> None:
    columns = [Column("0", "a", head=True), *(Column(str(i), "a title of many letters") for i in (1, 2, 3))]
    assert Tabled(Table(columns, [{}])).stacking == "stacks three"
    assert Tabled(Table(columns[:2], [{}])).stacking == ""
    assert Tabled(Table([*columns, Column("4", "four")], [{}])).stacking == "stacks"


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        ("`z` < `K`", "<code>z</code> &lt; <code>K</code>"),
        ("an odd ` stays", "an odd ` stays"),
        ("`<b>`", "<code>&lt;b&gt;</code>"),
    ],
)
def test_inline_code(words: str, shown: str) -> None:
    assert str(inline(words)) == shown


def test_same_page_same_text() -> None:
    assert render(page()) == render(page())


def test_write_leaves_one_file(tmp_path: Path) -> None:
    path = write(page(), tmp_path / "new" / "index.html")
    assert [p.name for p in path.parent.iterdir()] == ["index.html"]
    assert path.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")


def test_a_missing_entry_is_an_error() -> None:
    broken = Page("a", "b", [Section("k", "t", "s", [object()])])  # type: ignore[list-item]
    with pytest.raises(Exception, match="title"):
        render(broken)
