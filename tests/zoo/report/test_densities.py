"""Figures of data and densities show what they are given."""

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.patches import Ellipse

from zoo.models.height.data import load
from zoo.report import style
from zoo.report.densities import EXACT_LOOK, Line, Mixture, heights, mixture, posterior, smoothed

X = load()["x"]
GRID = np.linspace(1.5, 1.9, 50)
RNG = np.random.default_rng(0)


def test_heights_show_every_row_and_line() -> None:
    line = Line("MLE, pyro", GRID, np.exp(-(((GRID - 1.683) / 0.05) ** 2)), style.backend_look("pyro"))
    axes = heights(X, [line], "height (m)", "density (1/m)").axes[0]
    assert axes.lines[0].get_ydata() == pytest.approx(line.y)
    assert axes.lines[1].get_xdata() == pytest.approx(X)
    area = sum(p.get_width() * p.get_height() for p in axes.patches)  # type: ignore[attr-defined]
    assert area == pytest.approx(1)
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("height (m)", "density (1/m)")
    legend = axes.get_legend()
    assert legend is not None
    assert [t.get_text() for t in legend.get_texts()] == ["data, 10 rows", "MLE, pyro"]


def test_posterior_leaves_points_out() -> None:
    draws = {"nuts": RNG.normal(size=500), "flow": RNG.normal(size=400), "delta": np.zeros(100)}
    exact = Line("exact", GRID, np.ones(50))
    figure = posterior(draws, exact, "loc (m)", "density (1/m)")
    assert {t.get_text() for t in figure.legends[0].get_texts()} == {"NUTS", "flow", "exact"}
    curve = figure.axes[0].lines[0]
    assert curve.get_color() == style.GUIDE_COLOURS["flow"]
    area = float(np.trapezoid(np.asarray(curve.get_ydata()), np.asarray(curve.get_xdata())))
    assert area == pytest.approx(1, abs=0.03)
    assert figure.axes[0].lines[1].get_color() == EXACT_LOOK["color"]


def test_mixture_ellipses_have_the_covariances_axes() -> None:
    covariance = np.array([[[2.0, 1.2], [1.2, 1.0]], [[0.3, 0.0], [0.0, 0.5]]])
    fitted = Mixture(np.array([[0.0, 0.0], [3.0, 3.0]]), covariance, np.array([[1.0, 0.0], [0.0, 1.0]]))
    axes = mixture(np.array([[0.0, 0.0], [3.0, 3.0]]), fitted, None, "a", "b").axes[0]
    ellipses = [p for p in axes.patches if isinstance(p, Ellipse)]
    assert len(ellipses) == 4
    for sds, ellipse in zip((1, 2), ellipses, strict=False):
        turn = np.radians(ellipse.angle)
        rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
        spread = np.diag([(ellipse.width / 2 / sds) ** 2, (ellipse.height / 2 / sds) ** 2])
        assert rotation @ spread @ rotation.T == pytest.approx(covariance[0])


def test_points_take_their_components_colours() -> None:
    fitted = Mixture(np.array([[5.0, 0], [0.0, 0]]), np.array([np.eye(2)] * 2), np.array([[1.0, 0], [0.5, 0.5]]))
    colours = mixture(np.array([[5.0, 0], [2.5, 0]]), fitted, None, "a", "b").axes[0].collections[0].get_facecolor()
    first, second = np.array(to_rgb(style.BLUE)), np.array(to_rgb(style.ORANGE))
    assert np.asarray(colours)[:, :3] == pytest.approx(np.array([second, (first + second) / 2]))


def test_smoothed_keeps_a_skewed_peak() -> None:
    draws = np.exp(0.5 * np.random.default_rng(1).normal(size=4000))
    grid = np.linspace(0.1, 6, 400)
    exact = np.exp(-((np.log(grid) / 0.5) ** 2) / 2) / (grid * 0.5 * np.sqrt(2 * np.pi))
    assert smoothed(draws, grid).max() == pytest.approx(exact.max(), rel=0.04)
    assert np.trapezoid(smoothed(draws, grid), grid) == pytest.approx(1, abs=0.01)
    assert np.trapezoid(smoothed(-draws, -grid), grid) == pytest.approx(1, abs=0.02)
