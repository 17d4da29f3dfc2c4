"""What a fit is said to have found."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from zoo import catalogue, cli_runs
from zoo.estimators import Estimate


def covering_one_mode(gap: Estimate | None) -> Any:
    """Return what `bounds` asks of a run of three components whose guide covers one mode."""
    return SimpleNamespace(
        data={"x": np.zeros((10, 2))},
        model=SimpleNamespace(card=catalogue.model("gmm_bayes").card, options={"K": 3}),
        elbo=lambda: SimpleNamespace(value=-30.0, error=0.01),
        evidence=lambda: None if gap is None else Estimate(-28.0, 0.0, "exact"),
        gap=lambda: gap,
        gap_note=lambda: "includes about log 3! = 1.792: the guide covers one of 3! equal modes",
        k_hat=lambda: 0.3,
    )


def test_the_note_of_modes_speaks_of_a_gap_only_below_one() -> None:
    known = cli_runs.bounds(covering_one_mode(Estimate(2.0, 0.01, "exact")))
    assert list(known).index("note") == list(known).index("gap") + 1
    assert known["note"].startswith("the gap includes about log 3!")
    unknown = cli_runs.bounds(covering_one_mode(None))
    assert "gap" not in unknown
    assert "gap" not in unknown["note"]
    assert "one of 3! equal modes" in unknown["note"]
    assert "about log 3! = 1.792 below the evidence" in unknown["note"]


@pytest.mark.parametrize("source", ["", "runs/height-001"])
def test_a_refit_of_nothing_held_says_so(
    source: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(cli_runs, "facts", lambda run: {"learnt by": "svi"})
    monkeypatch.setattr(cli_runs, "learnt", lambda run: {})
    cli_runs.print_fit(SimpleNamespace(model=SimpleNamespace(name="height_bayes")), "runs/two", source)  # type: ignore[arg-type]
    text = capsys.readouterr().out
    assert ("runs/height-001, model frozen: it has no parameters to hold" in text) == bool(source)
