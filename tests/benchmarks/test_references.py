"""A reference is written only when its chains are good enough."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from benchmarks import references
from zoo.card import Card, Site
from zoo.errors import UserError


def chains(**changes: Any) -> SimpleNamespace:
    rng = np.random.default_rng(0)
    words: dict[str, Any] = dict.fromkeys(("title", "lecture", "process", "formula", "hard"), "")
    card = Card(
        name="line",
        sites=(Site("loc", "latent", ("feature",), "real", ""),),
        inputs={},
        datasets=(),
        exact={},
        references=(),
        dims=lambda data, options: {},
        **words,
    )
    loc = np.array([1.0, 5.0]) + np.array([1.0, 2.0]) * rng.normal(size=(4, 2000, 2))
    run = {
        "model": SimpleNamespace(name="line", card=card, options={"center": (1.0, 2.0)}),
        "method": "nuts",
        "data": {"x": np.zeros(3)},
        "relabelled": {"loc": loc},
        "sample_stats": {"diverging": np.zeros((4, 2000), dtype=bool)},
    }
    return SimpleNamespace(**run | changes)


def test_good_chains_give_moments_with_errors():
    found = references.case(chains())
    assert found["method"] == "NUTS, 4 chains of 2000 draws"
    assert found["options"] == {"center": [1.0, 2.0]}
    moments = found["posterior"]["loc"]
    # Independent draws: errors near sd / √8000, and 5 of them are allowed for (6e-7 a number).
    assert moments["mcse_mean"] == pytest.approx([1 / 8000**0.5, 2 / 8000**0.5], rel=0.2)
    assert abs(moments["mean"][1] - 5) < 5 * moments["mcse_mean"][1]
    assert abs(moments["sd"][1] - 2) < 5 * moments["mcse_sd"][1]


def test_chains_that_disagree_few_draws_and_divergences_are_refused():
    apart = chains()
    apart.relabelled["loc"][0] += 3
    few = chains()
    few.relabelled["loc"] = np.repeat(few.relabelled["loc"][:, :40], 50, axis=1)
    diverging = chains(sample_stats={"diverging": np.arange(8000).reshape(4, 2000) % 500 == 0})
    for bad, word in ((apart, "max_r_hat"), (few, "min_ess_bulk"), (diverging, "diverging': 0.002")):
        with pytest.raises(UserError, match=word):
            references.case(bad)
    assert references.case(chains(sample_stats={}))["checks"]["diverging"] == 0


def test_an_entry_that_does_not_vary_has_no_error():
    moments = references.moments(np.ones((2, 100, 1)))
    assert moments == {"mean": [1.0], "sd": [0.0], "mcse_mean": [0.0], "mcse_sd": [0.0]}
