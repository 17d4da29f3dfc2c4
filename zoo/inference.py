"""Fit a model: check what was asked, learn by SVI or draw by NUTS, and leave a Run."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from guides.families import generator
from guides.guide import GUIDE_PARAMS
from zoo import backends
from zoo.backends.state import State, Values
from zoo.catalogue import Model, column_names, load_data
from zoo.checks import check_precision
from zoo.errors import FitError, UserError, unknown
from zoo.own import Named, resolved
from zoo.progress import Progress
from zoo.request import Request
from zoo.run import Run
from zoo.svi import latent_point, starting_point, svi


def fit(
    model: Named,
    *,
    data: Any = None,
    guide: str | None = None,
    local: str | Mapping[str, str] | None = None,
    local_guide: str | None = None,
    method: str = "svi",
    backend: str = "numpyro",
    num_steps: int | str | None = None,
    finish: bool | None = None,
    batch_size: int | None = None,
    learning_rate: float | None = None,
    optimizer: str = "adam",
    num_particles: int | None = None,
    restarts: int | None = None,
    num_chains: int | None = None,
    num_warmup: int | None = None,
    num_draws: int = 1000,
    held_out: float | None = None,
    seed: int = 0,
    device: str = "cpu",
    dtype: str = "float32",
    guide_options: Mapping[str, Any] | None = None,
    local_options: Mapping[str, Any] | None = None,
    out: str | Path | None = None,
    progress: bool = False,
    **options: Any,
) -> Run:
    """Fit a model of the zoo, or your own.

    Args:
        model: a name, or what `zoo.model` returned; or your own, what `zoo.own` returned or takes: a function of
            `backend`, or {"pyro": f, "numpyro": g}.
        data: None for the card's first data set; a data set's name, a CSV or npz file, a mapping of arrays.
        guide: family of the global latents. Default "mean_field".
        local: treatment of the local latents, or a dict by site. Default: the card's.
        local_guide: family of the local latents. Default "mean_field"; discrete ones have one, "categorical".
        method: "svi", or "nuts" for the reference.
        backend: "pyro" or "numpyro".
        num_steps: steps of SVI. Default "auto": rounds of steps, until the ELBO no longer rises beyond its error.
        finish: whether an ELBO without noise is finished by a second-order method after SVI. Default: with "auto" it
            is, and after a fixed number of steps it is not.
        batch_size: rows per step. Default: the card's; if it says none, all rows up to 2,000, and 1,000 of more.
        learning_rate: of the first step; it falls to 0 along a cosine, and is halved if the loss is not finite.
            Default: the card's.
        optimizer: "adam".
        num_particles: draws per step. Default 1.
        restarts: starts that are tried before the best goes on. Default: the card's.
        num_chains, num_warmup: of NUTS. Default 4 and 500.
        num_draws: draws kept: from the guide, or a chain of NUTS.
        held_out: share of the rows that are kept back, drawn by the seed; `run.new_rows()` says how they fare.
        seed: of everything random; the same seed gives the same run.
        device: "cpu" or "cuda".
        dtype: "float32" or "float64".
        guide_options: options of the family of the global latents, such as {"rank": 2}.
        local_options: options of the local treatment and of the local latents' family, such as {"depth": 2}.
        out: folder to save the run in; it must not exist.
        progress: show a progress bar.
        **options: the model's options, such as K=3.

    Returns:
        The run.

    Raises:
        UserError: something asked for is wrong, said in one line, before anything is traced or written.
        FitError: the loss is not finite, whatever the rate; its `.run` holds the last good state.

    >>> run = fit("height")
    >>> round(float(run.params["loc"]), 3), run.status
    (1.683, 'converged')
    """
    chosen = resolved(model, data, backend, options)
    asked = Request(
        guide=guide,
        local=local,
        local_guide=local_guide,
        method=method,
        backend=backend,
        num_steps=num_steps,
        finish=finish,
        batch_size=batch_size,
        learning_rate=learning_rate,
        optimizer=optimizer,
        num_particles=num_particles,
        restarts=restarts,
        num_chains=num_chains,
        num_warmup=num_warmup,
        num_draws=num_draws,
        held_out=held_out,
        seed=seed,
        device=device,
        dtype=dtype,
        guide_options=dict(guide_options or {}),
        local_options=dict(local_options or {}),
    )
    rows, held = asked.split(load_data(chosen, data))
    bound = chosen.bind(rows, column_names(chosen, data), held)
    return run_request(bound, rows, asked, held_out=held, out=out, progress=progress)


def run_request(
    model: Model,
    data: Values,
    asked: Request,
    *,
    frozen: Values | None = None,
    held_out: Values | None = None,
    out: str | Path | None = None,
    progress: bool = False,
) -> Run:
    """Carry out a request on a bound model.

    Args:
        frozen: parameters of the model that are held.
        held_out: rows that are not learnt from, arrays by name.
    """
    asked = asked.checked(model, data, frozen or {})
    check_precision(model.card, data, asked.dtype)
    if out is not None and Path(out).exists():
        raise UserError(f"output folder {str(out)!r} exists; name one that does not")
    backends.get(asked.backend).check_device(asked.device)
    starts = model.start(data, generator(asked.seed, "start 0"))
    run = Run(model, data, asked, starts, frozen or {}, held_out)
    began = time.perf_counter()
    run.program  # noqa: B018 built here, so that a guide that cannot serve the model says so first
    run.seconds["build"] = time.perf_counter() - began
    try:
        with Progress(f"{model.name} {asked.backend}", shown=progress) as bar:
            _nuts(run, bar) if asked.method == "nuts" else svi(run, bar.update)
    except FitError as error:
        if out is None or run.state is None:
            raise
        kept = f"{error}. The last good state is in {str(run.save(out))!r}"
        raise FitError(kept, error.step, error.site, run) from None
    if out is not None:
        run.save(out)
    return run


def _nuts(run: Run, bar: Progress) -> None:
    asked = run.request
    rng = generator(asked.seed, "chains")
    places = (run.model.start(run.data, generator(asked.seed, f"start {i}")) for i in range(asked.num_chains or 0))
    starts = np.stack([latent_point(run, place) for place in places])
    starts = starts + 0.5 * rng.standard_normal(starts.shape)
    run.params = run.program.values(State.at(starting_point(run, run.starts)))
    run.params = {name: v for name, v in run.params.items() if not name.startswith(GUIDE_PARAMS)}
    began = time.perf_counter()
    watch = bar.update_chains if bar.visible else None
    chains = run.program.nuts(run.params, starts, asked.num_warmup, asked.num_draws, asked.seed, watch)
    run.seconds |= {"draw": time.perf_counter() - began}
    bad = next((name for name, values in chains.draws.items() if not np.isfinite(values).all()), None)
    if bad:
        run.status = f"stopped: draws of {bad!r} are not finite"
        raise FitError(f"{run.model.name}: NUTS left draws of site {bad!r} that are not finite", 0, bad, run)
    run.chains = chains


def refit(run: Run, **words: Any) -> Run:
    """Fit another guide, or NUTS, on a run's frozen model; see `Run.refit`.

    Raises:
        UserError: a word that `zoo.fit` does not have, or the model has nothing left to infer.
    """
    known = {**Request().words(), "out": None, "progress": None}
    for name in words:
        if name not in known:
            raise unknown("option", name, known, "refit")
    if not run.latents and words.get("method", "svi") == "svi" and set(words) <= {"guide", "method", "progress"}:
        raise UserError(
            f"model {run.model.name!r} has no global latents, so there is no guide to refit; "
            "give local=… or read run.posterior()"
        )
    if words.get("held_out") is not None:
        raise UserError("a refit holds out the rows that its run held out; fit the model anew with held_out=…")
    before = run.request
    changed = {n: v for n, v in words.items() if n not in {"out", "progress"}}
    asked = Request(
        **{
            "backend": before.backend,
            "seed": before.seed,
            "device": before.device,
            "dtype": before.dtype,
            "local": before.local,
            "num_draws": before.num_draws,
            **changed,
            "held_out": before.held_out,
        }
    )
    return run_request(
        run.model,
        run.data,
        asked,
        frozen=run.model_params,
        held_out=run.held_out,
        out=words.get("out"),
        progress=bool(words.get("progress")),
    )
