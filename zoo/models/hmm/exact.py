"""What is known exactly of the hidden Markov model at given parameters: everything, by recursions along the chain.

Every function takes the model's options as keywords; an unknown one raises TypeError. Past a series' length states are
0 by convention, and their probabilities too.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import xlogy
from scipy.stats import norm, poisson

Arrays = Mapping[str, np.ndarray]
EMISSIONS = ("poisson", "gaussian", "categorical")


@dataclass(frozen=True)
class Options:
    """The model's options."""

    emission: str = "poisson"
    K: int = 3
    T: int = 20
    D: int = 1
    V: int = 2
    floor: float = 1e-3


def logsumexp(x: np.ndarray) -> np.ndarray:
    """Return log Σ exp(x) over the last axis; -inf where all are. SciPy's takes ten times as long on a few numbers."""
    top = x.max(-1, keepdims=True)
    top = np.where(np.isneginf(top), 0.0, top)
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(np.exp(x - top).sum(-1)) + top[..., 0])


def lengths(x: np.ndarray) -> np.ndarray:
    """Return the number of steps to each series' last one with something seen, (n,)."""
    seen = ~np.isnan(x).all(-1)
    return np.where(seen, np.arange(1, x.shape[1] + 1), 1).max(-1)


def log_emission(x: np.ndarray, values: Arrays, **options: Any) -> np.ndarray:
    """Return the log density of what was seen at each step in each state, (n, T, K).

    Args:
        x: series (n, T, D), NaN for what was not seen.
        values: "rate" (K, D), or "loc" and "scale" (K, D), or "probs" (K, D, V).
        options: the model's.
    """
    o, missing = Options(**options), np.isnan(x)
    filled = np.where(missing, 0.0, x)[..., None, :]
    if o.emission == "poisson":
        each = poisson.logpmf(filled, values["rate"])
    elif o.emission == "gaussian":
        each = norm.logpdf(filled, values["loc"], np.sqrt(np.asarray(values["scale"]) ** 2 + o.floor**2))
    else:
        hit = filled[..., None] == np.arange(o.V)
        each = xlogy(hit, values["probs"]).sum(-1)
    return np.where(missing[..., None, :], 0.0, each).sum(-1)


def log_joint(values: Arrays, data: Arrays, **options: Any) -> dict[str, float]:
    """Return the log density by sample site.

    Args:
        values: "initial" (K,), "transition" (K, K), the emission's parameters, and "z": paths (n, T).
        data: {"x": series (n, T, D)}.
        options: the model's.

    Returns:
        Summed log density of "z", the paths up to their lengths, and of "x".
    """
    x, z = data["x"], np.asarray(values["z"], dtype=int)
    there = np.arange(x.shape[1]) < lengths(x)[:, None]
    with np.errstate(divide="ignore"):
        first, moves = np.log(values["initial"])[z[:, 0]], np.log(values["transition"])[z[:, :-1], z[:, 1:]]
    each = np.take_along_axis(log_emission(x, values, **options), z[..., None], -1)
    return {"z": float(first.sum() + np.where(there[:, 1:], moves, 0.0).sum()), "x": float(each.sum())}


def log_likelihood(x: np.ndarray, values: Arrays, **options: Any) -> np.ndarray:
    """Return log p(x) of each series by the forward recursion, (n,), in nats.

    >>> coins = {"initial": np.array([0.6, 0.4]), "transition": np.array([[0.7, 0.3], [0.2, 0.8]])}
    >>> coins["probs"] = np.array([[[0.5, 0.4, 0.1]], [[0.1, 0.3, 0.6]]])
    >>> x = np.array([0.0, 1, 2, 2]).reshape(1, 4, 1)
    >>> log_likelihood(x, coins, emission="categorical", K=2, T=4, V=3).round(6)
    array([-3.998616])
    """
    return logsumexp(forward(x, values, **options)[:, -1])


def evidence(data: Arrays, **options: Any) -> None:
    """Return None: the parameters have no prior."""
    Options(**options)


def posterior(data: Arrays, **options: Any) -> None:
    """Return None: there are no global latents."""
    Options(**options)


def fit(data: Arrays, **options: Any) -> None:
    """Return None: the maximum of the likelihood has no closed form; `baum_welch` climbs to one of its maxima."""
    Options(**options)


def forward(x: np.ndarray, values: Arrays, **options: Any) -> np.ndarray:
    """Return log p(x up to t, state at t), (n, T, K); past a series' length its last value stays."""
    emitted, there = log_emission(x, values, **options), np.arange(x.shape[1]) < lengths(x)[:, None]
    with np.errstate(divide="ignore"):
        log_initial, log_transition = np.log(values["initial"]), np.log(values["transition"])
    out = np.empty_like(emitted)
    out[:, 0] = log_initial + emitted[:, 0]
    for t in range(1, x.shape[1]):
        step = logsumexp(out[:, t - 1, None] + log_transition.T) + emitted[:, t]
        out[:, t] = np.where(there[:, t, None], step, out[:, t - 1])
    return out


def backward(x: np.ndarray, values: Arrays, **options: Any) -> np.ndarray:
    """Return log p(x after t | state at t), (n, T, K); 0 at a series' last step and past it."""
    emitted, there = log_emission(x, values, **options), np.arange(x.shape[1]) < lengths(x)[:, None]
    with np.errstate(divide="ignore"):
        log_transition = np.log(values["transition"])
    out = np.zeros_like(emitted)
    for t in range(x.shape[1] - 2, -1, -1):
        step = logsumexp(log_transition + (emitted[:, t + 1] + out[:, t + 1])[:, None])
        out[:, t] = np.where(there[:, t + 1, None], step, 0.0)
    return out


def smoothing(x: np.ndarray, values: Arrays, **options: Any) -> np.ndarray:
    """Return p(state at t | all of x), (n, T, K); 0 past a series' length."""
    both = forward(x, values, **options) + backward(x, values, **options)
    there = np.arange(x.shape[1]) < lengths(x)[:, None]
    return np.where(there[..., None], np.exp(both - logsumexp(both)[..., None]), 0.0)


def viterbi(x: np.ndarray, values: Arrays, **options: Any) -> np.ndarray:
    """Return the most probable path of states given x, (n, T); 0 past a series' length."""
    emitted, long = log_emission(x, values, **options), lengths(x)
    with np.errstate(divide="ignore"):
        log_initial, log_transition = np.log(values["initial"]), np.log(values["transition"])
    best = log_initial + emitted[:, 0]
    came_from, scores = [], [best]
    for t in range(1, x.shape[1]):
        through = best[:, :, None] + log_transition
        came_from.append(through.argmax(1))
        best = through.max(1) + emitted[:, t]
        scores.append(best)
    path = np.zeros(emitted.shape[:2], dtype=int)
    for row, last in enumerate(long - 1):
        path[row, last] = scores[last][row].argmax()
        for t in range(last, 0, -1):
            path[row, t - 1] = came_from[t - 1][row, path[row, t]]
    return path


def forecast(x: np.ndarray, values: Arrays, steps: int, **options: Any) -> np.ndarray:
    """Return p(state at the h-th step after a series' last one | x) for h = 1 … steps, (n, steps, K)."""
    last = forward(x, values, **options)[:, -1]
    now = np.exp(last - logsumexp(last)[:, None])
    found = []
    for _ in range(steps):
        now = now @ values["transition"]
        found.append(now)
    return np.stack(found, 1)


def baum_welch(data: Arrays, values: Arrays, num_steps: int = 500, **options: Any) -> dict[str, np.ndarray]:
    """Climb the likelihood by expectation maximisation, from given parameters.

    Baum, Petrie, Soules and Weiss, Annals of Mathematical Statistics 41 (1970) 164-171. Each step gives every state
    its share of what was seen (smoothing), and of every move; a Gaussian's sd stays above the floor.

    Args:
        data: {"x": series (n, T, D)}.
        values: where to start; as in `log_joint`, without "z".
        num_steps: how many steps to take.
        options: the model's.

    Returns:
        The parameters after the last step.
    """
    o, x, now = Options(**options), data["x"], dict(values)
    seen, filled = ~np.isnan(x), np.where(np.isnan(x), 0.0, x)
    there = np.arange(x.shape[1]) < lengths(x)[:, None]
    for _ in range(num_steps):
        ahead, behind = forward(x, now, **options), backward(x, now, **options)
        emitted, total = log_emission(x, now, **options), logsumexp(ahead[:, -1])
        share = np.where(there[..., None], np.exp(ahead + behind - total[:, None, None]), 0.0)
        with np.errstate(divide="ignore"):
            moves = ahead[:, :-1, :, None] + np.log(now["transition"]) + (emitted + behind)[:, 1:, None, :]
        moves = np.where(there[:, 1:, None, None], np.exp(moves - total[:, None, None, None]), 0.0).sum((0, 1))
        now = {"initial": share[:, 0].mean(0), "transition": moves / moves.sum(1, keepdims=True)}
        weight = np.einsum("ntk,ntd->kd", share, seen.astype(float))
        mean = np.einsum("ntk,ntd->kd", share, filled) / weight
        if o.emission == "poisson":
            now["rate"] = mean
        elif o.emission == "gaussian":
            off = np.where(seen[..., None, :], filled[..., None, :] - mean, 0.0) ** 2
            variance = np.einsum("ntk,ntkd->kd", share, off) / weight
            now |= {"loc": mean, "scale": np.sqrt(np.maximum(variance - o.floor**2, 1e-12))}
        else:
            hit = (filled[..., None] == np.arange(o.V)) & seen[..., None]
            now["probs"] = np.einsum("ntk,ntdv->kdv", share, hit.astype(float)) / weight[..., None]
    return now
