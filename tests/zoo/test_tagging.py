"""Labels and their probabilities of new strings, against the exact recursions and sums over all paths."""

from itertools import product
from typing import Any

import numpy as np
import pytest

import zoo
from zoo import tagging
from zoo.models.crf import steps
from zoo.models.crf.data import simulate

K, D = 3, 2
DATA, NEW = simulate(0, 60, K=K, D=D), simulate(1, 20, K=K, D=D)
SHORT: dict[str, Any] = {"num_steps": 200, "num_draws": 60, "dtype": "float64"}
_RUNS: dict[tuple[str, str], zoo.Run] = {}


@pytest.fixture(params=["crf", "crf_bayes"])
def run(request: pytest.FixtureRequest, backend: str) -> zoo.Run:
    key = (request.param, backend)
    if key not in _RUNS:
        _RUNS[key] = zoo.fit(request.param, data=DATA, backend=backend, **SHORT)
    return _RUNS[key]


def best(x: np.ndarray, values: dict[str, np.ndarray]) -> list[int]:
    """Return the most probable of all paths of a string."""
    paths = np.array(list(product(range(K), repeat=len(x))))
    unary = x @ values["weights"] + values["bias"]
    score = unary[np.arange(len(x)), paths].sum(1) + values["transition"][paths[:, :-1], paths[:, 1:]].sum(1)
    return list(paths[score.argmax()])


def test_labels_are_the_best_path_at_the_parameters_or_their_mean(run: zoo.Run) -> None:
    values = {name: v.mean(0) for name, v in run.flat.items()} or run.params
    found, there = tagging.labels(run, NEW["x"]), steps(NEW["x"])
    assert found.dtype.kind == "i"
    assert not found[~there].any()
    for row, x in enumerate(NEW["x"]):
        assert found[row, there[row]].tolist() == best(x[there[row]], values)


def test_probabilities_are_means_over_the_draws(run: zoo.Run) -> None:
    draws = [{name: v[s] for name, v in run.flat.items()} for s in range(60)] if run.latents else [run.params]
    expected = np.mean([run.model.exact.marginals(NEW["x"], v, **run.model.options) for v in draws], 0)
    found = tagging.marginals(run, NEW["x"])
    np.testing.assert_allclose(found, expected, rtol=1e-8, atol=1e-12)
    assert tagging.labels(run, NEW["x"], by="step").tolist() == expected.argmax(-1).tolist()


def test_strings_of_another_length_are_served(run: zoo.Run) -> None:
    longer = np.concatenate([NEW["x"][:2], np.full((2, 3, D), np.nan)], 1)
    found = tagging.marginals(run, longer)
    assert found.shape == (2, 9, K)
    assert not found[:, 6:].any()
    np.testing.assert_allclose(found[:, :6], tagging.marginals(run, NEW["x"])[:2], rtol=1e-9)


def test_the_true_labels_are_mostly_read(run: zoo.Run) -> None:
    """At the true values 88 % of the steps are read right; the most frequent label alone would be a third."""
    there = steps(NEW["x"])
    assert (tagging.labels(run, NEW["x"]) == NEW["y"])[there].mean() > 0.7


@pytest.mark.parametrize(
    ("x", "by", "words"),
    [
        (lambda x: x, "word", "by 'word' is unknown in labels"),
        (lambda x: x[..., :1], "path", "x has 1 features, and the run's strings 2; give as many"),
        (lambda x: x[0], "path", "reshape it"),
        (lambda x: np.full((1, 2, D), np.nan), "path", "nothing in row 0 that was seen"),
    ],
)
def test_what_does_not_fit_is_refused(run: zoo.Run, x: Any, by: str, words: str) -> None:
    with pytest.raises(zoo.UserError, match=words):
        tagging.labels(run, x(NEW["x"]), by=by)


def test_a_model_without_labels_is_refused(fit: Any, backend: str) -> None:
    with pytest.raises(zoo.UserError, match="model 'height' has no labels given features; fit 'crf' or 'crf_bayes'"):
        tagging.labels(fit("height", backend, num_steps=500), NEW["x"])
