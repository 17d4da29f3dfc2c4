"""Formulas as inline SVG, set by matplotlib's own TeX subset: no TeX, no fonts and no scripts needed."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from html import escape

from matplotlib.font_manager import FontProperties
from matplotlib.mathtext import MathTextParser
from matplotlib.path import Path
from matplotlib.textpath import text_to_path

_COMMANDS = {
    Path.MOVETO: ("M", 1),
    Path.LINETO: ("L", 1),
    Path.CURVE3: ("Q", 2),
    Path.CURVE4: ("C", 3),
}


@dataclass(frozen=True)
class Glyphs:
    """A formula as an outline: origin at the left end of the base line, y downwards.

    Args:
        outline: the `d` attribute of an SVG path.
        width, height, depth: extent in pixels; height above and depth below the base line.
    """

    outline: str
    width: float
    height: float
    depth: float


@lru_cache(maxsize=256)
def glyphs(tex: str, size: float = 18.0) -> Glyphs:
    """Return the outline of a formula.

    Args:
        tex: in matplotlib's subset of TeX, without dollar signs.
        size: of the font, in pixels.

    Raises:
        ValueError: matplotlib cannot read the formula.
    """
    font = FontProperties(size=size, math_fontfamily="cm")
    width, height, depth, _, _ = MathTextParser("path").parse(f"${tex}$", 72, font)
    vertices, codes = text_to_path.get_text_path(font, f"${tex}$", ismath=True)
    scale = size / text_to_path.FONT_SCALE
    words: list[str] = []
    i = 0
    while i < len(codes):
        if codes[i] == Path.CLOSEPOLY:
            words.append("Z")
            i += 1
            continue
        letter, points = _COMMANDS[codes[i]]
        numbers = (f"{scale * x:.2f} {-scale * y:.2f}" for x, y in vertices[i : i + points])
        words.append(letter + " ".join(numbers))
        i += points
    return Glyphs("".join(words), float(width), float(height) - float(depth), float(depth))


def formula(tex: str, size: float = 18.0) -> str:
    r"""Return a formula as inline SVG, one element a line.

    Args:
        tex: in matplotlib's subset of TeX, without dollar signs; `\\` breaks a line.
        size: of the font, in pixels.

    Returns:
        SVG text in the surrounding text's colour. It says the formula in words and symbols to a reader
        that cannot see it.
    """
    return "\n".join(_line(part.strip(), size) for part in tex.split(r"\\") if part.strip())


def _line(tex: str, size: float) -> str:
    g = glyphs(tex, size)
    pad = 2.0
    height = g.height + g.depth + 2 * pad
    spoken = escape(speak(tex))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="formula" role="img" aria-label="{spoken}" '
        f'viewBox="{-pad:g} {-g.height - pad:.2f} {g.width + 2 * pad:.2f} {height:.2f}" '
        f'style="width: {g.width + 2 * pad:.1f}px; max-width: 100%">'
        f'<path fill="currentColor" d="{g.outline}"/></svg>'
    )


_SYMBOLS = {
    "alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ", "epsilon": "ε", "varepsilon": "ε", "zeta": "ζ",
    "eta": "η", "theta": "θ", "kappa": "κ", "lambda": "λ", "mu": "μ", "nu": "ν", "xi": "ξ", "pi": "π",
    "rho": "ρ", "sigma": "σ", "tau": "τ", "phi": "φ", "varphi": "φ", "psi": "ψ", "omega": "ω", "chi": "χ",
    "Gamma": "Γ", "Delta": "Δ", "Theta": "Θ", "Lambda": "Λ", "Sigma": "Σ", "Phi": "Φ", "Psi": "Ψ",
    "Omega": "Ω", "Pi": "Π", "sum": "∑", "prod": "∏", "int": "∫", "sim": "∼", "mid": "|", "cdot": "·",
    "times": "×", "top": "ᵀ", "infty": "∞", "in": "∈", "leq": "≤", "geq": "≥", "approx": "≈", "ldots": "…",
    "dots": "…", "cdots": "…", "to": "→", "propto": "∝", "ell": "ℓ", "odot": "⊙", "log": "log", "exp": "exp",
}  # fmt: skip


def speak(tex: str) -> str:
    r"""Return a formula as one line of plain Unicode.

    >>> speak(r"p(x) = \prod_{n=1}^{N} \mathcal{N}(x_n \mid \mu, \sigma^2)")
    'p(x) = ∏_n=1^N N(x_n | μ, σ^2)'
    """
    text = re.sub(r"\\frac\s*{([^{}]*)}\s*{([^{}]*)}", r"(\1)/(\2)", tex)
    text = re.sub(r"\\(?:mathcal|mathbf|mathrm|mathit|boldsymbol|text|operatorname|left|right)\b\s*", "", text)
    text = re.sub(r"\\([A-Za-z]+)", lambda m: _SYMBOLS.get(m.group(1), m.group(1)), text)
    text = re.sub(r"\\[,;:! ]", " ", text)
    return re.sub(r"\s+", " ", re.sub(r"[{}\\]", "", text)).strip()
