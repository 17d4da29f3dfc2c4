"""What is known exactly of a linear-chain conditional random field: sums over all paths, and the best parameters.

All strings are gone through at once, step by step, in logarithms; a step past a string's end changes nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from scipy.optimize import minimize

from zoo.models.crf import steps

Arrays = Mapping[str, np.ndarray]
SITES = ("weights", "bias", "transition")


@dataclass(frozen=True)
class Options:
    """The model's options."""

    K: int = 10
    D: int = 16


class Messages(NamedTuple):
    """Sums over the paths of each string.

    Args:
        unary: potential of each label at each step (n, T, K); 0 at steps that are not there.
        there: which steps are (n, T).
        forward: log sum over the paths up to a step that end in a label (n, T, K).
        backward: log sum over the paths from a step on that begin, before it, with a label (n, T, K).
        log_z: log sum over all paths (n,).
    """

    unary: np.ndarray
    there: np.ndarray
    forward: np.ndarray
    backward: np.ndarray
    log_z: np.ndarray


def messages(x: np.ndarray, values: Arrays) -> Messages:
    """Run the forward and backward recursions (Sutton and McCallum 2012, equations 4.6 to 4.9).

    Args:
        x: features (n, T, D); NaN was not seen, and steps past the last seen one are not there.
        values: "weights" (D, K), "bias" (K,) and "transition" (K, K).
    """
    there, move = steps(x), values["transition"]
    unary = np.where(there[..., None], np.nan_to_num(x) @ values["weights"] + values["bias"], 0.0)
    forward, backward = np.empty_like(unary), np.zeros_like(unary)
    forward[:, 0] = unary[:, 0]
    for t in range(1, unary.shape[1]):
        reached = _logsumexp(forward[:, t - 1, :, None] + move, axis=1) + unary[:, t]
        forward[:, t] = np.where(there[:, t, None], reached, forward[:, t - 1])
    for t in range(unary.shape[1] - 1, 0, -1):
        left = _logsumexp(move + (unary[:, t] + backward[:, t])[:, None], axis=2)
        backward[:, t - 1] = np.where(there[:, t, None], left, 0.0)
    return Messages(unary, there, forward, backward, _logsumexp(forward[:, -1], axis=-1))


def _logsumexp(x: np.ndarray, axis: int) -> np.ndarray:
    """Return log Σ exp along an axis; SciPy's takes twice as long for arrays of this size."""
    top = x.max(axis, keepdims=True)
    return np.asarray(np.log(np.exp(x - top).sum(axis)) + top.squeeze(axis))


def marginals(x: np.ndarray, values: Arrays, **options: Any) -> np.ndarray:
    """Return the probability of each label at each step (n, T, K); 0 at steps that are not there."""
    Options(**options)
    return _marginals(messages(x, values))


def _marginals(m: Messages) -> np.ndarray:
    return np.where(m.there[..., None], np.exp(m.forward + m.backward - m.log_z[:, None, None]), 0.0)


def log_likelihood(data: Arrays, values: Arrays, **options: Any) -> np.ndarray:
    """Return log p(y | x) of each string, shape (n,), in nats.

    >>> values = {"weights": np.array([[0.0, 1.0]]), "bias": np.zeros(2), "transition": np.array([[0.0, 0], [2, 0]])}
    >>> data = {"x": np.array([[[1.0], [3.0]]]), "y": np.array([[1.0, 0.0]])}
    >>> log_likelihood(data, values).round(6)  # 3 − log(1 + 2 exp 3 + exp 4)
    array([-1.561941])
    """
    Options(**options)
    m = messages(data["x"], values)
    return _score(m, data["y"], values["transition"]) - m.log_z


def _score(m: Messages, y: np.ndarray, move: np.ndarray) -> np.ndarray:
    """Return the unnormalised log density of labels (n,)."""
    labels = np.where(m.there, y, 0).astype(int)
    each = np.take_along_axis(m.unary, labels[..., None], -1)[..., 0].sum(-1)
    return np.asarray(each + np.where(m.there[:, 1:], move[labels[:, :-1], labels[:, 1:]], 0.0).sum(-1))


def log_joint(values: Arrays, data: Arrays, **options: Any) -> dict[str, float]:
    """Return the log density by sample site.

    Args:
        values: "weights" (D, K), "bias" (K,) and "transition" (K, K).
        data: {"x": features (n, T, D), "y": labels (n, T)}.
        options: the model's.
    """
    return {"y": float(log_likelihood(data, values, **options).sum())}


def evidence(data: Arrays, **options: Any) -> None:
    """Return None: without a prior on the parameters there is no evidence."""
    Options(**options)


def posterior(data: Arrays, **options: Any) -> None:
    """Return None: there are no latents."""
    Options(**options)


def fit(data: Arrays, **options: Any) -> dict[str, np.ndarray]:
    """Return the parameters of maximum likelihood, which are no further from it than 1e-6 nats a string.

    Of all that give the same density, those with weights, bias and transition of mean 0 over the labels.
    """
    o = Options(**options)
    return climb(data, o.K, o.D, 0.0)


def climb(data: Arrays, K: int, D: int, precision: float) -> dict[str, np.ndarray]:
    """Return the maximum of log p(y | x, θ) − precision ‖θ‖² / 2 over all parameters θ, by L-BFGS from 0.

    Args:
        data: {"x": features (n, T, D), "y": labels (n, T)}.
        K: number of labels.
        D: number of features.
        precision: of a normal prior; 0 for maximum likelihood.
    """
    shapes = {"weights": (D, K), "bias": (K,), "transition": (K, K)}
    ends = np.cumsum([int(np.prod(shape)) for shape in shapes.values()])

    def named(flat: np.ndarray) -> dict[str, np.ndarray]:
        parts = np.split(flat, ends[:-1])
        return {name: part.reshape(shape) for (name, shape), part in zip(shapes.items(), parts, strict=True)}

    def loss(flat: np.ndarray) -> tuple[float, np.ndarray]:
        value, slope = gradient(data, named(flat))
        each = np.concatenate([slope[name].ravel() for name in shapes])
        return 0.5 * precision * flat @ flat - value, precision * flat - each

    # A string's gradient is of order 1, and the curvature along what is known of order n: off by g² / n nats.
    limits = {"maxiter": 5000, "maxfun": 10000, "maxcor": 30, "gtol": 1e-6 * len(data["x"]), "ftol": 0.0}
    return named(minimize(loss, np.zeros(ends[-1]), jac=True, method="L-BFGS-B", options=limits).x)


def gradient(data: Arrays, values: Arrays) -> tuple[float, dict[str, np.ndarray]]:
    """Return log p(y | x) of all strings, and its gradient: observed less expected features (reference 2, eq. 5.7)."""
    m, move = messages(data["x"], values), values["transition"]
    K = len(move)
    observed = np.where(m.there[..., None], data["y"][..., None] == np.arange(K), 0.0)
    excess = observed - _marginals(m)
    after = m.unary[:, 1:] + m.backward[:, 1:] - m.log_z[:, None, None]
    pairs = np.exp(m.forward[:, :-1, :, None] + move + after[:, :, None])
    moved = np.einsum("nti,ntj->ij", observed[:, :-1], observed[:, 1:])
    slope = {
        "weights": np.einsum("ntd,ntk->dk", np.nan_to_num(data["x"]), excess),
        "bias": excess.sum((0, 1)),
        "transition": moved - np.where(m.there[:, 1:, None, None], pairs, 0.0).sum((0, 1)),
    }
    return float((_score(m, data["y"], move) - m.log_z).sum()), slope


def draw(x: np.ndarray, values: Arrays, rng: np.random.Generator) -> np.ndarray:
    """Draw labels given features (n, T), integers: forward filtering, backward sampling; 0 past the end."""
    m, move = messages(x, values), values["transition"]
    y = np.zeros(m.there.shape, dtype=int)
    after = np.zeros((len(y), len(move)))  # what speaks for each label before the one that was drawn last
    for t in reversed(range(x.shape[1])):
        logits = m.forward[:, t] + after
        probs = np.exp(logits - _logsumexp(logits, -1)[:, None])
        chosen = (np.cumsum(probs, -1)[:, :-1] < rng.random((len(y), 1))).sum(-1)
        y[:, t] = np.where(m.there[:, t], chosen, 0)
        after = np.where(m.there[:, t, None], move.T[y[:, t]], 0.0)
    return y
