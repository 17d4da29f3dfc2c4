"""Latent Dirichlet allocation against scikit-learn's, on one split: held-out perplexity, coherence, and the time.

    python -m benchmarks.topics [--words all|120] [--topics 20] [--seeds 3] [--backend numpyro]

Data: the Reuters set of the package lda, 395 stories by 4,258 words (`pip install "ppl-zoo[bench]"`), or the 120 words
that the zoo has of it. A fifth of the stories is held out. Both libraries have the same priors, 0.1 for a document's
shares and 0.1 for a topic's words, and their topics are judged by the same two numbers:

- perplexity by document completion: half of each held-out story's words from the other half, whose shares are read off
  by the classic updates in NumPy (`exact.uncollapsed`), the same for all topics, whoever learnt them;
- coherence: NPMI of each topic's 8 likeliest words in the held-out stories, the mean over topics.

At the end each also reads the shares in its own way, scikit-learn by `transform` and ours by its treatment: "own".

All are watched while they learn, scikit-learn after every pass by batch and by online variational Bayes (a pass of
`partial_fit`; batch is all stories at once and no memory of the topics before). Looking is not timed, our start
(clusters by k-means) is, and compilation is reported apart. The time to reach is that to the first look whose
perplexity is within 0.5 % of scikit-learn's best, of either way and after any number of passes, of that seed; the
ratio is ours over the quicker of scikit-learn's. The result is written to benchmarks/results/.
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
from zoo.bounds import evaluate
from zoo.errors import UserError
from zoo.models.lda.exact import uncollapsed
from zoo.run import Run
from zoo.topics import coherence, completion, halves, perplexity

ALPHA, ETA = 0.1, 0.1
HELD_OUT, WITHIN = 0.2, 1.005
PASSES = 100
BATCH, LOOKS, DRAWS = 64, 40, 200
# The best rate on seed 100 with all words: of 0.01, 0.02, 0.03; of 0.003 and 0.01, which fails; of 0.003, 0.01, 0.03.
ARMS: dict[str, dict[str, Any]] = {
    "coordinate": {"local": "coordinate", "num_steps": 1500, "learning_rate": 0.01},
    "amortized": {"local": "amortized", "num_steps": 1500, "learning_rate": 0.003},
    "per_datapoint": {"local": "per_datapoint", "num_steps": 1500, "learning_rate": 0.03},
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


def judge(topics: np.ndarray, held_out: np.ndarray) -> float:
    """Return the held-out perplexity of topics (K, V), by shares that the classic updates read off."""
    first, second = halves(held_out)
    gamma, _ = uncollapsed(first, {"topics": topics}, K=len(topics), V=topics.shape[1], alpha=ALPHA)
    return perplexity(second, gamma / gamma.sum(1, keepdims=True), topics)


def theirs(x: np.ndarray, held_out: np.ndarray, topics: int, seed: int, way: str) -> dict[str, Any]:
    """Learn by scikit-learn's batch or online updates while it is watched."""
    from sklearn.decomposition import LatentDirichletAllocation

    how: dict[str, Any] = {"batch_size": len(x), "learning_decay": 0.0} if way == "batch" else {"batch_size": BATCH}
    mixture = LatentDirichletAllocation(
        topics,
        doc_topic_prior=ALPHA,
        topic_word_prior=ETA,
        learning_method="online",
        total_samples=len(x),
        random_state=seed,
        **how,
    )
    seconds, found, spent = [], [], 0.0
    for _ in range(PASSES):
        began = time.perf_counter()
        mixture.partial_fit(x)
        spent += time.perf_counter() - began
        words = mixture.components_ / mixture.components_.sum(1, keepdims=True)
        seconds.append(spent)
        found.append(judge(words, held_out))
    first, second = halves(held_out)
    return {
        "by": f"scikit-learn, {way}",
        "seed": seed,
        "seconds": seconds,
        "perplexity": found,
        "own": perplexity(second, mixture.transform(first), words),
        "coherence": float(coherence(words, held_out).mean()),
        "compile_seconds": 0.0,
        "status": "complete",
    }


def learnt(run: Run) -> np.ndarray:
    """Return the mean of 200 draws of the topics (K, V); one row is enough to draw them, and its φ is not fitted."""
    row = {"x": run.data["x"][:1]}
    phi = np.zeros((1, run.program.guide.rows.phi_size))
    drawn = evaluate(run, DRAWS, "draws", run.seed, data=row, phi=phi)
    return np.asarray(drawn.values["topics"], float).mean(0)


def ours(x: np.ndarray, held_out: np.ndarray, topics: int, seed: int, arm: str, backend: str) -> dict[str, Any]:
    """Learn one arm while it is watched."""
    model = catalogue.model("lda", K=topics, alpha=ALPHA, eta=ETA)
    words = {**ARMS[arm], "batch_size": BATCH, "seed": seed, "backend": backend, "num_draws": DRAWS}
    run = build(model, {"x": x}, words)
    began = time.perf_counter()
    run.model.start(run.data, generator(seed, "start 0"))
    starting = time.perf_counter() - began
    curve = learn(run, LOOKS, lambda run: judge(learnt(run), held_out))
    return {
        "by": f"ours, {arm}, {backend}",
        "seed": seed,
        "steps": curve.steps,
        "seconds": [starting + s for s in curve.seconds],
        "perplexity": curve.seen,
        "own": completion(run, {"x": held_out}),
        "coherence": float(coherence(learnt(run), held_out).mean()),
        "compile_seconds": curve.compile_seconds,
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
    target = WITHIN * min(min(row["perplexity"]) for row in peers)
    when = {row["by"]: reached(row["seconds"], row["perplexity"], target) for row in (*peers, *found)}
    quickest = min(when[row["by"]] or np.inf for row in peers)
    kept = ("by", "own", "coherence", "compile_seconds", "status")
    return [
        {
            **{name: row[name] for name in kept},
            # scikit-learn's best, of any number of passes: ours does not know when to stop, and has its last.
            "perplexity": min(row["perplexity"]) if row in peers else row["perplexity"][-1],
            "seconds": (at := when[row["by"]]),
            "ratio": None if at is None else at / quickest,
        }
        for row in (*peers, *found)
    ]


def shown(row: Mapping[str, Any], seed: int) -> str:
    """Return a line of the table."""
    when = "never" if row["seconds"] is None else f"{row['seconds']:.2f}"
    ratio = "" if row["ratio"] is None else f"{row['ratio']:.2f}"
    return (
        f"{row['by']:32s}  {seed:4d}  {row['perplexity']:10.1f}  {row['own']:8.1f}  {row['coherence']:9.3f}  "
        f"{when:>10s}  {ratio:>5s}  {row['compile_seconds']:9.1f}"
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
    print(f"{'by':32s}  seed  perplexity       own  coherence  to reach/s  ratio  compile/s")
    rows = []
    for seed in range(asked.seeds):
        with threadpool_limits(2):
            peers = [theirs(train, held_out, asked.topics, seed, way) for way in ("batch", "online")]
            found = [ours(train, held_out, asked.topics, seed, arm, asked.backend) for arm in asked.arms]
        table = judged(peers, found)
        for row in table:
            print(shown(row, seed), flush=True)
        rows.append({"seed": seed, "judged": table, "scikit-learn": peers, "ours": found})
    print(write(f"topics_{asked.words}_{asked.backend}", rows, vars(asked)))


if __name__ == "__main__":
    main()
