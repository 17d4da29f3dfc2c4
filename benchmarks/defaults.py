"""Whether a fit with defaults arrives: rows drawn from each model at known parameters, fitted, compared with the truth.

    python -m benchmarks.defaults [--backend numpyro pyro] [--model gmm lda] [--rows 50 1000 100000] [--jobs 2]

Each cell, a model with its options, a number of rows and an arm, runs in a process of its own with a limit of time (the
processor's, since the machine may be busy). The arms are the zoo in both backends, and beside them the classic
libraries that fit the same model (scikit-learn, hmmlearn, sklearn-crfsuite; `pip install "ppl-zoo[bench]"`) and the
card's own closed form, all with their defaults but for the number of their passes. No option is given to a fit but what
the data cannot say, such as K.

What is compared, in nats per row, on the training rows (1,000 of them drawn at random if there are more):

- log likelihood: of a model with parameters, at the learnt ones and at the true ones, local latents summed or
  integrated out. The best parameters are above the true ones by about half their number over the rows, so that a fit
  that is below the truth is short for certain.
- lower bound of it: the same if the integral is not known: importance-weighted, 1,000 draws, by the encoder that
  was learnt, and for the truth by one that was learnt while the true parameters were held.
- ELBO, of a fit from the truth: of a model with priors, the ELBO beside that of a fit that starts at the true latents:
  the evidence is not known, and the prior may pull any fit away from the truth, but not to another mode. The rows'
  predictive density beside that at the truth is reported too; it says little of q.
- ELBO, its optimum: of a model in which nothing is learnt but the guide, the exact evidence less what the guide's
  family lacks of it at best, in closed form.

Each fit is also compared with one of ten times its steps with a finish, in the first backend asked for, at 1,000 rows
or fewer: by the ELBO, or by the likelihood at the parameters where nothing is drawn. The exact evidence stands beside
the ELBO if it is known.

A fit is short if it is below the truth by more than 0.01 nats per row, or below ten times its steps by more than 0.05,
and by more than two standard errors of the difference. Cells that were measured stay in the result
until they are measured again; it is written to benchmarks/results/ after each cell, and the page is made from it.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import Any

from benchmarks import results
from benchmarks.defaults_cases import FEW, MANY, ROWS, Case, cases
from benchmarks.defaults_page import LONGER, key, line, write
from benchmarks.defaults_peers import peers
from zoo import backends, catalogue

NAME = "defaults"
LIMIT = 600.0  # processor seconds for a cell, judging included
PATIENCE = 20  # times the limit by the wall's clock: the machine may be busy
Asked = dict[str, Any]


def planned(asked: argparse.Namespace) -> Iterator[tuple[Case, int, str]]:
    """Yield case, rows and arm of every cell, the zoo's arms of a case before its peers'."""
    for case in cases(asked.model):
        for rows in case.rows:
            if rows in asked.rows or (rows not in ROWS and FEW in asked.rows):
                arms = [*asked.backend, *([] if asked.no_peers else [p.name for p in peers(case.fitted())])]
                yield from ((case, rows, arm) for arm in arms)


def run(case: Case, rows: int, arm: str, seed: int, limit: float, **words: Any) -> dict[str, Any] | None:
    """Measure a cell in a process of its own; one that fails or takes too long is a row that says so."""
    asked = {"case": cases().index(case), "rows": rows, "arm": arm, "seed": seed, "limit": limit, **words}
    command = [sys.executable, "-m", "benchmarks.defaults_cell", json.dumps(asked)]
    failed = {"model": case.model, "case": case.name, "rows": rows, "arm": arm, "seed": seed, "seconds": None}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        try:
            said, errors = process.communicate(timeout=PATIENCE * limit)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            return failed | {"status": f"did not end in {PATIENCE * limit:g} s"}
    if process.returncode in {-signal.SIGXCPU, -signal.SIGKILL}:
        return failed | {"status": f"did not end in {limit:g} s"}
    if process.returncode:
        return failed | {"status": f"failed: {(errors.strip().splitlines() or [f'exit {process.returncode}'])[-1]}"}
    found: dict[str, Any] | None = json.loads(said.strip().splitlines()[-1])
    return found


def before() -> list[dict[str, Any]]:
    """Return the rows of the result that is there."""
    path = results.FOLDER / f"{NAME}.json"
    return json.loads(path.read_text(encoding="utf-8"))["rows"] if path.exists() else []


def keep(row: dict[str, Any], asked: dict[str, Any]) -> None:
    """Put a row into the result in place of an older one, in the order of the cases, and make the page again."""
    rows = [r for r in before() if key(r) != key(row)] + [row]
    order = {(c.model, c.name): i for i, c in enumerate(cases())}
    rows.sort(key=lambda r: (order.get((r["model"], r["case"]), len(order)), r["rows"]))
    write(results.write(NAME, rows, asked))


def measured(cell: tuple[Case, int, str], asked: argparse.Namespace) -> list[dict[str, Any]]:
    """Return a cell's row, and that of ten times its steps if asked for; no row if a peer does not serve the case."""
    case, rows, arm = cell
    if 1 in asked.times:
        found = run(case, rows, arm, asked.seed, asked.limit)
    else:
        found = next((r for r in before() if key(r) == (case.model, case.name, rows, arm, asked.seed, False)), None)
    done = [found] if found and 1 in asked.times else []
    longest = LONGER in asked.times and arm in asked.backend[:1] and rows != MANY
    if not (longest and found and found.get("steps")):
        return done
    longer = run(case, rows, arm, asked.seed, LONGER * asked.limit, num_steps=LONGER * found["steps"], truth=False)
    return [*done, longer | {"long": True}] if longer else done


def main(arguments: list[str] | None = None) -> None:
    """Measure cell by cell, print a line each, write the result and the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--backend", choices=backends.names(), nargs="*", default=["numpyro", "pyro"])
    parser.add_argument("--model", choices=catalogue.names(), nargs="+", default=catalogue.names(), metavar="NAME")
    parser.add_argument("--rows", type=int, choices=ROWS, nargs="+", default=list(ROWS), metavar="N")
    parser.add_argument("--seed", type=int, default=1, help="of the data")
    parser.add_argument("--limit", type=float, default=LIMIT, help="processor seconds for a cell")
    parser.add_argument("--first", action="store_true", help="the first case of each model alone")
    parser.add_argument("--jobs", type=int, default=1, help="cells at once; their seconds are the processor's")
    parser.add_argument(
        "--times", type=int, choices=(1, LONGER), nargs="+", default=[1, LONGER], help="the default's steps"
    )
    parser.add_argument("--no-peers", action="store_true", help="the zoo alone")
    asked = parser.parse_args(arguments)
    plan = list(planned(asked))
    if asked.first:
        plan = [(case, rows, arm) for case, rows, arm in plan if case == cases([case.model])[0]]
    with ThreadPoolExecutor(asked.jobs) as pool:
        for future in as_completed([pool.submit(measured, cell, asked) for cell in plan]):
            for row in future.result():
                print(line(row), flush=True)
                keep(row, vars(asked))
    print(results.FOLDER / f"{NAME}.md")


if __name__ == "__main__":
    main()
