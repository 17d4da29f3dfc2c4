"""Microseconds a step of the digits VAE (64-128-8, batch 128): by hand, by each library's SVI, by the zoo.

    python -m benchmarks.overhead [--rounds 21] [--steps 200] [--device cpu]

All arms take the same rows in the same order, from the same weights; the zoo moves the decoder's last layer in units
of the data's spread, as its fits do, and so comes less far from these weights in as many steps. A round runs every
arm once, one after the other, so that a machine that slows down slows all of them; a figure is the median over the
rounds, with the interval that holds 90 % of them, and a ratio is the median of the rounds' ratios to the arm written
by hand. The losses at the end are printed beside. PyTorch and JAX both use the threads that the command is given
(OMP_NUM_THREADS, 2 by default). The result is written to benchmarks/results/.
"""

from __future__ import annotations

import argparse
import importlib
import time
from typing import Any

import numpy as np

LATENT, HIDDEN, COLUMNS, BATCH, RATE, FLOOR = 8, 128, 64, 128, 1e-3, 0.05
BASES = {"pyro": "torch, Adam", "numpyro": "JAX, scanned"}


def initial() -> dict[str, np.ndarray]:
    """Return the weights that every arm starts from; layouts are (out, in)."""
    rng = np.random.default_rng(0)
    shapes = {
        "e0w": (HIDDEN, COLUMNS),
        "e1w": (2 * LATENT, HIDDEN),
        "d0w": (HIDDEN, LATENT),
        "d1w": (2 * COLUMNS, HIDDEN),
    }
    weights = {k: rng.standard_normal(s) * (1 / s[1]) ** 0.5 for k, s in shapes.items()}
    return {**weights, **{k.replace("w", "b"): np.zeros(s[0]) for k, s in shapes.items()}}


def zoo_weights() -> dict[str, np.ndarray]:
    """Return the same weights under the zoo's names."""
    networks, parts = {"e": "local.encoder", "d": "decoder"}, {"w": "weight", "b": "bias"}
    return {f"{networks[net]}.layer{layer}.{parts[part]}": value for (net, layer, part), value in initial().items()}


def measure(rounds: int, steps: int, device: str) -> list[dict[str, Any]]:
    """Run every arm in every round, after one that warms up; return a row an arm."""
    import zoo
    from zoo.schedule import epochs

    x = zoo.model("vae").data()["x"].astype(np.float32)
    batches = epochs(len(x), BATCH, steps, 0)
    arms, base = {}, {}
    for backend, hand in BASES.items():
        module = importlib.import_module(f"benchmarks.overhead_{backend}")
        for name, make in module.ARMS.items():
            arms[name], base[name] = make(x, batches, device), hand
    last = {name: run() for name, run in arms.items()}
    seconds: dict[str, list[float]] = {name: [] for name in arms}
    for _ in range(rounds):
        for name, run in arms.items():
            began = time.perf_counter()
            last[name] = run()
            seconds[name].append(time.perf_counter() - began)
    rows = []
    for name in arms:
        each = 1e6 * np.array(seconds[name]) / steps
        ratio = np.array(seconds[name]) / np.array(seconds[base[name]])
        rows.append(
            {
                "arm": name,
                "microseconds": float(np.median(each)),
                "interval": [float(q) for q in np.quantile(each, [0.05, 0.95])],
                "against": base[name],
                "ratio": float(np.median(ratio)),
                "ratio_interval": [float(q) for q in np.quantile(ratio, [0.05, 0.95])],
                "loss a row": last[name] / len(x),
            }
        )
    return rows


def main(arguments: list[str] | None = None) -> None:
    """Measure, print a line an arm, write the result."""
    from benchmarks.results import write

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=21)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    asked = parser.parse_args(arguments)
    rows = measure(asked.rounds, asked.steps, asked.device)
    print(f"{'arm':22} {'µs a step':>10} {'90 %':>17} {'ratio':>6} {'90 %':>13}  {'loss a row':>10}")
    for row in rows:
        low, high = row["interval"]
        few, many = row["ratio_interval"]
        print(
            f"{row['arm']:22} {row['microseconds']:10.0f} {f'{low:.0f} … {high:.0f}':>17} "
            f"{row['ratio']:6.2f} {f'{few:.2f} … {many:.2f}':>13}  {row['loss a row']:10.2f}"
        )
    print(write("overhead" if asked.device == "cpu" else "overhead_cuda", rows, vars(asked), asked.device))


if __name__ == "__main__":
    main()
