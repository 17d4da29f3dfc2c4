"""Milliseconds of the value and gradient of a hidden Markov model's log-likelihood: the zoo, dynamax and hmmlearn.

    python -m benchmarks.chains [--steps 100000] [--states 5] [--rounds 21] [--double] [--device cpu]

One long series with Gaussian emissions. Every arm is given the emissions' log densities (T, K) and the transition
matrix (K, K), and returns the log-likelihood with its gradient in both, except for hmmlearn: its forward-backward
pass returns the probabilities of the states, which are the gradient in the log densities, and no counts of moves.
JAX and PyTorch compute in single precision, as the zoo's fits do, unless --double; hmmlearn always in double.

A round runs every arm once, one after the other, so that a machine that slows down slows all of them; a figure is the
median over the rounds, with the interval that holds 90 % of them, and a ratio is the median of the rounds' ratios to
the zoo on JAX. What is compiled is compiled by a call before, whose seconds stand apart. The log-likelihoods of all
arms, and their gradients in the log densities, must agree. The result is written to benchmarks/results/.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from typing import Any, NamedTuple

import numpy as np

PEERS = ("dynamax", "hmmlearn")
BASE = "zoo on JAX"
# Of the log-likelihood, and of a probability. T = 10^5 terms added one by one may each lose half a unit of the sum's
# last place: T eps / 2, 6e-3 in single precision and 1e-11 in double, if all went one way; in turn up and down, some
# sqrt(T) eps / 2, 2e-5 and 4e-14.
TOLERANCE = {"single": (2e-4, 2e-3), "double": (1e-10, 1e-8)}

Run = Callable[[], tuple[Any, Any]]


class Case(NamedTuple):
    """A hidden Markov model of a series: initial (K,), transition (K, K), log densities of the emissions (T, K)."""

    initial: np.ndarray
    transition: np.ndarray
    log_density: np.ndarray


def case(steps: int, states: int) -> Case:
    """Simulate a series in which states stay for some ten steps and lie two standard deviations apart."""
    rng = np.random.default_rng(0)
    transition = 0.9 * np.eye(states) + 0.1 * rng.dirichlet(np.ones(states), states)
    ends, at = transition.cumsum(1), 0
    z = np.zeros(steps, int)
    for t, u in enumerate(rng.uniform(size=steps)):
        z[t] = at = min(int(np.searchsorted(ends[at], u)), states - 1)
    centres = 2.0 * np.arange(states)
    x = centres[z] + rng.standard_normal(steps)
    log_density = -0.5 * ((x[:, None] - centres) ** 2 + np.log(2 * np.pi))
    return Case(np.full(states, 1 / states), transition, log_density)


def hmmlearn(how: str) -> Callable[[Case, bool, str], Run]:
    """Return the arm of hmmlearn's forward-backward pass by that implementation: always double, always on the CPU."""

    def make(given: Case, double: bool, device: str) -> Run:
        from hmmlearn.base import BaseHMM

        class Given(BaseHMM):
            """A model whose data are the log densities themselves."""

            def _compute_log_likelihood(self, X: np.ndarray) -> np.ndarray:
                return X

        model = Given(len(given.initial), implementation=how)
        model.startprob_, model.transmat_ = given.initial, given.transition
        return lambda: model.score_samples(given.log_density)

    return make


def measure(given: Case, rounds: int, double: bool, device: str) -> list[dict[str, Any]]:
    """Run every arm in every round, after one that compiles; return a row an arm."""
    from benchmarks import chains_numpyro, chains_pyro

    makers = {**chains_numpyro.ARMS, **chains_pyro.ARMS}
    makers |= {f"hmmlearn, {how}": hmmlearn(how) for how in ("scaling", "log")}
    arms, first, last, seconds = {}, {}, {}, {name: np.empty(rounds) for name in makers}
    for name, make in makers.items():
        arms[name] = make(given, double, device)
        first[name], last[name] = timed(arms[name])
    for turn in range(rounds):
        for name, run in arms.items():
            seconds[name][turn], last[name] = timed(run)
    rows = []
    right = np.asarray(last["hmmlearn, log"][1])
    for name in arms:
        each, ratio = 1e3 * seconds[name], seconds[name] / seconds[BASE]
        rows.append(
            {
                "arm": name,
                "milliseconds": float(np.median(each)),
                "interval": [float(q) for q in np.quantile(each, [0.05, 0.95])],
                "ratio": float(np.median(ratio)),
                "ratio_interval": [float(q) for q in np.quantile(ratio, [0.05, 0.95])],
                "first call, seconds": first[name],
                "log_likelihood": float(last[name][0]),
                "largest difference of a probability": float(np.abs(np.asarray(last[name][1]) - right).max()),
            }
        )
    return rows


def timed(run: Run) -> tuple[float, tuple[Any, Any]]:
    """Return the seconds of a call, and what it returned."""
    began = time.perf_counter()
    found = run()
    return time.perf_counter() - began, found


def check(rows: list[dict[str, Any]], precision: str) -> None:
    """Stop unless all arms agree with hmmlearn's logarithms, in double precision, within the tolerance."""
    relative, absolute = TOLERANCE[precision]
    right = rows[-1]["log_likelihood"]
    for row in rows:
        apart, worst = abs(row["log_likelihood"] / right - 1), row["largest difference of a probability"]
        if not (apart <= relative and worst <= absolute):
            raise SystemExit(
                f"chains: {row['arm']} differs from {rows[-1]['arm']} by {apart:.1e} of the log-likelihood "
                f"(allowed: {relative:.0e}) and {worst:.1e} of a probability (allowed: {absolute:.0e})"
            )


def main(arguments: list[str] | None = None) -> None:
    """Measure, check, print a line an arm, write the result."""
    from benchmarks.results import write

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--steps", type=int, default=100_000)
    parser.add_argument("--states", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=21)
    parser.add_argument("--double", action="store_true", help="JAX and PyTorch in double precision")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu", help="of JAX and PyTorch")
    asked = parser.parse_args(arguments)
    for peer in PEERS:
        try:
            version(peer)
        except PackageNotFoundError:
            raise SystemExit(f'chains: {peer} is not installed; pip install "ppl-zoo[bench]"') from None
    rows = measure(case(asked.steps, asked.states), asked.rounds, asked.double, asked.device)
    print(f"{'arm':18} {'ms':>8} {'90 %':>17} {'ratio':>6} {'90 %':>13} {'first, s':>8} {'log-likelihood':>16}")
    for row in rows:
        low, high = row["interval"]
        few, many = row["ratio_interval"]
        print(
            f"{row['arm']:18} {row['milliseconds']:8.1f} {f'{low:.1f} … {high:.1f}':>17} {row['ratio']:6.2f} "
            f"{f'{few:.2f} … {many:.2f}':>13} {row['first call, seconds']:8.2f} {row['log_likelihood']:16.4f}"
        )
    check(rows, "double" if asked.double else "single")
    said = {**vars(asked), "peers": {peer: version(peer) for peer in PEERS}}
    print(write("chains" if asked.device == "cpu" else "chains_cuda", rows, said, asked.device))


if __name__ == "__main__":
    main()
