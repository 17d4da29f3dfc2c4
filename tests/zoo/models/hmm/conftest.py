"""Short series of unequal lengths with holes, in every emission, and the sum over all their paths."""

from itertools import product
from types import SimpleNamespace

import numpy as np
import pytest

from zoo.models.hmm import exact

NAN = np.nan
CHAIN = {
    "initial": np.array([0.2, 0.5, 0.3]),
    "transition": np.array([[0.7, 0.3, 0.0], [0.2, 0.3, 0.5], [0.1, 0.1, 0.8]]),
}
EMITTED = {
    "poisson": {"rate": np.array([[2.0, 0.3], [5.0, 1.0], [9.0, 0.1]])},
    "gaussian": {"loc": np.array([[0.0, 1], [1, -1], [3, 0]]), "scale": np.array([[0.5, 1], [1, 2], [0.3, 0.7]])},
    "categorical": {
        "probs": np.array([[[0.7, 0.2, 0.1], [0.1, 0.1, 0.8]], [[1 / 3] * 3] * 2, [[0, 0, 1], [0.5, 0.5, 0]]])
    },
}
X = np.array(
    [
        [[1.0, 0], [2, 1], [0, 1], [2, 0]],
        [[2, 1], [NAN, NAN], [1, NAN], [NAN, NAN]],
        [[0, 2], [1, 1], [NAN, NAN], [NAN, NAN]],
    ]
)


def case(emission):
    """Return values and options of three states, two columns and four steps."""
    return CHAIN | EMITTED[emission], {"emission": emission, "K": 3, "T": 4, "D": 2, "V": 3}


def by_paths(x, values, options):
    """Return every path of a series, 0 past its length, and its log p(x, path)."""
    length = int(exact.lengths(x[None])[0])
    paths = [np.array([*p, *[0] * (len(x) - length)]) for p in product(range(options["K"]), repeat=length)]
    with np.errstate(divide="ignore"):
        each = [exact.log_joint(values | {"z": p[None]}, {"x": x[None]}, **options) for p in paths]
    return np.stack(paths), np.array([sum(e.values()) for e in each])


@pytest.fixture(scope="session")
def short():
    """Three series `x` of four steps; `case(emission)` -> values, options; `by_paths(x, values, options)`."""
    return SimpleNamespace(x=X, case=case, by_paths=by_paths)
