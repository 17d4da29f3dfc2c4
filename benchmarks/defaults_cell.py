"""One cell of benchmarks.defaults in a process of its own: draw rows, fit them by one arm, judge what was learnt.

    python -m benchmarks.defaults_cell '{"case": 0, "rows": 50, "arm": "numpyro", "seed": 1, "limit": 300}'

The last line that it prints is the cell, as JSON. `limit` is in seconds of the processor.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

import numpy as np

import zoo
from benchmarks.defaults_cases import Case, cases
from benchmarks.defaults_peers import peers
from guides.families import generator
from guides.start import Start
from zoo import backends
from zoo.backends.state import Values
from zoo.catalogue import Data, Model
from zoo.inference import run_request
from zoo.request import Request
from zoo.run import Run

JUDGED = 1000  # rows at most that what was learnt is judged by, against the truth
DRAWS = 200  # of the guide, for the predictive density
BOUND_DRAWS = 1000  # of an importance-weighted bound
NUMBERS = 2_000_000  # draws times rows of an ELBO
DENSITY, BOUND, FROM_TRUTH, OPTIMUM = (
    "log likelihood",
    "lower bound of it",
    "ELBO, of a fit from the truth",
    "ELBO, its optimum",
)
EDGE = 1e-6  # probabilities of a start stay so far from 0 and 1


@dataclass(frozen=True)
class Told(Model):
    """A model whose fits start at known params and global latents, in the units of its own start."""

    known: Mapping[str, np.ndarray] = field(default_factory=dict)

    def start(self, data: Data, rng: np.random.Generator) -> dict[str, Start]:
        """Return the known values if they are given, and the model's own start elsewhere."""
        supports = {s.name: s.support for s in self.card.active_sites(self.options)}
        return {
            name: replace(start, value=_inside(self.known[name], supports[name])) if name in self.known else start
            for name, start in super().start(data, rng).items()
        }


def _inside(value: Any, support: str) -> np.ndarray:
    value = np.asarray(value, np.float64)
    if support == "simplex":
        value = np.maximum(value, EDGE)
        return np.asarray(value / value.sum(-1, keepdims=True))
    return np.clip(value, EDGE, 1 - EDGE) if support == "unit_interval" else value


def cell(
    case: Case, rows: int, arm: str, seed: int, *, num_steps: int | None = None, truth: bool = True
) -> dict[str, Any] | None:
    """Draw rows, fit them, and say how far below the truth what was learnt is.

    Args:
        case: model and options.
        rows: how many rows to draw.
        arm: a backend, or the name of a peer.
        seed: of the data; every fit has its library's default or 0.
        num_steps: of our fit, with a finish; the default's if None.
        truth: whether to judge against the truth; a run of more steps is compared with our own alone.

    Returns:
        A row of the table; None if the peer does not serve the case.
    """
    data, true = case.drawn(seed, rows)
    model = case.fitted().bind(data)
    peer = next((p for p in peers(model) if p.name == arm), None)
    found: dict[str, Any] = {"model": case.model, "case": case.name, "rows": rows, "arm": arm, "seed": seed}
    if peer is None:
        backends.get(arm)
        began = clocks()
        how = {} if num_steps is None else {"num_steps": num_steps, "finish": True}
        run = zoo.fit(case.fitted(), data=data, backend=arm, num_draws=DRAWS, **how)
        steps = sum(p.steps for p in run.phases if p.name == "svi")
        found |= {**took(began), "parts": dict(run.seconds), "status": run.status, "steps": steps, **bounds(run, rows)}
        return found | (judged(case, run, true, seed) if truth else {})
    began = clocks()
    given = peer.fit(model, data)
    if given is None:
        return None
    found |= {**took(began), "status": "complete", "compared": DENSITY}
    some = sample(data, seed)
    here, there = given(some) if callable(given) else at(case, model, some, given), at(case, model, some, true)
    return found | against(here, there, rows)


def clocks() -> tuple[float, float]:
    """Return the wall's clock and the processor's, in seconds."""
    return time.perf_counter(), time.process_time()


def took(began: tuple[float, float]) -> dict[str, float]:
    """Return the seconds since, by the wall's clock and of the processor (of all threads together)."""
    now = clocks()
    return {"seconds": now[0] - began[0], "processor": now[1] - began[1]}


def sample(data: Data, seed: int) -> Data:
    """Return all rows, or some drawn at random if they are many."""
    count = len(next(iter(data.values())))
    if count <= JUDGED:
        return data
    index = np.sort(generator(seed, "judged rows").permutation(count)[:JUDGED])
    return {name: x[index] for name, x in data.items()}


def at(case: Case, model: Model, data: Data, values: Values) -> np.ndarray | None:
    """Return the score of each row at given params and global latents (n,); None if it is not known quickly."""
    if case.score is not None:
        return case.score(model, data, values)
    summed = all(s.discrete for s in model.card.active_sites(model.options) if s.kind == "latent" and s.local)
    most = None if summed else getattr(model.exact, "MOST_ROWS", None)
    if most is not None and len(next(iter(data.values()))) > most:
        return None
    return model.log_likelihood(data, values)


def judged(case: Case, run: Run, true: Values, seed: int) -> dict[str, Any]:
    """Compare what was learnt with the truth, on the same rows and by the same ruler."""
    model, some = run.model, sample(run.data, seed)
    count = len(next(iter(run.data.values())))
    if not true:  # nothing is learnt but the guide
        best = run.evidence()
        assert best is not None
        gap = case.gap(model, run.data) if case.gap else 0.0
        return held_against(bounds(run, count), float(best.value) / count - gap, 0.0, OPTIMUM)
    means = {s.name: run.relabelled[s.name].mean((0, 1)) for s in run.latents} if case.score else {}
    there = at(case, model, some, true)
    if run.latents:
        # A start at the truth leads to the right mode, and the prior may pull both away from it.
        told = Told(**{f.name: getattr(case.fitted(), f.name) for f in fields(Model)}, known=true)
        other = zoo.fit(told, data=run.data, backend=run.backend, restarts=1, num_draws=DRAWS)
        bound = bounds(other, count)
        found = held_against(bounds(run, count), bound["elbo"], bound["elbo_error"], FROM_TRUTH)
        here = at(case, model, some, {**run.model_params, **means}) if means else run.log_likelihood(some).value
        return found | {"predictive": against(here, there, count), "status from the truth": other.status}
    here = at(case, model, some, run.model_params)
    if there is not None:
        return {"compared": DENSITY, **against(here, there, count)}
    # The truth's own bound: the same guide, learnt by the same defaults while the true parameters are held.
    frozen = {name: np.asarray(v) for name, v in true.items()}
    held = run_request(model, run.data, Request(backend=run.backend), frozen=frozen)
    each = [r.log_likelihood(some, BOUND_DRAWS) for r in (run, held)]
    compared = against(each[0].value, each[1].value, count)
    noise = float(np.sqrt(sum((np.asarray(e.error) ** 2).sum() for e in each)) / np.size(each[0].value))
    error = float(np.hypot(compared["error"], noise))
    return {"compared": BOUND, **compared, "error": error, "status at the truth": held.status}


def held_against(found: Mapping[str, float], best: float, error: float, compared: str) -> dict[str, Any]:
    """Return how far an ELBO is below another number, by row."""
    both = float(np.hypot(found["elbo_error"], error))
    learnt = found["elbo"]
    return {"compared": compared, "truth": best, "learnt": learnt, "short": best - learnt, "error": both}


def against(here: Any, there: Any, rows: int) -> dict[str, Any]:
    """Return means over rows, and the error of their difference if only some of the rows are judged."""
    here, there = np.asarray(here, np.float64), np.asarray(there, np.float64)
    apart = there - here
    sampled = len(apart) < rows
    return {
        "truth": float(there.mean()),
        "learnt": float(here.mean()),
        "short": float(apart.mean()),
        "error": float(apart.std(ddof=1) / len(apart) ** 0.5) if sampled else 0.0,
        "judged": len(apart),
    }


def bounds(run: Run, rows: int) -> dict[str, Any]:
    """Return the ELBO by row, and the exact evidence if the model has no parameters and knows it."""
    bound = run.elbo(num_draws=_draws(rows))
    found: dict[str, Any] = {}
    if bound is not None:
        found |= {"elbo": bound.value / rows, "elbo_error": bound.error / rows}
    learns = any(s.kind == "param" for s in run.model.card.active_sites(run.model.options))
    known = None if learns else run.evidence()
    return found if known is None else {**found, "evidence": float(known.value) / rows}


def _draws(rows: int) -> int:
    return max(10, min(1000, NUMBERS // rows))


def main(arguments: list[str]) -> None:
    """Print one cell."""
    import resource

    asked = json.loads(arguments[0])
    limit = int(asked.pop("limit"))
    resource.setrlimit(resource.RLIMIT_CPU, (limit, limit + 10))
    asked["case"] = cases()[asked["case"]]
    print(json.dumps(cell(**asked)))


if __name__ == "__main__":
    main(sys.argv[1:])
