"""Where learning starts: at the labels' potentials in a hidden Markov model whose moments are counted."""

from collections.abc import Mapping

import numpy as np

from guides.start import Start
from zoo.errors import UserError
from zoo.models.crf import steps
from zoo.models.seeding import memberships, subsample, varies

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
    """Return starts beside `counted`, drawn towards 0 as a prior of this precision does.

    A unit of v is the posterior's sd where labels are in doubt.
    """
    most = int(data["y"][steps(data["x"])].max())
    if most >= K:
        raise UserError(f"option K={K} is too small for data 'y', which has label {most}; leave it out, or raise it")
    chosen = subsample(np.arange(len(data["x"])), rng)
    y, there = data["y"][chosen], steps(data["x"][chosen])
    x = np.nan_to_num(data["x"][chosen])[there]
    each = len(data["x"]) / len(chosen)  # how many strings each of those looked at stands for
    # If each of K labels has probability 1 / K, its indicator has the variance (1 − 1 / K) / K.
    count, variance = each * there.sum(), (1 - 1 / K) / K
    squares = np.mean(x**2, 0)
    # A feature that is 0 everywhere, and moves of strings of one step each, tell nothing: any unit serves.
    information = {
        "weights": count * variance * np.tile(np.where(squares > 0, squares, 1.0)[:, None], K),
        "bias": np.full(K, count * variance),
        "transition": np.full((K, K), max(count - len(data["x"]), 1.0) * (1 - 1 / K**2) / K**2),
    }
    middle, starts = counted(x, y, there, K), {}
    # A feature's weights are drawn at what its variation tells, with the biases that leave its mean without a say.
    varying = (count * variance * np.where(varies(x), x.var(0), np.inf) + precision) ** -0.5
    beside = {
        name: (found + precision) ** -0.5 * rng.standard_normal(found.shape) for name, found in information.items()
    }
    beside["weights"] = varying[:, None] * rng.standard_normal((D, K))
    beside["bias"] -= x.mean(0) @ beside["weights"]
    for name, found in information.items():
        centre = middle[name] * found / (found + precision)
        starts[name] = Start(centre + JITTER * beside[name], (found + precision) ** -0.5)
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
    member = memberships(label, K)
    share = (member.sum(1) + 1) / (len(label) + K)
    # In the features' own units, so that none of them rules; one that does not vary says nothing.
    middle, unit = x.mean(0), np.where(varies(x), x.std(0), np.inf)
    plain = (x - middle) / unit
    loc = member @ plain / (member.sum(1, keepdims=True) + 1)
    apart = plain - loc[label]
    cov = (apart.T @ apart + np.eye(x.shape[1])) / (len(label) + 1)
    weights = np.linalg.solve(cov, loc.T)
    moves = np.ones((K, K))
    both = there[:, 1:]
    np.add.at(moves, (y[:, :-1][both].astype(int), y[:, 1:][both].astype(int)), 1)
    bias = np.log(share) - 0.5 * (loc * weights.T).sum(1)
    transition = np.log(moves / moves.sum(1, keepdims=True)) - np.log(share)
    # What all labels share says nothing, and a prior would have it 0.
    weights = (weights - weights.mean(1, keepdims=True)) / unit[:, None]
    bias = bias - middle @ weights
    return {"weights": weights, "bias": bias - bias.mean(), "transition": transition - transition.mean()}
