"""Free numbers for every row against an encoder: what each costs, and what each loses, against exact answers.

    python -m benchmarks.amortization [--full | --quick] [--device cpu] [--tune]

Two experiments that are never mixed. E1: the model is frozen, the arms differ in inference alone, and every row's
gaps follow. E2: model and guide are learnt together by every arm from the same decoder, rows and draws; afterwards a
fresh fit of every row's φ judges all decoders alike, on training and on held-out rows. By default the size is
"reduced": some ten minutes on two CPU cores. `--full` is the whole design, `--quick` says whether everything runs,
`--tune` tries the grid of learning rates on a seed of its own and measures nothing else.

The result, a page of tables and the figures go to benchmarks/results/. What must hold is asserted at the end: what
does not is printed, a line each, and the exit code is 1; the result is written as it is. See Margossian and Blei,
Amortized variational inference: when and why?, UAI 2024; Cremer, Li and Duvenaud, Inference suboptimality in
variational autoencoders, ICML 2018.
"""

from __future__ import annotations

import argparse
import sys
import time
from pprint import pformat
from typing import Any


def measure(plan: Any, say: Any) -> list[dict[str, Any]]:
    """Return the records of both experiments, of the backends' agreement, and of what does not hold."""
    from benchmarks import amortization_checks as checks
    from benchmarks.amortization_frozen import frozen, with_globals
    from benchmarks.amortization_grid import CHOSEN, GRID, TRIED, TUNING_SEED
    from benchmarks.amortization_joint import joint

    rows: list[dict[str, Any]] = [checks.tier_a()]
    rows += [frozen(plan, case, say) for case in plan.frozen]
    rows += [with_globals(plan, case, say) for case in plan.totals]
    rows += [joint(plan, case, say) for case in plan.joint]
    rows = [{"size": plan.name, **row} for row in rows]
    grid = {"grid": GRID, "tuning_seed": TUNING_SEED, "chosen": CHOSEN, "tried": TRIED}
    rows.append({"size": plan.name, "experiment": "learning rates", **grid})
    rows.append({"size": plan.name, "experiment": "must hold", "faults": checks.faults(rows)})
    return rows


def main(arguments: list[str] | None = None) -> int:
    """Measure, write the result and its page, print what does not hold; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--full", action="store_true", help="10 seeds, 20 row steps, MNIST-size data, codes of 50")
    size.add_argument("--quick", action="store_true", help="says only whether everything runs")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--tune", action="store_true", help="try the learning rates, print them, measure nothing")
    asked = parser.parse_args(arguments)
    from benchmarks import amortization_page, amortization_plan, amortization_tune
    from benchmarks.results import write

    began = time.perf_counter()

    def say(words: str) -> None:
        print(f"{time.perf_counter() - began:7.1f} s  {words}", flush=True)

    make = {(True, False): amortization_plan.full, (False, True): amortization_plan.quick}
    plan = make.get((asked.full, asked.quick), amortization_plan.reduced)(asked.device)
    if asked.tune:
        found = amortization_tune.tune(plan, say)
        print(pformat(found, width=110, sort_dicts=False))
        return 0
    say(f"size: {plan.name}; seeds {list(plan.seeds)}")
    rows = measure(plan, say)
    rows.append({"size": plan.name, "experiment": "time", "seconds": time.perf_counter() - began})
    name = "amortization" + {"reduced": ""}.get(plan.name, f"_{plan.name}") + ("" if asked.device == "cpu" else "_cuda")
    path = write(name, rows, {**vars(asked), "size": plan.name}, asked.device)
    say(str(path))
    for made in amortization_page.write(path):
        say(str(made))
    wrong = next(row["faults"] for row in rows if row["experiment"] == "must hold")
    for fault in wrong:
        print(f"must hold, and does not: {fault}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
