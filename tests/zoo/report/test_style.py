"""Figures look the same everywhere, are deterministic, and leave nothing behind."""

import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import matplotlib
import numpy as np
import pytest
from matplotlib.colors import to_rgb

from zoo.report import style


@style.styled
def example(title: str = "µ ± σ²") -> style.Figure:
    figure, axes = style.panel()
    axes.plot(np.arange(5.0), np.arange(5.0) ** 2, label=title, **style.backend_look("pyro"))
    axes.set_xlabel("step")
    axes.legend()
    return figure


def test_same_figure_same_text() -> None:
    assert style.svg(example(), "a curve") == style.svg(example(), "a curve")


def test_ids_of_two_figures_differ() -> None:
    ids = [set(re.findall(r' id="([^"]+)"', style.svg(example(t), t))) for t in ("one", "two")]
    assert ids[0]
    assert not ids[0] & ids[1]


def test_references_lead_to_ids() -> None:
    text = style.svg(example(), "a curve")
    ids = set(re.findall(r' id="([^"]+)"', text))
    used = set(re.findall(r'href="#([^"]+)"', text)) | set(re.findall(r"url\(#([^)]+)\)", text))
    assert used
    assert used <= ids


def test_svg_is_a_lone_labelled_element() -> None:
    text = style.svg(example(), 'a "curve" <of> losses')
    root = ElementTree.fromstring(text)
    assert root.get("aria-label") == 'a "curve" <of> losses'
    assert root.get("role") == "img"
    assert root.get("width") is None
    assert "<style" not in text
    assert "<metadata" not in text
    assert "DejaVu Sans';" not in text


def test_colours_follow_the_page() -> None:
    text = style.svg(example(), "a curve")
    assert f"var(--vermilion, {style.VERMILION})" in text
    assert not re.search(rf": {style.VERMILION}", text)


def test_settings_are_left_alone() -> None:
    with matplotlib.rc_context({"lines.linewidth": 9.0, "xtick.direction": "in"}):
        before = dict(matplotlib.rcParams)
        style.svg(example(), "a curve")
        assert dict(matplotlib.rcParams) == before


def test_callers_settings_do_not_leak_in() -> None:
    plain = style.svg(example(), "a curve")
    with matplotlib.rc_context({"xtick.direction": "in", "xtick.major.size": 20.0}):
        assert style.svg(example(), "a curve") == plain


def test_no_pyplot() -> None:
    modules = "style, plots, densities, plates, formula, tables, page"
    code = f"import sys; from zoo.report import {modules}; print('matplotlib.pyplot' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


@pytest.mark.parametrize("suffix", [".png", ".svg", ".pdf"])
def test_save(tmp_path: Path, suffix: str) -> None:
    path = style.save(example(), tmp_path / f"figure{suffix}")
    assert path.stat().st_size > 1000
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def luminance(colour: str) -> float:
    """Return the relative luminance of WCAG 2.2."""
    channels = np.array(to_rgb(colour))
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


@pytest.mark.parametrize("colour", style.BACKEND_COLOURS.values())
def test_backends_stand_out_from_the_paper(colour: str) -> None:
    assert (luminance(style.PAPER) + 0.05) / (luminance(colour) + 0.05) >= 3


def test_backends_differ_in_more_than_colour() -> None:
    for looks in (style.BACKEND_COLOURS, style.BACKEND_LINES, style.BACKEND_MARKS):
        assert len({str(v) for v in looks.values()}) == len(looks)


def test_every_guide_has_its_own_look() -> None:
    assert len(set(style.GUIDE_COLOURS.values())) == len(style.GUIDE_COLOURS)
    assert len({str(v) for v in style.GUIDE_LINES.values()}) == len(style.GUIDE_LINES)
