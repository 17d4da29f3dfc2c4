"""How every figure of the zoo looks: one palette, one colour and mark a backend, SVG that fits a phone.

Figures are made by matplotlib's object API, never by pyplot, so that nothing is left open or shared. Each
is one panel as wide as a phone; the page sets panels side by side where there is room. Colours go into the
SVG as CSS variables with their value as fallback, so that the page can turn dark.
"""

from __future__ import annotations

import hashlib
import io
import os
import re
from collections.abc import Callable
from functools import wraps
from html import escape
from pathlib import Path
from typing import Any, ParamSpec, TypeVar, cast

import matplotlib
from cycler import cycler
from matplotlib.axes import Axes
from matplotlib.figure import Figure

# Okabe & Ito (2008), "Color universal design": told apart under every common kind of colour blindness.
ORANGE, SKY, GREEN = "#e69f00", "#56b4e9", "#009e73"
BLUE, VERMILION, PURPLE = "#0072b2", "#d55e00", "#cc79a7"
INK, SOFT, RULE, OBSERVED, PAPER = "#1d2126", "#626a73", "#d9dce0", "#c3c8ce", "#fffffe"
CYCLE = (BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY)

VARIABLES = {
    ORANGE: "--orange",
    SKY: "--sky",
    GREEN: "--green",
    BLUE: "--blue",
    VERMILION: "--vermilion",
    PURPLE: "--purple",
    INK: "--ink",
    SOFT: "--soft",
    RULE: "--rule",
    OBSERVED: "--observed",
    PAPER: "--paper",
}

BACKEND_TITLES = {"numpyro": "NumPyro", "pyro": "Pyro"}
BACKEND_COLOURS = {"numpyro": BLUE, "pyro": VERMILION}
BACKEND_LINES = {"numpyro": "-", "pyro": (0, (4, 2.2))}
BACKEND_MARKS = {"numpyro": "o", "pyro": "D"}
GUIDE_COLOURS = {
    "mean_field": ORANGE,
    "full_rank": GREEN,
    "low_rank": SKY,
    "flow": PURPLE,
    "laplace": SOFT,
    "delta": INK,
}
GUIDE_LINES = {
    "mean_field": "-",
    "full_rank": (0, (6, 2)),
    "low_rank": (0, (3, 1.5)),
    "flow": (0, (5, 1.5, 1.2, 1.5)),
    "laplace": (0, (1.2, 1.4)),
}
GUIDE_MARKS = {"mean_field": "o", "full_rank": "D", "low_rank": "s", "flow": "^", "laplace": "v"}

FONT = "var(--sans, 'DejaVu Sans', sans-serif)"

WIDTH, HEIGHT = 4.7, 3.2  # inches: 338 points, the text column of a phone

SETTINGS: dict[str, Any] = {
    "axes.edgecolor": SOFT,
    "axes.labelcolor": INK,
    "axes.labelsize": 10,
    "axes.linewidth": 0.7,
    "axes.prop_cycle": cycler(color=list(CYCLE)),
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 10.5,
    "figure.dpi": 100,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "font.family": "DejaVu Sans",
    "font.size": 10,
    "grid.color": RULE,
    "grid.linewidth": 0.6,
    "legend.fontsize": 9,
    "legend.frameon": False,
    "legend.handlelength": 2.2,
    "lines.linewidth": 1.6,
    "path.simplify_threshold": 0.3,
    "svg.fonttype": "none",
    "svg.hashsalt": "zoo",
    "text.color": INK,
    "xtick.color": SOFT,
    "xtick.labelcolor": INK,
    "xtick.labelsize": 9,
    "ytick.color": SOFT,
    "ytick.labelcolor": INK,
    "ytick.labelsize": 9,
}

P = ParamSpec("P")
T = TypeVar("T")


def styled(draw: Callable[P, T]) -> Callable[P, T]:
    """Run a drawing function under the zoo's settings, and leave the caller's untouched."""

    @wraps(draw)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> T:
        with matplotlib.rc_context():
            matplotlib.rcdefaults()
            matplotlib.rcParams.update(cast(Any, SETTINGS))
            return draw(*args, **kwargs)

    return wrapped


def panel(width: float = WIDTH, height: float = HEIGHT) -> tuple[Figure, Axes]:
    """Return one figure with one pair of axes; sizes in inches. Call it under `styled`."""
    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.add_subplot()


def backend_look(backend: str) -> dict[str, Any]:
    """Return the colour and line style of a backend, as keywords of `Axes.plot`."""
    return {"color": BACKEND_COLOURS.get(backend, GREEN), "linestyle": BACKEND_LINES.get(backend, "-.")}


def guide_look(guide: str) -> dict[str, Any]:
    """Return the colour and line style of a guide, as keywords of `Axes.plot`."""
    return {"color": GUIDE_COLOURS.get(guide, BLUE), "linestyle": GUIDE_LINES.get(guide, "-")}


@styled
def svg(figure: Figure, alt: str) -> str:
    """Return a figure as one inline SVG element that scales to its box.

    Args:
        figure: drawn under `styled`.
        alt: what the figure shows, for those who do not see it.

    Returns:
        SVG text; the same figure and words give the same text. Its ids begin with a hash of its content, so
        that several fit into one page.
    """
    stream = io.StringIO()
    figure.savefig(stream, format="svg", metadata={"Date": None})
    return _inline(stream.getvalue(), alt)


def _inline(text: str, alt: str) -> str:
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>\s*", "", text, flags=re.DOTALL)
    text = re.sub(r"<defs>\s*<style.*?</style>\s*</defs>\s*", "", text, count=1, flags=re.DOTALL)
    text = re.sub(r"<!--.*?-->\s*", "", text, flags=re.DOTALL)
    prefix = "f" + hashlib.sha256((alt + text).encode()).hexdigest()[:8] + "-"
    text = re.sub(r'(?<= id=")', prefix, text)
    text = text.replace("url(#", f"url(#{prefix}").replace('xlink:href="#', f'href="#{prefix}')
    for colour, variable in VARIABLES.items():
        text = text.replace(f": {colour}", f": var({variable}, {colour})")
    # The page's own font. Matplotlib writes a `font` shorthand where style or weight are not the normal ones.
    text = re.sub(r"(font: [^;\"]*?[\d.]+px )[^;\"]*", rf"\1{FONT}", text)
    text = re.sub(r"font-family: [^;\"]*", f"font-family: {FONT}", text)
    width, height = (float(v) for v in re.findall(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', text)[0])
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="figure" role="img" aria-label="{escape(alt)}" '
        f'viewBox="0 0 {width:g} {height:g}" style="max-width: {width * 1.4:.0f}px; '
        f'stroke-linejoin: round; stroke-linecap: butt">'
    )
    return re.sub(r"<svg[^>]*>", lambda _: head, text, count=1).strip()


@styled
def save(figure: Figure, path: Path) -> Path:
    """Write a figure to a PNG, SVG or PDF file on white ground, by way of a file beside it."""
    part = path.with_name(path.name + ".part")
    metadata = {"Date": None} if path.suffix == ".svg" else {}
    figure.savefig(part, format=path.suffix[1:], dpi=160, facecolor="white", metadata=metadata)
    os.replace(part, path)
    return path
