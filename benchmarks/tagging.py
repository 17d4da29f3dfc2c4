"""Token accuracy of the conditional random fields against an independent classifier and sklearn-crfsuite.

    python -m benchmarks.tagging [--resamples 10000] [--steps N]

Data: the zoo's strings of noisy digits; learnt from `strings`, judged on `strings_test`, which are made of other
images. Every arm has the same 16 features of a step and a bias. The independent classifier is scikit-learn's logistic
regression of a step by itself; sklearn-crfsuite learns the same chain by L-BFGS, with every state and transition
(`pip install "ppl-zoo[bench]"`). Ours are `crf`, by maximum likelihood, and `crf_bayes`, by its default guide, in both
backends, as `zoo.fit` has them; labels are the most probable path, and of `crf_bayes` the most probable of each step
too.

A penalty matters: each peer is shown with the strength, of eight, that is best on the very strings it is judged on,
which flatters it, and sklearn-crfsuite also without a penalty, as `crf` learns, and with that of `crf_bayes`' prior.

Differences are paired: the same resampled strings for every arm, 300 of 300 with replacement; the interval holds 99 %
of the resamples. What must hold: each of ours is at least 5 points above the independent classifier, with the interval
above 0, and no more than half a point below the sklearn-crfsuite of the same penalty; the labels by step no more than
that below the best one. The result is written to benchmarks/results/.
"""

from __future__ import annotations

import argparse
import time
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np

import zoo
from benchmarks.results import write
from zoo import tagging
from zoo.models.crf import steps

PEER, ALONE = "sklearn-crfsuite", "logistic regression, each step by itself"
FREE, SAME, BEST = f"{PEER}, no penalty", f"{PEER}, the prior's penalty", f"{PEER}, best penalty"
STRENGTHS = (0.0, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)  # L2: ½ strength ‖weights‖², as crf_bayes' 1 / scale²
ABOVE, BELOW = 0.05, 0.005
INTERVAL = 0.99

Arrays = dict[str, np.ndarray]


def ours(train: Arrays, x: np.ndarray, num_steps: int | None) -> dict[str, tuple[np.ndarray, dict[str, Any]]]:
    """Return the labels that our models read (n, T), with facts of each fit, by arm."""
    found: dict[str, tuple[np.ndarray, dict[str, Any]]] = {}
    for backend in ("numpyro", "pyro"):
        for name in ("crf", "crf_bayes"):
            began = time.perf_counter()
            run = zoo.fit(name, data=train, backend=backend, num_steps=num_steps)
            facts = {"seconds to fit": time.perf_counter() - began}
            if name == "crf":
                facts["log_likelihood"] = float(np.sum(run.log_likelihood().value))
            found[f"{name}, {backend}"] = tagging.labels(run, x), facts
            if name == "crf_bayes":
                found[f"{name}, {backend}, by step"] = tagging.labels(run, x, by="step"), {}
    return found


def alone(train: Arrays, x: np.ndarray, strength: float) -> np.ndarray:
    """Return the labels of a logistic regression of single steps (n, T)."""
    from sklearn.linear_model import LogisticRegression

    there, given = steps(train["x"]), steps(x)
    # No penalty is an infinite C, which not every release takes.
    made = LogisticRegression(C=1 / max(strength, 1e-6), max_iter=5000).fit(train["x"][there], train["y"][there])
    found = np.zeros(given.shape, dtype=int)
    found[given] = made.predict(x[given])
    return found


def crfsuite(train: Arrays, x: np.ndarray, strength: float) -> np.ndarray:
    """Return the labels of sklearn-crfsuite (n, T)."""
    from sklearn_crfsuite import CRF

    # CRFsuite's penalty is c2 ‖weights‖². It leaves out features whose values sum to less than min_freq, by default 0,
    # and half of ours have a negative mean: without this it would lose 5 points.
    made = CRF(
        algorithm="lbfgs",
        c1=0.0,
        c2=strength / 2,
        max_iterations=2000,
        min_freq=-1e9,
        all_possible_states=True,
        all_possible_transitions=True,
    )
    labels = [[str(int(v)) for v in row[n]] for row, n in zip(train["y"], steps(train["x"]), strict=True)]
    made.fit(described(train["x"]), labels)
    found = np.zeros(x.shape[:2], dtype=int)
    for row, read in zip(found, made.predict(described(x)), strict=True):
        row[: len(read)] = [int(v) for v in read]
    return found


def described(x: np.ndarray) -> list[list[dict[str, float]]]:
    """Return strings as sklearn-crfsuite takes them: a dictionary of numbers for each step that is there."""
    there = steps(x)
    return [
        [{"bias": 1.0, **{str(d): float(v) for d, v in enumerate(step)}} for step in row[n]]
        for row, n in zip(x, there, strict=True)
    ]


def right(found: np.ndarray, data: Arrays) -> np.ndarray:
    """Return how many steps of each string are labelled right (n,)."""
    return ((found == data["y"]) & steps(data["x"])).sum(1)


def compared(
    ours: np.ndarray, theirs: np.ndarray, length: np.ndarray, resamples: int, seed: int = 0
) -> tuple[float, list[float]]:
    """Return the difference of two token accuracies, and the interval of its paired bootstrap over strings.

    Args:
        ours: right steps of each string (n,).
        theirs: right steps of each string (n,).
        length: steps of each string (n,).
        resamples: how many.
        seed: of the resampling.

    >>> apart, (low, high) = compared(np.array([2, 2]), np.array([1, 1]), np.array([2, 2]), 100)
    >>> apart, low, high
    (0.5, 0.5, 0.5)
    """
    index = np.random.default_rng(seed).integers(0, len(length), (resamples, len(length)))
    each = (ours - theirs)[index].sum(1) / length[index].sum(1)
    tail = (1 - INTERVAL) / 2
    low, high = np.quantile(each, [tail, 1 - tail])
    return float((ours - theirs).sum() / length.sum()), [float(low), float(high)]


def measure(resamples: int, num_steps: int | None) -> list[dict[str, Any]]:
    """Fit and judge every arm; return a row an arm."""
    train, held_out = zoo.model("crf").data("strings"), zoo.model("crf").data("strings_test")
    length, x = steps(held_out["x"]).sum(1), held_out["x"]
    counted, facts = {}, {}
    for name, (found, said) in ours(train, x, num_steps).items():
        counted[name], facts[name] = right(found, held_out), said
    for name, peer in ((BEST, crfsuite), (ALONE, alone)):
        tried = {strength: right(peer(train, x, strength), held_out) for strength in STRENGTHS}
        best = max(tried, key=lambda s: tried[s].sum())
        if name == BEST:
            counted |= {FREE: tried[0.0], SAME: tried[1.0]}
            facts |= {FREE: {"strength": 0.0}, SAME: {"strength": 1.0}}
        counted[name] = tried[best]
        every = {str(s): float(some.sum() / length.sum()) for s, some in tried.items()}
        facts[name] = {"strength": best, "accuracy by strength": every}
    rows = []
    for name, some in counted.items():
        row: dict[str, Any] = {"arm": name, "accuracy": float(some.sum() / length.sum()), **facts[name]}
        row["strings wholly right"] = float((some == length).mean())
        row["crfsuite"] = its_peer(name)
        for key, other in (("above one step", ALONE), ("above crfsuite", row["crfsuite"]), ("above the best", BEST)):
            row[key], row[f"{key}, interval"] = compared(some, counted[other], length, resamples)
        rows.append(row)
    return rows


def its_peer(arm: str) -> str:
    """Return the sklearn-crfsuite that an arm is held against.

    >>> its_peer("crf, pyro"), its_peer("crf_bayes, pyro, by step")
    ('sklearn-crfsuite, no penalty', 'sklearn-crfsuite, best penalty')
    """
    if arm.startswith("crf_bayes"):
        return BEST if arm.endswith("by step") else SAME
    return FREE if arm.startswith("crf,") else BEST


def check(rows: list[dict[str, Any]]) -> None:
    """Stop unless what must hold holds for each of ours."""
    for row in rows:
        if not row["arm"].startswith("crf"):
            continue
        low = row["above one step, interval"][0]
        if not (row["above one step"] >= ABOVE and low > 0):
            raise SystemExit(
                f"tagging: {row['arm']} is {100 * row['above one step']:.1f} points above single steps, not 5"
            )
        if not row["above crfsuite"] >= -BELOW:
            raise SystemExit(
                f"tagging: {row['arm']} is {-100 * row['above crfsuite']:.2f} points below {row['crfsuite']}"
            )


def main(arguments: list[str] | None = None) -> None:
    """Measure, print a line an arm, check, write the result."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--resamples", type=int, default=10_000)
    parser.add_argument("--steps", type=int, help="of each of our fits; default: the cards'")
    asked = parser.parse_args(arguments)
    try:
        peers = {name: version(name) for name in (PEER, "python-crfsuite")}
    except PackageNotFoundError:
        raise SystemExit(f'tagging: {PEER} is not installed; pip install "ppl-zoo[bench]"') from None
    rows = measure(asked.resamples, asked.steps)
    keys = ("above one step", "above crfsuite", "above the best")
    titles = ("above one step, 99 %", "above its crfsuite, 99 %", "above the best, 99 %")
    print(f"{'arm':42} {'right':>7} " + " ".join(f"{words:>24}" for words in titles))
    for row in rows:
        apart = [
            f"{100 * row[key]:+.1f} ({100 * low:+.1f} … {100 * high:+.1f})"
            for key in keys
            for low, high in [row[f"{key}, interval"]]
        ]
        print(f"{row['arm']:42} {100 * row['accuracy']:6.2f}% " + " ".join(f"{words:>24}" for words in apart))
    check(rows)
    print(write("tagging", rows, {**vars(asked), "peers": peers}))


if __name__ == "__main__":
    main()
