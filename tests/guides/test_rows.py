"""Row-wise Adam: a row that is visited moves as it would alone, and a row that is not stays where it is."""

from importlib import import_module

import numpy as np

from guides.optim import adam

ROWS, SIZE = 7, 3


def test_every_row_moves_as_it_would_alone(lib):
    """Five batches of unequal rows against one Adam a row, in NumPy."""
    ops = import_module(f"guides.optim.rows_{lib.name}")
    rng = np.random.default_rng(0)
    start = rng.standard_normal((ROWS, SIZE))
    table = lib.array(np.pad(start, ((0, 0), (0, 2 * SIZE + 1))))
    alone = [(row, np.zeros(SIZE), np.zeros(SIZE), 0) for row in start]
    for batch in ([0, 3], [3, 5, 6], [0], [3, 0, 5], [6]):
        gradient, rate = rng.standard_normal((len(batch), SIZE)), float(rng.uniform(0.01, 0.1))
        lines = ops.step(ops.gather(table, lib.array(np.array(batch))), lib.array(gradient), rate)
        table = ops.scatter(table, lib.array(np.array(batch)), lines)
        for i, row in enumerate(batch):
            v, mean, square, count = alone[row]
            alone[row] = (*adam.step(v, gradient[i], mean, square, count + 1, rate), count + 1)
    found = lib.numpy(table)
    for row, (v, mean, square, count) in enumerate(alone):
        np.testing.assert_allclose(found[row], [*v, *mean, *square, count], rtol=1e-12, atol=1e-15)
    np.testing.assert_array_equal(lib.numpy(ops.phi(table))[[1, 2, 4]], start[[1, 2, 4]])
