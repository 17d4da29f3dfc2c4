"""Figures of learning and guides show what they are given, with labelled axes and readable legends."""

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.text import Text

from zoo.report import style
from zoo.report.plots import (
    POINTS,
    Curve,
    Score,
    elbo_curves,
    guide_gaps,
    guide_k_hats,
    likelihood_by_k,
    thinned,
    window,
)

RISE = 13 - 5000 * np.exp(-np.arange(2000) / 30)
CURVES = [Curve("flow", "pyro", RISE), Curve("flow", "numpyro", RISE - 0.1)]
SCORES = [
    Score("delta", "pyro", None),
    Score("mean_field", "pyro", 0.036, 0.003, 0.03, 0.04),
    Score("mean_field", "numpyro", 0.035, 0.003),
    Score("laplace", "pyro", 0.93, 0.01),
    Score("laplace", "numpyro", float("nan")),
]


def words(figure: Figure) -> list[str]:
    """Return every text of a figure."""
    axes = figure.axes[0]
    own = axes.get_legend()
    legends = [*figure.legends, *([own] if own else [])]
    return [
        *(t.get_text() for legend in legends for t in legend.get_texts()),
        *(t.get_text() for t in axes.texts),
        axes.get_xlabel(),
        axes.get_ylabel(),
    ]


def test_elbo_curves() -> None:
    figure = elbo_curves(CURVES, 13.07)
    assert words(figure) == ["NumPyro", "Pyro", "log evidence", "step", "ELBO (nats)"]
    colours = [line.get_color() for line in figure.axes[0].lines]
    assert colours == [style.BLUE, style.VERMILION, style.INK]
    low, high = figure.axes[0].get_ylim()
    assert low < 13 < 13.07 < high
    assert high - low < 10


def test_the_finish_is_marked_where_it_begins_and_named_once() -> None:
    figure = elbo_curves(
        [Curve(c.label, c.backend, c.values, svi) for c, svi in zip(CURVES, (1500, 2000), strict=True)]
    )
    marks = [line for line in figure.axes[0].lines if line.get_marker() == "D"]
    assert [line.get_xdata()[0] for line in marks] == [1500]
    assert words(figure).count("the finish begins (L-BFGS)") == 1


def test_curves_of_two_guides_are_told_apart() -> None:
    figure = elbo_curves([*CURVES, Curve("delta", "pyro", RISE)], objective="log-likelihood")
    assert {"flow, Pyro", "delta, Pyro", "log-likelihood (nats)"} <= set(words(figure))


@pytest.mark.parametrize("size", [1, 2, POINTS, 10_007])
def test_thinned_keeps_the_ends(size: int) -> None:
    steps, middle, low, high = thinned(np.arange(float(size)))
    assert len(steps) == min(size, POINTS)
    assert steps == pytest.approx(middle)
    assert np.all(low <= middle)
    assert np.all(middle <= high)


@pytest.mark.parametrize(
    "values",
    [[0.0] * 5, [-7.0] * 100, [float("nan"), 1.0], [float("nan")] * 3],
    ids=["0", "flat", "one", "none"],
)
def test_window_is_never_empty(values: list[float]) -> None:
    low, high = window([np.array(values)])
    assert low < high
    assert np.isfinite([low, high]).all()


def test_gaps() -> None:
    figure = guide_gaps(SCORES, "log evidence − ELBO (nats)", {"exact": 0.0})
    assert words(figure) == ["NumPyro", "Pyro", "exact", "log evidence − ELBO (nats)", ""]
    assert [t.get_text() for t in figure.axes[0].get_yticklabels()] == ["mean_field", "laplace"]
    drawn = {round(float(x), 3) for line in figure.axes[0].lines for x in np.atleast_1d(line.get_xdata())}
    assert {0.036, 0.035, 0.93} <= drawn


def test_k_hat_above_its_limit_is_marked_in_words() -> None:
    figure = guide_k_hats(SCORES)
    assert "not to be trusted" in words(figure)
    ground = next(p for p in figure.axes[0].patches if isinstance(p, Rectangle))
    assert ground.get_x() == pytest.approx(0.7)
    assert ground.get_x() + ground.get_width() == pytest.approx(figure.axes[0].get_xlim()[1])


def test_likelihood_by_k() -> None:
    values = {1: -4.7, 2: -4.16}
    figure = likelihood_by_k({"scikit-learn": values, "pyro": values}, "components", "nats a row")
    assert words(figure) == ["scikit-learn", "Pyro", "components", "nats a row"]


@pytest.mark.parametrize(
    "figure",
    [elbo_curves(CURVES, 13.07), guide_gaps(SCORES, "gap (nats)", {"exact": 0.0}), guide_k_hats(SCORES)],
    ids=["curves", "gaps", "k-hats"],
)
def test_text_is_readable_on_a_phone(figure: Figure) -> None:
    width = figure.get_size_inches()[0] * 72
    texts = [t for t in figure.findobj(Text) if t.get_text()]
    smallest = min(t.get_fontsize() for t in texts)
    assert smallest * 358 / width >= 9
