"""The stories, simulated documents, and where learning starts."""

import numpy as np
import pytest

from zoo.errors import UserError
from zoo.models.lda import exact
from zoo.models.lda.data import load, simulate, true_topics, words
from zoo.models.lda.start import start


def test_the_stories_are_those_of_the_sentences():
    assert load()["x"].shape == (395, len(words()))
    with pytest.raises(UserError, match="model 'lda'"):
        load("reuter")


def test_simulated_documents_have_the_models_moments():
    K, V, n, length, alpha = 3, 5, 20_000, 10, 0.4
    x = simulate(0, n, K=K, V=V, alpha=alpha, length=length)["x"] / length
    topics = true_topics(K, V)
    # A share of a word varies by at most 1/4: 4.5 standard errors.
    assert np.all(x.sum(1) == pytest.approx(1))
    assert x.mean(0) == pytest.approx(topics.mean(0), abs=4.5 * 0.5 / np.sqrt(n))
    # Two different words of a document: E theta theta' = (I alpha + alpha²) / (K alpha (K alpha + 1)).
    second = (np.eye(K) * alpha + alpha**2) / (K * alpha * (K * alpha + 1))
    pairs = topics.T @ second @ topics
    found = (x[:, 0] * x[:, 1]).mean()
    assert found == pytest.approx(pairs[0, 1] * (1 - 1 / length), abs=4.5 * 0.25 / np.sqrt(n))


@pytest.mark.parametrize("estimate", ["nothing", "alpha"])
def test_the_start_is_inside_every_support(estimate):
    data = {"x": load()["x"][:25]}
    begin = start(data, np.random.default_rng(0), K=4, estimate=estimate)
    assert set(begin) == {"topics", "theta"} | ({"concentration"} if estimate == "alpha" else set())
    assert (begin["topics"].value.shape, begin["theta"].value.shape) == ((4, 120), (4,))
    assert begin["theta"].spread.shape == (3,)
    values = {site: s.value for site, s in begin.items()}
    values["theta"] = np.tile(values["theta"], (25, 1))
    assert np.isfinite(list(exact.log_joint(values, data, K=4, estimate=estimate).values())).all()
