"""The strings are made again as they were, of images that are not shared, in the order of their chain."""

import numpy as np
import pytest

import zoo
from zoo.datasets import digits
from zoo.models import crf
from zoo.models.crf import data
from zoo.models.crf.exact import log_likelihood
from zoo.models.crf.start import start


def test_strings_are_of_the_declared_shape_and_end_where_they_end():
    for name in ("strings", "strings_test"):
        found = data.load(name)
        there = crf.steps(found["x"])
        assert found["x"].shape == (300, 12, 16)
        assert set(there.sum(1)) == set(range(4, 13))
        assert np.isfinite(found["x"][there]).all()
        assert np.isnan(found["x"][~there]).all()
        assert not found["y"][~there].any()
        assert set(found["y"][there]) == set(range(10))


def test_strings_are_the_same_every_time():
    first, again = data.load(), data.load()
    np.testing.assert_array_equal(first["x"], again["x"])
    assert not np.array_equal(first["y"], data.load("strings_test")["y"])
    with pytest.raises(zoo.UserError, match="data set 'words' is unknown"):
        data.load("words")


def test_the_two_sets_share_no_image(monkeypatch):
    """Without noise a step's features are those of an image that the other set has not."""
    monkeypatch.setattr(data, "NOISE", 0.0)
    index = data.blocks(np.arange(64.0)[None])
    assert index.shape == (1, 16)
    assert index[0, 0] == np.mean([0, 1, 8, 9])
    shown = {tuple(row): i for i, row in enumerate(data.blocks(digits.counts()))}
    classes, used = digits.classes(), {}
    for name in ("strings", "strings_test"):
        found = data.load(name)
        there = crf.steps(found["x"])
        rows = [tuple(row) for row in found["x"][there] * data.UNIT + data.CENTRE]
        used[name] = {shown[row] for row in rows}
        assert [classes[shown[row]] for row in rows] == found["y"][there].tolist()
    assert not used["strings"] & used["strings_test"]


def test_the_noise_is_of_its_size(monkeypatch):
    noisy, noise = data.load()["x"], data.NOISE
    monkeypatch.setattr(data, "NOISE", 0.0)
    there = crf.steps(noisy)
    apart = (noisy - data.load()["x"])[there] * data.UNIT
    # The mean of four pixels; 16 numbers for each of some 2,400 digits: a standard error of 0.4 %, of which 4.
    assert apart.std() == pytest.approx(noise / 2, rel=4 * (2 * apart.size) ** -0.5)


def test_labels_follow_the_chain():
    y = data.walk(np.random.default_rng(0), 2000, 11)
    pairs = np.bincount((y[:, :-1] * 10 + y[:, 1:]).ravel(), minlength=100).reshape(10, 10)
    probs = data.transition()
    assert probs.sum(1) == pytest.approx(np.ones(10))
    count = pairs.sum(1, keepdims=True)
    # 100 cells at 5 standard errors: a false alarm in 17,000.
    assert (np.abs(pairs / count - probs) <= 5 * np.sqrt(probs * (1 - probs) / count)).all()


def test_every_move_is_seen_so_that_a_maximum_exists():
    found = data.load()
    there = crf.steps(found["x"])[:, 1:]
    y = found["y"].astype(int)
    moves = np.bincount((y[:, :-1] * 10 + y[:, 1:])[there], minlength=100)
    assert (moves > 0).all()


def test_simulated_strings_are_those_of_the_true_values():
    """At the true values the score has mean 0: each string's gradient, by finite differences, within 5 errors."""
    drawn, values = data.simulate(5, 1500, K=3, D=2), data.true_values(3, 2)
    for name in values:
        step = np.zeros(values[name].shape)
        step.flat[1] = 1e-4
        up, down = (log_likelihood(drawn, {**values, name: values[name] + s * step}) for s in (1, -1))
        slope = (up - down) / 2e-4
        # Three numbers at 4.5 standard errors: a false alarm in 49,000.
        assert abs(slope.mean()) <= 4.5 * slope.std(ddof=1) / np.sqrt(1500)


def test_labels_are_counted_and_checked():
    x = np.array([[[0.0], [1.0], [np.nan]]])
    assert crf.labels({"x": x, "y": np.array([[4.0, 0.0, 9.0]])}) == 5
    for label in (0.5, -1.0):
        with pytest.raises(zoo.UserError, match=f"has a label {label:g}; give whole numbers from 0"):
            crf.labels({"x": x, "y": np.array([[label, 0.0, 0.0]])})
    with pytest.raises(zoo.UserError, match="option K=3 is too small for data 'y', which has label 4"):
        start({"x": x, "y": np.array([[4.0, 0.0, 9.0]])}, np.random.default_rng(0), K=3, D=1)
