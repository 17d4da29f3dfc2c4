"""Latent Dirichlet allocation against scikit-learn's, on one split: held-out perplexity, coherence, and the time.

    python -m benchmarks.topics [--words all|120] [--topics 20] [--seeds 3] [--backend numpyro]

Data: the Reuters set of the package lda, 395 stories by 4,258 words (`pip install "ppl-zoo[bench]"`), or the 120 words
that the zoo has of it. A fifth of the stories is held out. Both libraries have the same priors, 0.1 for a document's
shares and 0.1 for a topic's words, and are judged by the same two numbers:

- perplexity by document completion: half of each held-out story's words from the other half (`zoo.topics`);
- coherence: NPMI of each topic's 8 likeliest words in the held-out stories, the mean over topics.

scikit-learn learns by batch and by online variational Bayes, each up to its number of passes; a fit of its own for
every number of passes is timed. Ours are watched while they learn; their start (clusters by k-means) is timed, looking
is not, and compilation is reported apart. The time to reach is that to the first look whose perplexity is within 0.5 %
of scikit-learn's best, of any way and any number of passes, of that seed; the ratio is ours over the quickest of
scikit-learn's. The result is written to benchmarks/results/.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks.amortization_arms import build, learn
from benchmarks.results import write
from guides.families import generator
from zoo import catalogue
from zoo.errors import UserError
from zoo.topics import coherence, completion, halves, perplexity

ALPHA, ETA = 0.1, 0.1
HELD_OUT, WITHIN = 0.2, 1.005
PASSES = {"batch": (2, 5, 10, 20, 50, 100, 200), "online": (1, 2, 5, 10, 20, 50, 100)}
BATCH, LOOKS = 64, 40
ARMS: dict[str, dict[str, Any]] = {
    "coordinate": {"local": "coordinate", "num_steps": 1500, "learning_rate": 0.1},
    "amortized": {"local": "amortized", "num_steps": 4000, "learning_rate": 0.01},
    "per_datapoint": {"local": "per_datapoint", "num_steps": 4000, "learning_rate": 0.1},
}


def stories(words: str) -> np.ndarray:
    """Return the counts of all words or of the zoo's 120 (395, V).

    Raises:
        UserError: the package that has all words is not installed.
    """
    if words == "120":
        return catalogue.model("lda").data()["x"]
    try:
        from lda.datasets import load_reuters
    except ModuleNotFoundError:
        raise UserError('all words need the package lda: pip install "ppl-zoo[bench]"') from None
    return np.asarray(load_reuters(), dtype=float)


def split(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the stories to learn from and the held-out ones, by a fixed permutation."""
    order = generator(0, "topics: held out").permutation(len(x))
    kept = round(HELD_OUT * len(x))
    return x[np.sort(order[kept:])], x[np.sort(order[:kept])]


def theirs(x: np.ndarray, held_out: np.ndarray, topics: int, seed: int) -> list[dict[str, Any]]:
    """Fit scikit-learn's for every way and number of passes; return a row each."""
    from sklearn.decomposition import LatentDirichletAllocation

    first, second = halves(held_out)
    rows = []
    for method, every in PASSES.items():
        for passes in every:
            mixture = LatentDirichletAllocation(
                topics,
                doc_topic_prior=ALPHA,
                topic_word_prior=ETA,
                learning_method=method,
                batch_size=BATCH,
                max_iter=passes,
                random_state=seed,
            )
            began = time.perf_counter()
            mixture.fit(x)
            seconds = time.perf_counter() - began
            words = mixture.components_ / mixture.components_.sum(1, keepdims=True)
            found = perplexity(second, mixture.transform(first), words)
            rows.append(
                {
                    "by": f"scikit-learn, {method}",
                    "seed": seed,
                    "passes": passes,
                    "seconds": seconds,
                    "perplexity": found,
                    "coherence": float(coherence(words, held_out).mean()),
                }
            )
    return rows


def ours(x: np.ndarray, held_out: np.ndarray, topics: int, seed: int, arm: str, backend: str) -> dict[str, Any]:
    """Learn one arm while it is watched."""
    model = catalogue.model("lda", K=topics, alpha=ALPHA, eta=ETA)
    words = {**ARMS[arm], "batch_size": BATCH, "seed": seed, "backend": backend, "num_draws": 20}
    run = build(model, {"x": x}, words)
    began = time.perf_counter()
    run.model.start(run.data, generator(seed, "start 0"))
    starting = time.perf_counter() - began
    curve = learn(run, LOOKS, lambda run: completion(run, {"x": held_out}))
    return {
        "by": f"ours, {arm}, {backend}",
        "seed": seed,
        "steps": curve.steps,
        "seconds": [starting + s for s in curve.seconds],
        "perplexity": curve.seen,
        "compile_seconds": curve.compile_seconds,
        "coherence": float(coherence(run.relabelled["topics"].mean((0, 1)), held_out).mean()),
        "status": curve.status,
    }


def reached(seconds: Sequence[float], found: Sequence[float], target: float) -> float | None:
    """Return the seconds to the first perplexity at the target or below; None where there is none.

    >>> reached([0.0, 1.0, 2.0], [90.0, 70.0, 60.0], 75.0), reached([1.0], [90.0], 75.0)
    (1.0, None)
    """
    return next((s for s, p in zip(seconds, found, strict=True) if p <= target), None)


def judged(peers: list[dict[str, Any]], found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return a row for each way and each arm of one seed: perplexity at the end, time to reach, ratio."""
    target = WITHIN * min(row["perplexity"] for row in peers)
    rows, quickest = [], np.inf
    for way in dict.fromkeys(row["by"] for row in peers):
        some = [row for row in peers if row["by"] == way]
        when = reached([r["seconds"] for r in some], [r["perplexity"] for r in some], target)
        quickest = min(quickest, when or np.inf)
        best = min(some, key=lambda r: r["perplexity"])
        rows.append({"by": way, "perplexity": best["perplexity"], "coherence": best["coherence"], "seconds": when})
    for row in found:
        when = reached(row["seconds"], row["perplexity"], target)
        ratio = None if when is None else when / quickest
        last = {"perplexity": row["perplexity"][-1], "coherence": row["coherence"], "seconds": when, "ratio": ratio}
        rows.append({"by": row["by"], **last, "compile_seconds": row["compile_seconds"]})
    return rows


def shown(row: Mapping[str, Any], seed: int) -> str:
    """Return a line of the table."""
    when = "never" if row["seconds"] is None else f"{row['seconds']:.2f}"
    ratio = "" if row.get("ratio") is None else f"{row['ratio']:.2f}"
    compiling = f"{row['compile_seconds']:.1f}" if "compile_seconds" in row else ""
    return (
        f"{row['by']:32s}  {seed:4d}  {row['perplexity']:10.1f}  {row['coherence']:9.3f}  {when:>9s}  {ratio:>5s}  "
        f"{compiling:>9s}"
    )


def main(arguments: list[str] | None = None) -> None:
    """Measure, print a line for each way of learning and each seed, write the result."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--words", choices=["all", "120"], default="all")
    parser.add_argument("--topics", type=int, default=20)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--backend", choices=["numpyro", "pyro"], default="numpyro")
    parser.add_argument("--arms", nargs="+", choices=list(ARMS), default=list(ARMS))
    asked = parser.parse_args(arguments)
    try:
        x = stories(asked.words)
    except UserError as error:
        parser.exit(2, f"error: {error}\n")
    train, held_out = split(x)
    # A word that no story to learn from has is no matter of topics.
    seen = train.sum(0) > 0
    train, held_out = train[:, seen], held_out[:, seen]
    print(f"{'by':32s}  seed  perplexity  coherence  to reach/s  ratio  compile/s")
    rows = []
    for seed in range(asked.seeds):
        with threadpool_limits(2):
            peers = theirs(train, held_out, asked.topics, seed)
            found = [ours(train, held_out, asked.topics, seed, arm, asked.backend) for arm in asked.arms]
        table = judged(peers, found)
        for row in table:
            print(shown(row, seed), flush=True)
        rows.append({"seed": seed, "judged": table, "scikit-learn": peers, "ours": found})
    print(write(f"topics_{asked.words}_{asked.backend}", rows, vars(asked)))


if __name__ == "__main__":
    main()
