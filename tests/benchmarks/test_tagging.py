"""The comparison by itself: paired intervals, what must hold, and what the peers are given."""

import numpy as np
import pytest

import zoo
from benchmarks import tagging
from zoo.models.crf import steps


def row(arm: str, above: float, low: float, peer: float) -> dict:
    return {
        "arm": arm,
        "above one step": above,
        "above one step, interval": [low, 0.2],
        "above crfsuite": peer,
        "crfsuite": "its peer",
    }


def test_the_bootstrap_is_paired():
    """Right in the same steps but for one a string: the difference is sure, though each accuracy is not."""
    rng = np.random.default_rng(0)
    length = rng.integers(5, 10, 200)
    theirs = rng.binomial(length - 1, 0.5)
    apart, (low, high) = tagging.compared(theirs + 1, theirs, length, 500)
    assert apart == pytest.approx(200 / length.sum())
    assert high - low < 0.02
    unpaired = tagging.compared(theirs + 1, rng.permutation(theirs), length, 500)[1]
    assert unpaired[1] - unpaired[0] > 0.08


def test_the_interval_holds_what_it_says():
    """Of 400 draws of 100 strings from one distribution, the 99 % interval misses the true difference in some 4."""
    rng, missed = np.random.default_rng(1), 0
    for _ in range(400):
        ours, theirs = rng.binomial(8, 0.8, 100), rng.binomial(8, 0.7, 100)
        low, high = tagging.compared(ours, theirs, np.full(100, 8), 400)[1]
        missed += not low <= 0.1 <= high
    # Binomial(400, 0.01), a little more for 100 strings and 400 resamples: above 15 once in 10,000 at 1.5 %.
    assert missed <= 15


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (row("crf, pyro", 0.049, 0.01, 0.0), "is 4.9 points above single steps, not 5"),
        (row("crf, pyro", 0.06, -0.01, 0.0), "is 6.0 points above single steps"),
        (row("crf, pyro", float("nan"), 0.01, 0.0), "points above single steps"),
        (row("crf, pyro", 0.06, 0.01, -0.006), "is 0.60 points below its peer"),
    ],
)
def test_what_must_hold_is_checked(bad, words):
    good = [row("crf, numpyro", 0.1, 0.08, -0.004), row(tagging.ALONE, 0.0, 0.0, -0.1)]
    tagging.check(good)
    with pytest.raises(SystemExit, match=words):
        tagging.check([*good, bad])


def test_peers_are_given_what_is_there():
    data = {name: x[:3] for name, x in zoo.model("crf").data().items()}
    given, length = tagging.described(data["x"]), steps(data["x"]).sum(1)
    assert [len(string) for string in given] == length.tolist()
    assert given[1][2] == {"bias": 1.0, **{str(d): v for d, v in enumerate(data["x"][1, 2])}}
    assert tagging.right(data["y"].astype(int), data).tolist() == length.tolist()
    assert tagging.right(data["y"].astype(int) + 1, data).tolist() == [0, 0, 0]
    found = tagging.alone(zoo.model("crf").data(), data["x"], 1.0)
    assert found.shape == (3, 12)
    assert not found[~steps(data["x"])].any()
