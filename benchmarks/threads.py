"""Microseconds a step with the libraries' own threads, with one, and with those that the zoo chooses.

    python -m benchmarks.threads [--seconds 0.4] [--rounds 3]

Every arm is measured alone, and beside as many busy loops as there are cores. A figure is the median over rounds, of
which each runs every arm once. In NumPyro the threads in question are those of SciPy's BLAS, which XLA calls; XLA's
own are the same in every arm. Meant for a machine that is otherwise idle. The result is written to benchmarks/results/.
"""

from __future__ import annotations

import argparse
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

# From so many numbers a step on a backend has the threads that there are.
ARMS = {"own": -1.0, "one": math.inf, "chosen": float(threads.MANY)}

# Model, options, rows, columns, rows a step (None: all).
CASES: list[tuple[str, dict[str, Any], int, int, int | None]] = [
    ("gmm", {"K": 2}, 1_000, 2, None),
    ("gmm", {"K": 2}, 10_000, 2, None),
    ("gmm", {"K": 2}, 100_000, 2, None),
    ("ppca", {}, 1_000, 10, None),
    ("ppca", {}, 30_000, 10, None),
    ("vae", {"hidden": 128}, 2_000, 64, 128),
    ("vae", {"hidden": 400}, 2_000, 784, 128),
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


def measure(backend: str, case: tuple, seconds: float, rounds: int) -> list[dict[str, Any]]:
    """Return a row for each number of busy loops: microseconds a step by arm."""
    model, options, count, columns, batch = case
    run = zoo.fit(model, data=rows(columns, count), backend=backend, restarts=1, num_steps=1, **options)
    assert run.state is not None
    state, program = run.state, run.program

    def took(steps: int, many: float = math.inf) -> float:
        threads.MANY = many  # type: ignore[assignment]
        batches = epochs(count, batch, steps, 0)
        began = time.perf_counter()
        compiling = program.learn(state, np.full(steps, 1e-6), batches, 0)[2]
        return (time.perf_counter() - began - compiling) / steps

    took(2)
    steps = max(2, int(seconds / took(2)))
    took(steps)
    found = []
    for beside in (0, os.cpu_count() or 1):
        each: dict[str, list[float]] = {name: [] for name in ARMS}
        with busy(beside):
            for _ in range(rounds):
                for name, many in ARMS.items():
                    # The libraries' own threads can take a hundred times as long: a few steps tell.
                    each[name].append(took(2 if name == "own" and beside else steps, many))
        micro = {name: 1e6 * float(np.median(values)) for name, values in each.items()}
        what = {"backend": backend, "model": model, **options, "rows": count, "columns": columns, "batch": batch}
        found.append({**what, "busy loops": beside, "microseconds": micro})
        shown = "  ".join(f"{name} {value:9.0f}" for name, value in micro.items())
        print(f"{backend:8} {model:5} {batch or count:7} x {columns:<4} beside {beside}: {shown}", flush=True)
    return found


def main(arguments: list[str] | None = None) -> None:
    """Measure, print a line a case, write the result."""
    from benchmarks.results import write

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seconds", type=float, default=0.4, help="of a measurement")
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args(arguments)
    found = [
        row
        for backend in ("numpyro", "pyro")
        for case in CASES
        for row in measure(backend, case, asked.seconds, asked.rounds)
    ]
    print(write("threads", found, vars(asked)))


if __name__ == "__main__":
    main()
