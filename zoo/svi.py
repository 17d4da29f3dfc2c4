"""Carry out a request by SVI: plan, starts, learning, the poorer family first, the rows' own φ last."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from functools import partial

import numpy as np

from guides.families import family, generator
from guides.local_layout import PHI
from guides.raising import poorer, raised
from guides.start import Start
from zoo.backends.state import State
from zoo.errors import FitError, UserError
from zoo.learning import learn, never_below
from zoo.learnt import Learnt, NotFiniteError, Phase, Plan, Watch
from zoo.run import Run
from zoo.schedule import AUTO, epochs
from zoo.settle import settle


def svi(run: Run, watch: Watch) -> None:
    """Learn a run's parameters and its guide, and leave them in it.

    Raises:
        FitError: the loss is not finite, whatever the rate; its `.run` holds the last good state.
    """
    asked, program, rows = run.request, run.program, len(next(iter(run.data.values())))
    auto = asked.num_steps == AUTO
    # A refit may leave nothing to learn: a frozen model whose local latents alone are treated anew. Nor is there
    # anything for SVI if the rows' φ alone are to be learnt, and climb to their end afterwards.
    idle = not (program.coordinates.size or (program.guide.table and not (auto and asked.finish)))
    steps = run.model.card.learning.num_steps if auto else int(asked.num_steps or 0)
    plan = Plan(
        num_steps=0 if idle else steps,
        auto=auto,
        finish=bool(asked.finish),
        rate=float(asked.learning_rate or 0),
        batch_size=None if asked.batch_size == rows else asked.batch_size,
        rows=rows,
        seed=asked.seed,
    )
    below = _poorer(run, watch) if auto and run.latents else None
    try:
        if below is None:
            places = [run.starts]
            count = asked.restarts or 1
            places += [run.model.start(run.data, generator(asked.seed, f"start {i}")) for i in range(1, count)]
            points = [starting_point(run, place) for place in places]
            doubled = partial(run.build, "float64") if asked.dtype == "float32" else None
            learnt = learn(program, plan, points, watch, doubled)
        else:
            gently = replace(plan, rate=plan.rate * family(run.guide).rate)
            learnt = never_below(program, gently, raised_point(run, below), watch)
    except NotFiniteError as error:
        _keep(run, error.learnt)
        raise _not_finite(run, error) from None
    if program.guide.table and plan.finish:
        learnt = _settled(run, learnt)
    _keep(run, learnt)
    if run.latents and asked.guide == "laplace":
        run.params["globals.scale_tril"] = inverse_curvature(program.hessian(run.params))


def _poorer(run: Run, watch: Watch) -> Run | None:
    """Fit the poorer family that the guide's family contains, if it contains one."""
    below = poorer(run.guide, run.request.guide_options)
    if below is None:
        return None
    name, options = below
    asked = replace(run.request, guide=name, guide_options=options)
    found = Run(run.model, run.data, asked, run.starts, run.frozen)
    svi(found, watch)
    run.seconds["poorer"] = sum(found.seconds.values())
    return found


def raised_point(run: Run, below: Run) -> np.ndarray:
    """Return v at which the guide is the member of the poorer family that was fitted, and all else as it was there."""
    guide, options = run.program.guide, run.request.guide_options
    values = {p.name: p.value for p in guide.parameters} | below.params
    values |= raised(run.guide, options, below.params, guide.coordinates.size, run.seed)
    return run.program.coordinates.vector(values)


def _settled(run: Run, learnt: Learnt) -> Learnt:
    """Let every row's φ climb to its end, all else held."""
    began = time.perf_counter()
    values = run.program.values(learnt.state)
    found = settle(run.program, values, run.data, values[PHI], run.seed)
    status = learnt.status if found.arrived else f"not converged: {found}"
    state = replace(learnt.state, table=State.at(learnt.state.v, found.phi).table)
    phases = (*learnt.phases, Phase("rows", 0, str(found)))
    seconds = learnt.seconds | {"rows": time.perf_counter() - began}
    return replace(learnt, state=state, status=status, phases=phases, seconds=seconds)


def _keep(run: Run, learnt: Learnt) -> None:
    run.state, run.losses = run.program.settled(learnt.state), learnt.losses
    run.phases, run.status = learnt.phases, learnt.status
    run.seconds |= learnt.seconds
    run.params = run.program.values(learnt.state)


def _not_finite(run: Run, error: NotFiniteError) -> FitError:
    """Return the error of a loss that is not finite whatever the rate: what, where, and what may help."""
    step, batch_size = len(run.losses) + 1, run.request.batch_size
    batches = epochs(len(next(iter(run.data.values()))), batch_size, step, run.request.seed)
    site = run.program.blame(error.learnt.state, None if batches is None else batches[-1], run.request.seed)
    run.status = f"stopped: not finite at step {step}, site {site!r}"
    if step == 1:
        why = "before any step, so that no rate helps: the data do not suit the model, or its start does not suit them"
    else:
        why = f"at every rate down to {error.rate:.1g}; look at the data's scale, or try dtype='float64'"
    return FitError(
        f"{run.model.name}: the loss is not finite at step {step}, at site {site!r}, {why}", step, site, run
    )


def starting_point(run: Run, starts: Mapping[str, Start]) -> np.ndarray:
    """Return v at a start: the model's params there, the guide's initial ones, its location there."""
    program = run.program
    values = {p.name: p.value for p in program.guide.parameters}
    values |= {p.name: np.broadcast_to(starts[p.name].value, p.shape) for p in program.model_params}
    if run.latents:
        values["globals.loc"] = latent_point(run, starts)
    return program.coordinates.vector(values)


def latent_point(run: Run, starts: Mapping[str, Start]) -> np.ndarray:
    """Return the global latents' start in the guide's coordinates."""
    guide = run.program.guide
    return guide.coordinates.vector({s.name: np.broadcast_to(starts[s.name].value, s.shape) for s in guide.latents})


def inverse_curvature(hessian: np.ndarray) -> np.ndarray:
    """Return the Cholesky factor of a Hessian's inverse (d, d).

    Raises:
        UserError: the Hessian is not positive definite, so that the point is no maximum.
    """
    curvature = np.linalg.eigvalsh(np.asarray(hessian, dtype=np.float64))
    if not curvature[0] > 0:
        raise UserError(
            f"guide 'laplace': the point found is no maximum (smallest curvature {curvature[0]:.3g}); "
            "take more num_steps, or another guide"
        )
    return np.linalg.cholesky(np.linalg.inv(np.asarray(hessian, dtype=np.float64)))
