"""SVI of the mixture against scikit-learn's best of 50 starts."""

import json

import pytest

from benchmarks import mixture_seeds, results


@pytest.mark.long
@pytest.mark.needs("numpyro")
def test_a_result_says_what_made_it(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(results, "FOLDER", tmp_path)
    mixture_seeds.main(["--components", "1", "--seeds", "1"])
    said = json.loads((tmp_path / "mixture_seeds_numpyro.json").read_text())
    assert {"command", "versions", "device", "day", "rows"} <= set(said)
    assert said["rows"][0]["reached"] == 1
    assert "1/1" in capsys.readouterr().out


@pytest.mark.long
@pytest.mark.parametrize("components", [1, 2, 3, 4, 5])
def test_nine_of_ten_seeds_reach_the_best(components, backend):
    """One start of 25 reaches it with probability 0.145 or more: all miss in 2 % of seeds, two of ten in 2 %."""
    assert mixture_seeds.measure(components, range(10), backend)["reached"] >= 9
