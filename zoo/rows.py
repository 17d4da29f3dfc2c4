"""What a run says of single rows: their latents' posterior, codes, reconstructions, and φ of new rows."""

from __future__ import annotations

from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING

import numpy as np

from guides.local_layout import PHI
from zoo.bounds import evaluate
from zoo.errors import UserError
from zoo.posterior import BinaryPosterior, CodePosterior, DrawnPosterior, PathPosterior, Posterior
from zoo.settle import settle

if TYPE_CHECKING:
    from zoo.card import Site
    from zoo.fitted import Fitted
    from zoo.run import Run

Data = dict[str, np.ndarray]

FAR = {"float32": 1e-4, "float64": 1e-9}  # how near to a value, relative, the noise found for it must lead


def fit_phi(run: Fitted, data: Data, start: np.ndarray, seed: int = 0) -> np.ndarray:
    """Return the best φ of each row (n, size), climbed to from a start; see `settle`."""
    return settle(run.program, run.params, data, start, seed).phi


def prior_phi(run: Fitted, count: int) -> np.ndarray:
    """Return φ at the latents' start for that many rows (n, size): the prior, for the zoo's models."""
    return np.zeros((count, run.program.guide.rows.phi_size))


def some_rows(run: Fitted, index: np.ndarray) -> Data:
    """Return some of the training rows; their φ is the run's own, if it has numbers for each row."""
    data = {name: x[index] for name, x in run.data.items()}
    if run.program.guide.table is not None:
        run.fitted[_key(data)] = (data, run.params[PHI][index])
    return data


def _key(data: Data) -> tuple[tuple[str, int], ...]:
    return tuple((name, id(x)) for name, x in data.items())


def params_for(run: Fitted, data: Data, phi: np.ndarray | None) -> dict[str, np.ndarray]:
    """Return the params with φ of these rows: given, the training rows' own, or fitted."""
    if run.program.guide.table is None:
        return run.params
    if phi is None:
        key = _key(data)
        if all(data[name] is run.data[name] for name in data):
            return run.params
        if key not in run.fitted:
            # The arrays are kept beside what they led to, so that their identity stays theirs.
            start = prior_phi(run, len(next(iter(data.values()))))
            run.fitted[key] = (data, fit_phi(run, data, start, run.seed))
        phi = run.fitted[key][1]
    return {**run.params, PHI: phi}


def posterior(run: Run, data: Data) -> Posterior | BinaryPosterior | CodePosterior | DrawnPosterior:
    """Return the posterior of each row's local latent; see `Run.posterior`."""
    local = [s for s in run.model.card.active_sites(run.model.options) if s.kind == "latent" and s.local]
    if not local:
        raise UserError(f"model {run.model.name!r} has no local latents; its global ones are in run.draws")
    name, guide = local[0].name, run.program.guide
    params = run.params_for(data, None)
    if guide.rows is None and guide.paths:
        return _path_posterior(run, data, local[0])
    if guide.rows is None:
        return Posterior(name, run.program.row_probs(params, run.aligned(), data).mean(0))
    if local[0].discrete and not guide.rows.noise_size:
        codes = evaluate(run, 1, "posterior", 0, data=data, keep=True).local_values[name][0]
        return CodePosterior(name, codes, guide.rows.count)
    if not guide.rows.discrete:
        return DrawnPosterior(
            name, partial(_local_draws, run, data, local[0]), partial(_local_density, run, data, local[0])
        )
    logits = run.program.phi(params, data)[:, : guide.rows.phi_size]
    if guide.rows.enumerated:
        return Posterior(name, _softmax(np.pad(logits, ((0, 0), (1, 0)))))
    if guide.rows.path:
        probs = _softmax(np.pad(logits.reshape(len(logits), *guide.rows.path.shape, -1), ((0, 0), (0, 0), (1, 0))))
        return Posterior(name, np.where(smoothed(run, data, run.aligned(1))[0].sum(-1, keepdims=True) > 0, probs, 0.0))
    return BinaryPosterior(name, 1 / (1 + np.exp(-logits)))


def _path_posterior(run: Run, data: Data, site: Site) -> PathPosterior:
    """Return the posterior of each row's path over the draws of the global latents, labels aligned."""
    some = run.aligned()

    def ask(name: str, given: np.ndarray, which: np.ndarray) -> np.ndarray:
        chosen = {name: v[which] for name, v in some.items()}
        found: np.ndarray = run.program.on_paths(name, run.params, chosen, data, given)
        return found

    probs = smoothed(run, data, some)
    return PathPosterior(site.name, probs.mean(0), len(probs), ask)


def smoothed(run: Run, data: Data, draws: Data) -> np.ndarray:
    """Return the probability of each state at each step, given the data, at each draw of the globals (S, n, T, K).

    All 0 past a series' length.
    """
    count = len(next(iter(draws.values()))) if draws else 1
    found: np.ndarray = run.program.on_paths("marginals", run.params, draws, data, np.zeros((count, 1)))
    return found


def _labelled(run: Run, site: Site, values: np.ndarray, *, back: bool = False) -> np.ndarray:
    """Put a latent's exchangeable entries, such as shares of topics, into the order of `run.relabelled`, or back."""
    kind = run.model.card.exchangeable
    if kind not in site.shape or run.order is None:
        return values
    axis = site.shape.index(kind) - len(site.shape)
    return np.take(values, np.argsort(run.order) if back else run.order, axis)


def _local_draws(run: Run, data: Data, site: Site, n: int, seed: int | None) -> tuple[np.ndarray, np.ndarray]:
    """Draw the latent (n, rows, …) with log q of each draw (n, rows); no seed: at noise 0."""
    program = run.program
    shape = n, *program.noise_shape(len(next(iter(data.values()))))
    still = (np.zeros((n, program.guide.noise_size)), np.zeros(shape)) if seed is None else None
    found = evaluate(run, n, "posterior", seed or 0, data=data, noise=still, keep=True)
    return _labelled(run, site, found.local_values[site.name]), found.row_log_q


def _local_density(run: Run, data: Data, site: Site, value: np.ndarray) -> np.ndarray:
    """Return log q of the latent's value in each row (rows,).

    Raises:
        UserError: q has no density of this latent by itself, or none at this value.
    """
    guide, name, value = run.program.guide, site.name, _labelled(run, site, value, back=True)
    if run.request.local_guide == "delta":
        raise UserError(f"local_guide={run.request.local_guide!r} is a point and has no density; take 'mean_field'")
    if len(guide.rows.sites) > 1 or (run.latents and run.request.local in {"exact", "coordinate", "semi_amortized"}):
        raise UserError(f"q of {name!r} depends on other latents, and has no density by itself; compare draws instead")
    params = run.params_for(data, None)
    drawn = {name: d[0] for name, d in run.draws.items()} if run.latents else {}
    module = import_module(f"zoo.backends.{run.backend}_density")
    found, far = module.log_q(run.program, {**params, **drawn}, data, run.program.phi(params, data), value)
    reach = np.abs(value).reshape(len(value), -1).max(1, initial=1.0)
    off = np.flatnonzero(~(far <= FAR[run.request.dtype] * reach))
    if len(off):
        raise UserError(f"q of {name!r} has no density at row {off[0]}'s value: no noise of the guide leads to it")
    return np.asarray(found)


def reconstruct(run: Run, data: Data, num_draws: int = 50) -> np.ndarray:
    """Return the mean of x given each row's posterior of z; see `Run.reconstruct`."""
    program, name = run.program, next(iter(run.data))
    if program.guide.rows is None or program.guide.rows.enumerated or program.guide.rows.path:
        return _mixed(run, data, name)
    num_draws = num_draws if run.drawn else 1
    found = evaluate(run, num_draws, "reconstruct", run.seed, data=data, keep=True)
    count = len(data[name])
    means = program.forward(run.model_params, {**found.values, **found.local_values}, num_draws, count, 0, read="mean")
    return means[name].mean(0)


def _mixed(run: Run, data: Data, name: str) -> np.ndarray:
    """Return the mean of x over the values of a discrete latent and the draws of the global ones; NaN past a path."""
    said, some, guide = posterior(run, data), run.aligned(), run.program.guide
    assert isinstance(said, Posterior)
    if guide.rows:
        probs = said.probs[None]
    else:
        probs = smoothed(run, data, some) if guide.paths else run.program.row_probs(run.params, some, data)
    means = means_by_value(run, said.site, probs.shape[2:])[name]
    count = means.shape[1]
    probs = np.broadcast_to(probs, (count, *probs.shape[1:]))
    if probs.ndim == 3:
        return np.einsum("snk,ks...->n...", probs, means) / count
    mixed: np.ndarray = np.einsum("sntk,kst...->nt...", probs, means) / count
    return np.where(probs[0].sum(-1, keepdims=True) > 0, mixed, np.nan)


def means_by_value(run: Run, site: str, shape: tuple[int, ...]) -> Data:
    """Return the mean of every observed array at each value of a discrete latent, and at each aligned draw (K, S, …).

    Args:
        run: a fitted run.
        site: the latent.
        shape: (K,), or (T, K) of a path, whose states are then held from its first step to its last.
    """
    some = run.aligned()
    count = max((len(v) for v in some.values()), default=1)
    each = [
        run.program.forward(run.params, {**some, site: np.full((count, 1, *shape[:-1]), k)}, count, 1, 0, read="mean")
        for k in range(shape[-1])
    ]
    return {name: np.stack([one[name][:, 0] for one in each]) for name in run.observed}


def _softmax(logits: np.ndarray) -> np.ndarray:
    raised = np.exp(logits - logits.max(-1, keepdims=True))
    return raised / raised.sum(-1, keepdims=True)
