"""Where learning starts: at the labels' potentials in a hidden Markov model whose moments are counted."""

from collections.abc import Mapping

import numpy as np

from guides.start import Start
from zoo.errors import UserError
from zoo.models.crf import steps

JITTER = 0.1  # of the spread, so that seeds differ


def start(data: Mapping[str, np.ndarray], rng: np.random.Generator, *, K: int = 10, D: int = 16) -> dict[str, Start]:
    """Start at `counted`; the log likelihood is concave, so that it leads to the same place from anywhere.

    Args:
        data: {"x": features (n, T, D), "y": labels (n, T)}.
        rng: source of the jitter.
        K, D: the model's options.

    Returns:
        A Start for "weights", "bias" and "transition".

    Raises:
        UserError: a label is K or more.
    """
    return around(data, rng, K, D, 0.0)


def around(
    data: Mapping[str, np.ndarray], rng: np.random.Generator, K: int, D: int, precision: float
) -> dict[str, Start]:
    """Return starts beside `counted`, as wide as a posterior with this prior precision where labels are in doubt."""
    x, there = np.nan_to_num(data["x"]), steps(data["x"])
    most = int(data["y"][there].max())
    if most >= K:
        raise UserError(f"option K={K} is too small for data 'y', which has label {most}; leave it out, or raise it")
    # Where each of K labels has probability 1 / K, its indicator has the variance (1 − 1 / K) / K.
    count, variance = there.sum(), (1 - 1 / K) / K
    information = {
        "weights": np.broadcast_to((x[there] ** 2).sum(0)[:, None] * variance, (D, K)),
        "bias": np.full(K, count * variance),
        "transition": np.full((K, K), (count - len(x)) * (1 - 1 / K**2) / K**2),
    }
    middle, starts = counted(x[there], data["y"], there, K), {}
    for name, found in information.items():
        # One step's worth in any case: a feature may be 0 everywhere, and strings have one step each.
        spread = (np.maximum(found, variance) + precision) ** -0.5
        starts[name] = Start(middle[name] + JITTER * spread * rng.standard_normal(found.shape), spread)
    return starts


def counted(x: np.ndarray, y: np.ndarray, there: np.ndarray, K: int) -> dict[str, np.ndarray]:
    """Return the potentials of labels in a hidden Markov model with normal features of one covariance.

    Given the features, its labels are a conditional random field. One of everything more is counted than was seen.

    Args:
        x: features of the steps that are there (steps, D).
        y: labels (n, T).
        there: which steps are there (n, T).
        K: number of labels.
    """
    label = y[there].astype(int)
    member = (label == np.arange(K)[:, None]).astype(float)
    share = (member.sum(1) + 1) / (len(label) + K)
    loc = (member @ x + x.mean(0)) / (member.sum(1, keepdims=True) + 1)
    apart = x - loc[label]
    cov = (apart.T @ apart + np.diag(x.var(0) + 1e-6)) / (len(label) + 1)
    weights = np.linalg.solve(cov, loc.T)
    moves = np.ones((K, K))
    both = there[:, 1:]
    np.add.at(moves, (y[:, :-1][both].astype(int), y[:, 1:][both].astype(int)), 1)
    bias = np.log(share) - 0.5 * (loc * weights.T).sum(1)
    transition = np.log(moves / moves.sum(1, keepdims=True)) - np.log(share)
    # What all labels share says nothing, and a prior would have it 0.
    return {
        "weights": weights - weights.mean(1, keepdims=True),
        "bias": bias - bias.mean(),
        "transition": transition - transition.mean(),
    }
