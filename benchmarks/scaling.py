"""What a step costs when the data grow: step time, memory and parameters against m, at a batch of 128 rows.

    python -m benchmarks.scaling [--rows 1000 … 10000000] [--rounds 7] [--steps 50] [--device cpu]

The digits VAE (64-128-8) on the digits, repeated until there are m rows. Arms: `per_datapoint` of the zoo on either
backend (a table, row-wise Adam), `amortized` on either (no table), the update of the table alone (gather, row-wise
Adam, scatter: no model), and what the stock libraries do: a guide whose parameters are the whole table, indexed by the
plate's rows, in their own SVI with their own Adam, which touches all m rows at every step. Every arm runs in a process
of its own, one after the other; peak memory is the process's own, less what it had with the libraries imported and the
data made. The ratio of a `per_datapoint` step at 10⁶ rows to one at 10³ is measured apart: both in one process, round
by round in turn.

Beside it, labelled as arithmetic: bytes and parameters of a table of φ (two numbers a latent, two moments each, a
count a row, single precision) and of the encoder, carried to 10⁹ rows, and the m at which they break even. And the
lecture's orders beside what is counted in the zoo's own mixture: O(m) numbers of q are m (K - 1), since a row's K
probabilities sum to one; of O(m K n²), the n² are the model's covariances, K of them, and not m.
The figure is drawn from the result: results/scaling.png.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from typing import Any

import numpy as np

BATCH, LATENT, COLUMNS, WIDTH = 128, 8, 64, 128
ARMS = (
    "pyro per_datapoint",
    "numpyro per_datapoint",
    "pyro amortized",
    "numpyro amortized",
    "pyro table",
    "numpyro table",
    "pyro stock",
    "numpyro stock",
)
PAIR = (10**3, 10**6)
STOCK_MOST = 10**6  # the stock arms touch every row at every step


def data(rows: int) -> np.ndarray:
    """Return the digits, repeated (m, columns), in single precision."""
    import zoo

    x = zoo.model("vae").data()["x"].astype(np.float32)
    return np.tile(x, (-(-rows // len(x)), 1))[:rows]


def one(arm: str, rows: int, rounds: int, steps: int, device: str) -> dict[str, Any]:
    """Measure one arm in this process: microseconds a step, peak memory in bytes, parameters."""
    import importlib

    backend, local = arm.split()
    x = data(rows)
    module = importlib.import_module(f"benchmarks.scaling_{backend}")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    run, parameters = (getattr(module, local) if local in {"stock", "table"} else module.ours(local))(x, steps, device)
    run()
    each = []
    for _ in range(rounds):
        began = time.perf_counter()
        run()
        each.append(1e6 * (time.perf_counter() - began) / steps)
    peak = 1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
    low, high = np.quantile(each, [0.05, 0.95])
    return {
        "arm": arm,
        "rows": rows,
        "microseconds": float(np.median(each)),
        "interval": [float(low), float(high)],
        "peak_bytes": peak,
        "parameters": parameters,
    }


def pair(arm: str, rounds: int, steps: int, device: str) -> dict[str, Any]:
    """Measure an arm at 10³ and at 10⁶ rows in turn, in this process: medians, and the rounds' ratio."""
    import importlib

    backend, local = arm.split()
    module = importlib.import_module(f"benchmarks.scaling_{backend}")
    runs = [module.ours(local)(data(rows), steps, device)[0] for rows in PAIR]
    seconds = np.empty((3 * rounds, len(runs)))
    for run in runs:
        run()
    for turn in seconds:
        for i, run in enumerate(runs):
            began = time.perf_counter()
            run()
            turn[i] = time.perf_counter() - began
    low, middle, high = np.quantile(seconds[:, 1] / seconds[:, 0], [0.05, 0.5, 0.95])
    each = [float(m) for m in 1e6 * np.median(seconds, 0) / steps]
    return {
        "arm": arm,
        "rows": PAIR,
        "microseconds": each,
        "ratio": float(middle),
        "interval": [float(low), float(high)],
    }


def arithmetic() -> list[dict[str, Any]]:
    """Return what a table and an encoder hold at each m, by counting: no measurement."""
    encoder = (COLUMNS + 1) * WIDTH + (WIDTH + 1) * 2 * LATENT
    found = []
    for rows in [10**k for k in range(3, 10)]:
        table = 2 * LATENT * rows
        found.append(
            {
                "rows": rows,
                "table parameters": table,
                "table bytes": 4 * rows * (3 * 2 * LATENT + 1),
                "encoder parameters": encoder,
                "encoder bytes": 4 * 3 * encoder,
            }
        )
    return found


def lecture(K: int = 3) -> list[dict[str, Any]]:
    """Return the lecture's orders beside what a mixture of Gaussians holds, counted in the zoo's gmm."""
    import zoo

    found = []
    for rows in (100, 200):
        data = {"x": zoo.model("gmm", K=K).data()["x"][:rows]}
        run = zoo.fit("gmm", K=K, data=data, local="per_datapoint", num_steps=1, backend="numpyro")
        (m, n), table = data["x"].shape, run.program.guide.table.size
        found.append(
            {
                "rows m": m,
                "columns n": n,
                "components K": K,
                "lecture O(m)": m,
                "numbers of q, counted": table,
                "m (K - 1)": m * (K - 1),
                "lecture O(m K n^2)": m * K * n**2,
                "free numbers of the model, counted": run.num_parameters - table,
                "K - 1 + K n + K n (n + 1) / 2": K - 1 + K * n + K * n * (n + 1) // 2,
            }
        )
    return found


def main(arguments: list[str] | None = None) -> None:
    """Measure every arm at every m, print a line each, write the result."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rows", type=int, nargs="+", default=[10**k for k in range(3, 8)])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--one", nargs=2, metavar=("ARM", "ROWS"), help="measure one arm, print JSON; ROWS 0: a pair")
    asked = parser.parse_args(arguments)
    if asked.one:
        arm, rows = asked.one
        how = asked.rounds, asked.steps, asked.device
        print(json.dumps(one(arm, int(rows), *how) if int(rows) else pair(arm, *how)))
        return
    found = []
    print(f"{'arm':22} {'m':>9} {'µs a step':>10} {'90 %':>17} {'MiB':>7} {'parameters':>11}")
    for rows in asked.rows:
        for arm in ARMS:
            if "stock" in arm and rows > STOCK_MOST:
                continue
            row = _apart(arm, rows, asked)
            found.append(row)
            low, high = row["interval"]
            print(
                f"{arm:22} {rows:9d} {row['microseconds']:10.0f} {f'{low:.0f} … {high:.0f}':>17} "
                f"{row['peak_bytes'] / 2**20:7.0f} {row['parameters']:11d}",
                flush=True,
            )
    pairs = [_apart(arm, 0, asked) for arm in ARMS if "per_datapoint" in arm]
    for row in pairs:
        low, high = row["interval"]
        print(f"{row['arm']}: 10⁶ rows take {row['ratio']:.2f} ({low:.2f} … {high:.2f}) of 10³ rows' time, in turn")
    counted = arithmetic()
    encoder = counted[0]["encoder parameters"]
    print(f"arithmetic: the encoder's {encoder} parameters are a table's at m = {encoder // (2 * LATENT)} rows")
    from benchmarks.results import write
    from benchmarks.scaling_figure import draw

    name = "scaling" if asked.device == "cpu" else "scaling_cuda"
    said = {k: v for k, v in vars(asked).items() if k != "one"}
    rows = {"measured": found, "in turn": pairs, "arithmetic": counted, "lecture": lecture()}
    path = write(name, [rows], said, asked.device)
    print(path, draw(found, counted, path.with_suffix(".png")), sep="\n")


def _apart(arm: str, rows: int, asked: argparse.Namespace) -> dict[str, Any]:
    how = ["--rounds", str(asked.rounds), "--steps", str(asked.steps), "--device", asked.device]
    command = [sys.executable, "-m", "benchmarks.scaling", "--one", arm, str(rows), *how]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"scaling: arm {arm!r} at m = {rows} failed: {done.stderr.strip().splitlines()[-1]}")
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


if __name__ == "__main__":
    main()
