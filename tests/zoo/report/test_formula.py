"""Formulas become outlines that have the right extent, and words for those who do not see them."""

from xml.etree import ElementTree

import pytest

from zoo.report.formula import formula, glyphs, speak


def test_extent_covers_the_outline() -> None:
    g = glyphs(r"\frac{a}{b}", 20)
    numbers = [float(v) for v in g.outline.replace("Z", " ").translate(str.maketrans("MLQC", "    ")).split()]
    x, y = numbers[::2], numbers[1::2]
    assert -0.5 <= min(x) <= max(x) <= g.width + 0.5
    assert -g.height - 0.5 <= min(y) <= max(y) <= g.depth + 0.5


def test_size_scales() -> None:
    assert glyphs("x^2", 40).width == pytest.approx(2 * glyphs("x^2", 20).width, abs=1.5)


def test_lines_are_elements() -> None:
    lines = formula(r"a = b \\ c = \sigma").split("\n")
    assert [ElementTree.fromstring(line).get("aria-label") for line in lines] == ["a = b", "c = σ"]


def test_never_wider_than_its_box() -> None:
    assert "max-width: 100%" in formula(" + ".join(["x"] * 60))


def test_words_are_escaped() -> None:
    assert 'aria-label="a &lt; b"' in formula("a < b")


def test_nonsense_is_an_error() -> None:
    with pytest.raises(ValueError, match="nonsense"):
        formula(r"\nonsense{x}")


@pytest.mark.parametrize(
    ("tex", "words"),
    [(r"\mathcal{N}(\mu, \sigma^2)", "N(μ, σ^2)"), (r"\frac{a}{b}\,c", "(a)/(b) c"), (r"x \sim p", "x ∼ p")],
)
def test_speak(tex: str, words: str) -> None:
    assert speak(tex) == words
