"""What codes say, by hand."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
from scipy.stats import norm

from zoo import codes
from zoo.errors import UserError


def test_perplexity_and_dead_codes_by_hand():
    found = codes.usage(np.array([[0, 1], [3, 0]]), 5)
    assert found.counts.tolist() == [2, 1, 0, 1, 0]
    assert found.perplexity == pytest.approx(math.exp(-(0.5 * math.log(0.5) + 2 * 0.25 * math.log(0.25))))
    assert found.dead == 2
    assert codes.usage(np.zeros(7, int), 3).perplexity == 1.0


def test_bits_of_a_grid_are_those_of_its_cells():
    """A normal rounded to a fine grid: the entropy of the cells in bits, whatever the unit."""
    for unit in (1.0, 100.0):
        width, sd = unit / 50, unit
        edges = np.arange(-8 * unit, 8 * unit, width)
        mass = np.diff(norm.cdf(edges, 0, sd))
        middle = norm.logpdf(edges[:-1] + width / 2, 0, sd)
        exact = -(mass * np.log2(np.maximum(mass, 1e-300))).sum()
        # Flat inside a cell to width² / 24 sd², 1.7e-5 nats.
        assert codes.bits_per_dimension((mass * middle).sum(), 1, width) == pytest.approx(exact, abs=1e-4)


def test_a_run_without_codes_is_refused():
    model = SimpleNamespace(name="vae")
    run = SimpleNamespace(posterior=lambda data: SimpleNamespace(mode=np.zeros(3)), model=model, local="amortized")
    with pytest.raises(UserError, match="no codes"):
        codes.used(run)
