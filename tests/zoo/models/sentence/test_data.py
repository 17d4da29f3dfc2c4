"""The stories' counts, simulated sentences, and where learning starts."""

import numpy as np
import pytest

from zoo.errors import UserError
from zoo.models.sentence import CARD, exact
from zoo.models.sentence.data import load, simulate, true_topics, words
from zoo.models.sentence.start import start


def test_the_stories_are_counts_of_named_words():
    x = load()["x"]
    assert x.shape == (395, 120)
    assert len(set(words())) == 120
    assert np.all((x >= 0) & (x == x.round()))
    assert x.sum(1).min() >= 1
    with pytest.raises(UserError, match="reuters"):
        load("reuter")
    with pytest.raises(UserError, match="reuters"):
        words("reuter")


def test_derived_options_are_of_the_data():
    x = load()
    assert CARD.option("V").derive(x) == 120
    assert CARD.option("length").derive(x) == 40
    assert CARD.option("length").derive({"x": np.zeros((3, 4))}) == 1


def test_simulated_sentences_have_the_models_means():
    x = simulate(0, 20_000, K=2, V=6, length=10)["x"]
    assert np.all(x.sum(1) == 10)
    share = np.array([1, 2]) @ true_topics(2, 6) / 3
    # A sentence's share of a word varies by at most 1/4, whatever its topic: 4.5 standard errors.
    assert x.mean(0) / 10 == pytest.approx(share, abs=4.5 * 0.5 / np.sqrt(20_000))


@pytest.mark.parametrize("K", [1, 3, 30])
def test_the_start_is_inside_every_support(K):
    data = {"x": load()["x"][:25]}
    begin = start(data, np.random.default_rng(0), K=K)
    assert {name: s.value.shape for name, s in begin.items()} == {"weights": (K,), "topics": (K, 120)}
    values = {site: s.value for site, s in begin.items()} | {"z": np.zeros(25, int)}
    assert np.isfinite(list(exact.log_joint(values, data, K=K).values())).all()
    assert begin["topics"].spread.shape == (K, 119)
    assert len(np.unique(begin["topics"].value, axis=0)) == K


def test_one_topic_starts_at_its_exact_posterior():
    data = load()
    begin, answer = start(data, np.random.default_rng(0), K=1), exact.posterior(data, K=1)
    assert begin["topics"].value == pytest.approx(answer["topics"]["mean"], rel=1e-6)
