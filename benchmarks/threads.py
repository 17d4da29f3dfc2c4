"""Microseconds per step with the libraries' own threads, with one, and with those that the zoo chooses.

    python -m benchmarks.threads [--seconds 0.4] [--rounds 3]

Every arm has a process of its own, and is measured alone and beside as many busy loops as there are cores; a figure is
the median over rounds. In NumPyro the threads in question are those of SciPy's BLAS, which XLA calls; XLA's own are the
same in every arm. Meant for a machine that is otherwise idle. The result is written to benchmarks/results/.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

import zoo
from zoo.backends import threads
from zoo.schedule import epochs

# From so many numbers per step on a backend has the threads that there are.
ARMS = {"own": -1.0, "one": math.inf, "chosen": float(threads.MANY)}

# Model, options, rows, columns, rows per step (None: all).
CASES: list[tuple[str, dict[str, Any], int, int, int | None]] = [
    ("gmm", {"K": 2}, 1_000, 2, None),
    ("gmm", {"K": 2}, 10_000, 2, None),
    ("gmm", {"K": 2}, 100_000, 2, None),
    ("ppca", {}, 30_000, 10, None),
    ("vae", {"hidden": 128}, 2_000, 64, 128),
    ("vae", {"hidden": 400}, 2_000, 784, 1_000),
]


@contextmanager
def busy(count: int) -> Iterator[None]:
    """Keep so many cores busy."""
    loops = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        yield
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()


def rows(columns: int, count: int) -> np.ndarray:
    """Return two clusters, between 0 and 1."""
    rng = np.random.default_rng(0)
    middle = np.where(rng.uniform(size=(count, 1)) < 0.5, 0.3, 0.7)
    return np.clip(middle + 0.08 * rng.standard_normal((count, columns)), 0, 1)


def measure(backend: str, case: tuple, name: str, seconds: float, rounds: int) -> list[dict[str, Any]]:
    """Return microseconds per step of an arm, for each number of busy loops."""
    threads.MANY = ARMS[name]  # type: ignore[assignment]
    model, options, count, columns, batch = case
    run = zoo.fit(model, data=rows(columns, count), backend=backend, restarts=1, num_steps=1, **options)
    assert run.state is not None
    state, program = run.state, run.program

    def took(steps: int, at_least: float) -> float:
        batches, done, total = epochs(count, batch, steps, 0), 0, 0.0
        while not done or total < at_least:
            began = time.perf_counter()
            compiling = program.learn(state, np.full(steps, 1e-6), batches, 0)[2]
            total += time.perf_counter() - began - compiling
            done += steps
        return total / done

    took(2, 0)
    steps = min(40, max(2, int(seconds / took(2, 0) / 4)))
    took(steps, 0)
    found = []
    for beside in (0, os.cpu_count() or 1):
        with busy(beside):
            each = [took(steps, seconds) for _ in range(rounds)]
        what = {"backend": backend, "model": model, **options, "rows": count, "columns": columns, "batch": batch}
        found.append({**what, "busy loops": beside, "microseconds": {name: 1e6 * float(np.median(each))}})
    return found


def elsewhere(backend: str, name: str, asked: argparse.Namespace) -> list[dict[str, Any]]:
    """Measure an arm in a process of its own."""
    words = ["--seconds", str(asked.seconds), "--rounds", str(asked.rounds), "--only", backend, name]
    command = [sys.executable, "-m", "benchmarks.threads", *words]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)


def main(arguments: list[str] | None = None) -> None:
    """Measure, print a line for each case, write the result."""
    from benchmarks.results import write

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seconds", type=float, default=0.4, help="of a measurement, at least")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", nargs=2, help=argparse.SUPPRESS)
    asked = parser.parse_args(arguments)
    if asked.only:
        backend, name = asked.only
        each = [measure(backend, case, name, asked.seconds, asked.rounds) for case in CASES]
        print(json.dumps([row for rows_ in each for row in rows_]))
        return
    found = []
    for backend in ("numpyro", "pyro"):
        for row, *others in zip(*(elsewhere(backend, name, asked) for name in ARMS), strict=True):
            for other in others:
                row["microseconds"] |= other["microseconds"]
            found.append(row)
            shown = "  ".join(f"{name} {value:9.0f}" for name, value in row["microseconds"].items())
            size = f"{row['batch'] or row['rows']:7} x {row['columns']:<4}"
            print(f"{backend:8} {row['model']:5} {size} beside {row['busy loops']}: {shown}", flush=True)
    print(write("threads", found, {"seconds": asked.seconds, "rounds": asked.rounds}))


if __name__ == "__main__":
    main()
