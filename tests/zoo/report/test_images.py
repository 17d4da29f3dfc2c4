"""Figures of images and codes show what they are given."""

import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from zoo.report import images, style

RNG = np.random.default_rng(0)


def pixels(figure: Figure) -> np.ndarray:
    return np.ma.filled(np.ma.asarray(figure.axes[0].images[0].get_array()), np.nan)


def words(figure: Figure) -> list[str]:
    return [t.get_text() for t in figure.axes[0].texts]


def test_pairs_stand_beside_each_other() -> None:
    left, right = RNG.random((3, 6)), RNG.random((3, 6))
    shown = pixels(images.beside(left, right, (2, 3), pairs=2))
    assert shown.shape == (2 * 2 + 1, 2 * 7 + 3)
    assert shown[:2, :3].ravel() == pytest.approx(left[0])
    assert shown[:2, 4:7].ravel() == pytest.approx(right[0])
    assert shown[:2, 10:13].ravel() == pytest.approx(left[1])
    assert shown[3:, 4:7].ravel() == pytest.approx(right[2])
    assert np.isnan(shown[3:, 10:]).all()
    assert words(images.beside(left, right, (2, 3), pairs=2)) == ["new", "nearest"] * 2


def test_a_row_stands_above_what_came_of_it() -> None:
    rows = {"data": RNG.random((3, 4)), "Pyro": RNG.random((3, 4))}
    figure = images.reconstructions(rows, (2, 2), columns=2)
    shown = pixels(figure)
    assert shown[:2, 3:5].ravel() == pytest.approx(rows["data"][1])
    assert shown[3:5, 3:5].ravel() == pytest.approx(rows["Pyro"][1])
    assert shown[9:11, :2].ravel() == pytest.approx(rows["data"][2])
    assert words(figure) == ["data", "Pyro"] * 2


def test_a_bitmap_is_small_and_not_smoothed() -> None:
    text = style.svg(images.grid(RNG.random((81, 64)), (8, 8), 9, "first", "second"), "a <walk>")
    assert "image-rendering:pixelated" in text
    assert "data:image/png;base64," in text
    assert len(text) < 30_000
    assert "a &lt;walk&gt;" in text


def test_classes_have_colours_and_names_at_their_means() -> None:
    codes, labels = RNG.normal(size=(40, 2)), np.repeat(np.arange(10), 4)
    axes = images.latent_space(codes, labels).axes[0]
    assert [to_hex(c.get_facecolor()[0][:3]) for c in axes.collections] == list(images.TEN)  # type: ignore[index]
    assert [t.get_text() for t in axes.texts] == [str(k) for k in range(10)]
    assert axes.texts[3].xy == pytest.approx(codes[12:16].mean(0))  # type: ignore[attr-defined]
    assert "first number of the code" in axes.get_xlabel()


def test_more_than_two_numbers_are_shown_on_principal_axes() -> None:
    codes = RNG.normal(size=(500, 5)) * [1, 1, 9, 1, 3]
    assert "principal" in images.latent_space(codes, np.zeros(500)).axes[0].get_xlabel()
    shown = images.principal(codes)
    assert abs(np.corrcoef(shown[:, 0], codes[:, 2])[0, 1]) > 0.98
    assert abs(np.corrcoef(shown.T)[0, 1]) < 1e-10


def test_bars_reach_their_values() -> None:
    values: dict[str, list[float | None]] = {"data": [0.1, None], "pyro": [0.2, 0.3]}
    bars = images.bars(["a", "b"], values, "share").axes[0].patches
    assert [p.get_width() for p in bars] == pytest.approx([0.1, 0.2, 0.3])  # type: ignore[attr-defined]
    assert to_hex(bars[1].get_facecolor()) == style.BACKEND_COLOURS["pyro"]


def test_a_logarithmic_axis_holds_bars_and_mark() -> None:
    axes = images.bars(["a", "b"], {"pyro": [0.5, 1000.0]}, "variance", log=True, mark=(0.01, "signal")).axes[0]
    low, high = axes.get_xlim()
    assert axes.get_xscale() == "log"
    assert low < 0.01 < 1000 < high
    assert [p.get_x() + p.get_width() for p in axes.patches] == pytest.approx([0.5, 1000])  # type: ignore[attr-defined]


def test_distances_have_a_curve_a_source() -> None:
    figure = images.distances({"pyro": RNG.random(50), "numpyro": RNG.random(50)}, RNG.random(60), "distance")
    assert [t.get_text() for t in figure.legends[0].get_texts()] == [
        "row to nearest row",
        "sample to row, Pyro",
        "sample to row, NumPyro",
    ]
