"""What a run is worth, in nats: the ELBO and its terms, evidence, gap, k̂, and each row's likelihood."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np

from guides.families import generator
from zoo import estimators
from zoo.backends.state import Evaluation
from zoo.errors import UserError
from zoo.estimators import Estimate

if TYPE_CHECKING:
    from zoo.fitted import Fitted
    from zoo.run import Run

MANY, FEW = 1000, 100  # draws of an estimate: of global latents, and of every row's local ones
POINT = "lower bound, log p(x, z) at one choice of z"
AT_ONCE = 4_000_000  # standard normals held at once


@dataclass(frozen=True)
class Elbo:
    """The evidence lower bound and its two terms, in nats; larger is better.

    Args:
        value, error: the bound and its Monte Carlo standard error.
        reconstruction: E_q log p(x | z), local discrete latents summed out.
        kl: KL(q ‖ prior) of the latents.
        draws: how many draws it rests on.
    """

    value: float
    error: float
    reconstruction: float
    kl: float
    draws: int

    def __str__(self) -> str:
        return f"{self.value:.4f} ± {self.error:.2g} nats"


def evaluate(
    run: Fitted,
    num_draws: int,
    name: str,
    seed: int,
    *,
    data: dict[str, np.ndarray] | None = None,
    noise: Any = None,
    phi: np.ndarray | None = None,
    keep: bool = False,
) -> Evaluation:
    """Draw from the run's guide and evaluate the draws' densities.

    Args:
        run: a fitted run.
        num_draws: how many draws.
        name, seed: of the noise; equal ones give equal noise in either backend.
        data: other rows.
        noise: the standard normals themselves, in place of the seed's: those of the globals (S, noise_size), or a
            pair with those of the local latents (S, *program.noise_shape(n)).
        phi: each row's numbers (n, size) in place of the treatment's.
        keep: whether to return the local latents' draws.
    """
    program = run.program
    rows = run.data if data is None else data
    shape = program.noise_shape(len(next(iter(rows.values()))))
    globals_, local = noise if isinstance(noise, tuple) else (noise, None)
    if globals_ is None:
        globals_ = generator(seed, name).standard_normal((num_draws, program.guide.noise_size))
    stream = generator(seed, f"{name} rows")
    params = run.params if data is None and phi is None else run.params_for(rows, phi)
    step, parts = max(1, AT_ONCE // max(1, math.prod(shape))), []
    for first in range(0, len(globals_), step):
        some = globals_[first : first + step]
        drawn = stream.standard_normal((len(some), *shape)) if local is None else local[first : first + step]
        parts.append(program.evaluate(params, some, drawn, None if data is None else rows, phi, keep=keep))
    return parts[0] if len(parts) == 1 else _joined(parts)


def _joined(parts: list[Evaluation]) -> Evaluation:
    def end_to_end(name: str) -> Any:
        each = [getattr(p, name) for p in parts]
        if isinstance(each[0], dict):
            return {key: np.concatenate([e[key] for e in each]) for key in each[0]}
        return np.concatenate(each)

    return Evaluation(**{f.name: end_to_end(f.name) for f in fields(Evaluation)})


def elbo(run: Run, data: Any, num_draws: int | None, seed: int, noise: Any) -> Elbo | None:
    """Estimate the ELBO; see `Run.elbo`."""
    if not run.has_elbo:
        return None
    local = run.program.guide.rows is not None
    count = (num_draws or (FEW if local else MANY)) if run.drawn else 1
    rows = None if data is None else run.checked_rows(data)
    found = evaluate(run, count, "elbo", seed, data=rows, noise=noise)
    bound, reconstruction = found.elbos, found.likelihood.sum(-1)
    error = float(bound.std(ddof=1) / math.sqrt(len(bound))) if len(bound) > 1 else 0.0
    kl = float((reconstruction - bound).mean())
    return Elbo(float(bound.mean()), error, float(reconstruction.mean()), kl, len(bound))


def evidence(run: Run) -> Estimate | None:
    """Return log p(x) where it is known exactly; see `Run.evidence`."""
    if not run.latents:
        rows = _quick_rows(run, run.data)
        return None if rows is None else Estimate(float(rows.sum()), 0.0, "exact")
    value = run.model.exact.evidence(run.data, **run.model.options)
    return None if value is None else Estimate(float(value), 0.0, "exact")


def gap(run: Run, num_draws: int | None, seed: int) -> Estimate | None:
    """Return evidence − ELBO; see `Run.gap`."""
    known, bound = evidence(run), elbo(run, None, num_draws, seed, None)
    if known is None or bound is None:
        return None
    return Estimate(float(known.value) - bound.value, bound.error, f"exact evidence, {bound.draws} draws")


def exact_rows(run: Run, data: dict[str, np.ndarray]) -> np.ndarray | None:
    """Return log p(x) of each row at the learnt parameters, for a model without global latents (n,); or None."""
    if run.summable:
        return run.program.densities(run.params_for(data, None), {}, data)[1][0]
    known = run.model.log_likelihood(data, run.model_params)
    return None if known is None else np.asarray(known)


def _quick_rows(run: Run, data: dict[str, np.ndarray]) -> np.ndarray | None:
    """Return `exact_rows`, or None where the model says that so many rows take minutes, as quadrature does."""
    most = getattr(run.model.exact, "MOST_ROWS", None)
    return None if most is not None and len(next(iter(data.values()))) > most else exact_rows(run, data)


def log_likelihood(run: Run, data: dict[str, np.ndarray], num_draws: int, seed: int) -> Estimate:
    """Return the log (predictive) density of each row; see `Run.log_likelihood`."""
    if not run.latents:
        known = _quick_rows(run, data)
        if known is not None:
            return Estimate(known, np.zeros(len(known)), "exact")
        if not run.has_elbo:
            raise UserError(
                f"{run.model.name}: log p(x) is not known in closed form, and a guide of points cannot bound it; "
                "refit with local_guide='mean_field'"
            )
        found = evaluate(run, num_draws if run.drawn else 1, "iwae", seed, data=None if data is run.data else data)
        if not run.drawn:
            return Estimate(found.bounds[0], np.zeros(len(found.bounds[0])), POINT)
        return estimators.importance(found.rows - found.row_log_q)
    each = run.row_densities(data)
    if each is None:
        found = evaluate(run, num_draws, "iwae", seed, data=None if data is run.data else data)
        return estimators.importance(found.rows - found.row_log_q)
    value = estimators.log_mean_exp(each)
    ratio = np.exp(each - np.where(np.isfinite(value), value, 0.0))
    error = ratio.std(0, ddof=1) / math.sqrt(len(each)) if len(each) > 1 else np.zeros_like(value)
    return Estimate(value, error, f"posterior predictive, {len(each)} draws")
