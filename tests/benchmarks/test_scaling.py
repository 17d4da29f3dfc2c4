"""The arithmetic of benchmarks.scaling is what the zoo's own guides hold, and its figure shows every arm."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import scaling
from benchmarks.scaling_figure import draw


@pytest.mark.needs("pyro", "numpyro")
@pytest.mark.parametrize("backend", ["pyro", "numpyro"])
def test_the_counts_are_those_of_the_guides(backend):
    from importlib import import_module

    module, m = import_module(f"benchmarks.overhead_{backend}"), 1_000
    (counted,) = (row for row in scaling.arithmetic() if row["rows"] == m)
    table, state = module.started(scaling.data(m), "per_datapoint", "cpu")
    assert table.guide.table.size == counted["table parameters"]
    assert 4 * state.table.size == counted["table bytes"]
    encoder, _ = module.started(scaling.data(m), "amortized", "cpu")
    assert encoder.coordinates.size - table.coordinates.size == counted["encoder parameters"]


@pytest.mark.long
@pytest.mark.needs("numpyro")
def test_a_mixtures_guide_grows_with_the_rows_and_its_model_does_not():
    few, many = scaling.lecture(K=3)
    assert many["numbers of q, counted"] == many["m (K - 1)"] == 2 * few["numbers of q, counted"]
    for found in (few, many):
        assert found["free numbers of the model, counted"] == found["K - 1 + K n + K n (n + 1) / 2"] == 2 + 6 + 9
    assert many["lecture O(m K n^2)"] == 2 * few["lecture O(m K n^2)"]


def test_the_figure_is_drawn_from_a_result(tmp_path: Path):
    arms = [a for a in scaling.ARMS if "stock" not in a]
    measured = [
        {"arm": arm, "rows": m, "microseconds": 400.0, "peak_bytes": 2**20 * k, "parameters": 16 * m}
        for arm in arms
        for k, m in enumerate((1_000, 10_000), 1)
    ]
    path = draw(measured, scaling.arithmetic(), tmp_path / "scaling.svg")
    text = path.read_text(encoding="utf-8")
    assert "break even: m = 649" in text
    assert text.count("zoo, per_datapoint") == 2
