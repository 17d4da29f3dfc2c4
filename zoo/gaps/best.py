"""q*: the best member of an arm's family, row by row."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING

import numpy as np

from guides.families import family, generator
from guides.local_layout import PHI
from zoo.backends.state import Values
from zoo.gaps.measure import draw
from zoo.rows import fit_phi, prior_phi
from zoo.schedule import cosine

if TYPE_CHECKING:
    from zoo.run import Run

RATE, STEPS, PAIRS = 0.03, 400, 16  # of the last steps, each with at least so many pairs of balanced draws
JUDGES = 1000  # draws that choose between candidates; what is chosen is reported on others
TINY = 1e-30  # the least probability whose log is taken


def current_phi(run: Run, data: Values, rows: np.ndarray | None, seed: int) -> np.ndarray:
    """Return the arm's own φ of rows (n, size).

    A guide with a table of φ has the training rows' own; those of new rows are fitted. A semi-amortized guide's
    refinement takes draws, so that its φ is one outcome of them.

    Args:
        run: with local latents that have numbers of their own.
        data: the rows, arrays by name.
        rows: their places in the training data; None for new rows.
        seed: of the refinement's draws.
    """
    if run.program.guide.table is not None:
        own = run.params[PHI][rows] if rows is not None else run.params_for(data, None)[PHI]
        return np.asarray(own)
    return np.asarray(run.program.phi(run.params, data, seed))


def is_exact(run: Run) -> bool:
    """Whether q* is the posterior itself: one discrete latent, with a probability for each of its values."""
    guide = run.program.guide.rows
    return bool(guide.enumerated and not guide.continuous and len(guide.discrete) == 1)


def best_phi(run: Run, data: Values, starts: Sequence[np.ndarray], seed: int) -> np.ndarray:
    """Return the φ of each row that makes its ELBO largest (n, size), what rows share being held.

    From every start `fit_phi` climbs, and each row keeps the best of where these led, by 1,000 draws that are the same
    for all. From there the last steps follow, by balanced draws, and are kept where they gain by the 1,000.

    Args:
        run: an arm.
        data: rows, arrays by name.
        starts: φ of the prior, and what the encoders put out, each (n, size).
        seed: of the draws.
    """
    guide = run.program.guide.rows
    if guide.phi_size == 0:
        return starts[0]
    if is_exact(run):
        probs = run.program.row_probs(run.params_for(data, starts[0]), {}, data)[0]
        log_probs = np.log(np.maximum(probs, TINY))
        return np.asarray(log_probs[:, 1:] - log_probs[:, :1])
    drawn = balanced(JUDGES, len(starts[0]), run.program.noise_shape(1)[2], seed)
    best, worth = starts[0], np.full(len(starts[0]), -np.inf)

    def keep(phi: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        after = _worth(run, data, phi, drawn)
        return np.where((after > worth)[:, None], phi, best), np.maximum(after, worth)

    for start in starts:
        best, worth = keep(fit_phi(run, data, start, seed))
    if not guide.discrete:
        best, worth = keep(_polished(run, data, best, seed))
    return best


def starts_of(runs: Sequence[Run], phis: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Return where q* of one family is looked for: the prior, and what each arm of that family found."""
    return [prior_phi(runs[0], len(phis[0])), *phis]


def shares(run: Run) -> bool:
    """Whether rows share numbers of the family, such as a flow's weights, so that its q* is that arm's alone."""
    guide = run.program.guide.rows
    return bool(guide.phi_size and guide.shared)


def has_elbo(run: Run) -> bool:
    """Whether the arm's local guide is a density."""
    name = run.request.local_guide
    return name is None or family(name).elbo


def _polished(run: Run, data: Values, phi: np.ndarray, seed: int) -> np.ndarray:
    module = import_module(f"zoo.backends.{run.backend}_polish")
    params = run.params_for(data, phi)
    # Only more pairs than latents balance all of their covariances.
    pairs = max(PAIRS, 2 * run.program.noise_shape(1)[2])
    found: np.ndarray = module.polish(run.program, params, data, phi, cosine(RATE, STEPS), seed, num_pairs=pairs)
    return np.where(np.isfinite(found).all(1)[:, None], found, phi)


def _worth(run: Run, data: Values, phi: np.ndarray, drawn: np.ndarray) -> np.ndarray:
    found = draw(run, data, phi, drawn).bounds.mean(0, dtype=np.float64)
    return np.where(np.isfinite(found), found, -np.inf)


def balanced(count: int, rows: int, size: int, seed: int) -> np.ndarray:
    """Return standard normals and their negatives (count, rows, size), of covariance I where there are enough.

    A choice by them is exact where the ELBO is that of a Gaussian on a quadratic log density.
    """
    half = generator(seed, "gaps: choice").standard_normal((count // 2, rows, size))
    if len(half) > size:
        tril = np.linalg.cholesky(np.einsum("mbi,mbj->bij", half, half) / len(half))
        half = np.asarray(np.linalg.solve(tril, half.transpose(1, 2, 0)).transpose(2, 0, 1), np.float64)
    return np.concatenate([half, -half])
