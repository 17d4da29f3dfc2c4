"""What a run says of single rows: their latents' posterior, codes, reconstructions, and φ of new rows."""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np

from guides.families import generator
from guides.local_layout import PHI
from zoo.bounds import evaluate
from zoo.errors import UserError
from zoo.posterior import BinaryPosterior, CodePosterior, DrawnPosterior, PathPosterior, Posterior
from zoo.schedule import cosine

if TYPE_CHECKING:
    from zoo.card import Site
    from zoo.fitted import Fitted
    from zoo.run import Run

Data = dict[str, np.ndarray]

# Each row climbs in rounds, each with a fresh cosine, and keeps the better of its old and its new φ.
LEAST = 0.01  # nats per row: a round that gained less, or less than 2 errors, was the row's last
# Rate and steps of a round of the first kind and of the last, and what is the least that it must gain; by single
# pairs of draws a row ends about 0.1 nats below its best.
FIRST, LAST = (0.2, 200, 10 * LEAST), (0.03, 50, LEAST)
MOST_ROUNDS, MOST_PAIRS = 15, 32  # rounds of a kind; pairs of draws per step of the last kind
JUDGES = 64  # draws, common to both, that say which of two φ is better
BLOCK = 1000  # rows that climb at once
FAR = {"float32": 1e-4, "float64": 1e-9}  # how near to a value, relative, the noise found for it must lead


@dataclass(frozen=True)
class Settled:
    """Where rows came to.

    Args:
        phi: the best φ of each row (n, size).
        rising: which rows still gained in the last round that they were given (n,).
        gain: what that round gained, in nats (n,); 0 for rows that no longer rise.
        error: its Monte Carlo standard error (n,).
    """

    phi: np.ndarray
    rising: np.ndarray
    gain: np.ndarray
    error: np.ndarray

    @property
    def arrived(self) -> bool:
        """Whether what was still gained is below 0.01 nats per row, or below 3 errors."""
        error = float(np.sqrt(np.sum(self.error**2))) / len(self.error)
        return float(self.gain.mean()) <= max(LEAST, 3 * error)

    def where(self, chosen: np.ndarray, other: Settled) -> Settled:
        """Return these rows where they are chosen (n,), and the other's elsewhere."""
        pairs = ((getattr(self, f.name), getattr(other, f.name)) for f in fields(self))
        return Settled(*(np.where(chosen if a.ndim == 1 else chosen[:, None], a, b) for a, b in pairs))

    def __str__(self) -> str:
        if self.arrived:
            return "every row's φ arrived"
        return f"φ of {self.rising.sum()} of {len(self.rising)} rows still rise, by {self.gain.mean():.2g} nats per row"


def settle(program: Any, params: Data, data: Data, start: np.ndarray, seed: int = 0) -> Settled:
    """Climb each row's own ELBO over its φ, everything else held, until the row no longer gains.

    First in rounds of 200 steps of Adam, each by a pair of draws; then in rounds of 50 smaller steps, each by more
    pairs of draws than the row has latent numbers, whose mean and covariance are exact. After each round a row keeps
    the better of its old and its new φ, by 64 draws common to both, fresh in each round. A row that gained less than
    0.01 nats (0.1 in the first rounds), or than 2 errors of it, takes no more rounds of that kind; each kind has 15
    at most.

    Args:
        program: a backend's program, whose guide has local latents with numbers of their own.
        params: every param; φ of other rows among them is not looked at.
        data: rows, arrays by name.
        start: φ to start from (n, size).
        seed: of the draws.

    Returns:
        The rows' φ, and which of them still rise.
    """
    held, count = {name: v for name, v in params.items() if name != PHI}, len(start)
    best, gain, error = np.array(start, program.dtype), np.zeros(count), np.zeros(count)
    rising = np.zeros(count, bool)
    if not start.shape[1]:
        return Settled(best, rising, gain, error)
    # Blocks of one length, so that all is compiled once.
    length = -(-count // -(-count // BLOCK))
    for (rate, steps, least), pairs in ((FIRST, 1), (LAST, _pairs(program))):
        rates = cosine(rate, steps)
        which = np.arange(count)
        for round_ in range(MOST_ROUNDS):
            rising[:], gain[:], error[:] = False, 0.0, 0.0
            for block in (which[first : first + length] for first in range(0, len(which), length)):
                padded = np.resize(block, length)
                found = _round(program, held, data, padded, best[padded], rates, pairs, seed + round_)
                best[block], gain[block], error[block] = (a[: len(block)] for a in found)
            rising[which] = gain[which] > np.maximum(least, 2 * error[which])
            which = np.flatnonzero(rising)
            if not len(which):
                break
    gain[~rising], error[~rising] = 0.0, 0.0
    return Settled(best, rising, gain, error)


def _pairs(program: Any) -> int:
    """Return how many pairs of draws a step of the last rounds takes: few if nothing, or little, is drawn."""
    rows = program.guide.rows
    summed = rows.enumerated or rows.path
    drawn = rows.continuous_noise if summed or not rows.discrete else rows.noise_size
    return int(min(drawn + 1, MOST_PAIRS))


def _round(
    program: Any, params: Data, data: Data, which: np.ndarray, phi: np.ndarray, rates: np.ndarray, pairs: int, seed: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Take one round from φ; return the better of old and new φ of each row, the gain (n,) and its error (n,)."""
    rows = {name: np.asarray(x)[which] for name, x in data.items()}
    moved = program.fit_rows(params, rows, phi, rates, seed, pairs)
    rng, (inner, count, size) = generator(seed, f"judge {len(rates)}"), program.noise_shape(len(phi))
    own = balanced(rng, JUDGES, count, size, whiten=not program.guide.rows.discrete)
    local = np.concatenate([own[:, None], rng.standard_normal((JUDGES, inner - 1, count, size))], 1)
    noise = rng.standard_normal((JUDGES, program.guide.noise_size)), local
    before, after = (program.evaluate(params, *noise, rows, p).bounds.astype(np.float64) for p in (phi, moved))
    with np.errstate(invalid="ignore"):
        each = after - before
    # A φ that is not finite somewhere is worth nothing.
    worthless, good = ~np.isfinite(before).all(0), np.isfinite(after).all(0)
    each[:, worthless | ~good] = 0.0
    halved = each.reshape(2, JUDGES // 2, -1).mean(0)
    gain, error = halved.mean(0), halved.std(0, ddof=1) / np.sqrt(len(halved))
    gain[worthless & good], gain[~good] = np.inf, -np.inf
    kept = gain > 0
    return np.where(kept[:, None], moved, phi), np.where(kept, gain, 0.0), np.where(kept, error, 0.0)


def balanced(rng: np.random.Generator, count: int, rows: int, size: int, *, whiten: bool = True) -> np.ndarray:
    """Return standard normals and their negatives (count, rows, size), of covariance I if there are enough.

    A choice by them is exact if the ELBO is that of a Gaussian on a quadratic log density.
    """
    half = rng.standard_normal((count // 2, rows, size))
    if whiten and len(half) > size > 0:
        tril = np.linalg.cholesky(np.einsum("mbi,mbj->bij", half, half) / len(half))
        half = np.asarray(np.linalg.solve(tril, half.transpose(1, 2, 0)).transpose(2, 0, 1), np.float64)
    return np.concatenate([half, -half])


def fit_phi(run: Fitted, data: Data, start: np.ndarray, seed: int = 0) -> np.ndarray:
    """Return the best φ of each row (n, size), climbed to from a start; see `settle`."""
    return settle(run.program, run.params, data, start, seed).phi


def prior_phi(run: Fitted, count: int) -> np.ndarray:
    """Return φ at the latents' start for that many rows (n, size): the prior, for the zoo's models."""
    return np.zeros((count, run.program.guide.rows.phi_size))


def some_rows(run: Fitted, index: np.ndarray) -> Data:
    """Return some of the training rows; their φ is the run's own, where it has numbers for each row."""
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
