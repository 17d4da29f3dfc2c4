"""One judge for all arms and decoders: it scores any φ of any rows at any parameters, by draws common to all."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.amortization_arms import build
from benchmarks.amortization_cases import Case
from guides.families import generator
from zoo import bounds
from zoo.backends.state import Values
from zoo.catalogue import Data
from zoo.estimators import Estimate
from zoo.gaps.best import balanced, best_phi
from zoo.gaps.evidence import evidence
from zoo.gaps.measure import Rows, active_units, difference, draw, noise, summary, sums
from zoo.gaps.table import mean, share_above
from zoo.rows import prior_phi
from zoo.run import Run

CHOICE = 64  # balanced draws of a look while an arm learns
CODES = 256  # drawn from the prior, of which each row's best are starts of the fresh fit
STARTS = 3  # of them, no two nearer than APART, since a row's posterior may have several modes
APART = 0.7  # in the prior's sd
NARROW = 0.1  # sd, in the prior's, of the guides that try them


class Judge:
    """A program that is compiled once and scores φ on whatever parameters it holds.

    Its own guide is the constant one, and is never looked at: every call hands in φ.

    Args:
        case: model and rows.
        device: to compute on.
    """

    def __init__(self, case: Case, device: str = "cpu") -> None:
        words = {"local": "constant", "dtype": case.judge_dtype, "device": device, "restarts": 1}
        self.run, self.linear = build(case.model, case.train, words), case.closed is not None
        self.first = dict(self.run.params)

    def hold(self, params: Values) -> None:
        """Take a model's parameters."""
        own = {name: value for name, value in params.items() if not name.startswith("local.")}
        self.run.params = {**self.first, **own}

    def best(self, data: Data, more: list[np.ndarray], seed: int) -> np.ndarray:
        """Return φ of q* by row (n, size): from the prior, the best of some codes of the prior, and from `more`."""
        first = prior_phi(self.run, len(next(iter(data.values()))))
        # A linear Gaussian model's posterior has one peak, whatever the row.
        one = self.run.program.guide.rows.discrete or self.linear
        extra = [] if one else self._tried(data, first, seed)
        return best_phi(self.run, data, [first, *extra, *more], seed).phi

    def _tried(self, data: Data, first: np.ndarray, seed: int) -> list[np.ndarray]:
        """Return each row's best narrow guides at codes of the prior: the same starts for every decoder."""
        size = self.run.program.guide.rows.latent_size
        codes = generator(seed, "amortization: starts").standard_normal((CODES, size))
        drawn = balanced(generator(seed, "gaps: choice"), 4, len(first), self.run.program.noise_shape(1)[2])
        tried = [np.concatenate([np.broadcast_to(code, (len(first), size)), first[:, size:]], 1) for code in codes]
        for phi in tried:
            phi[:, size:] += np.log(NARROW)
        worth = np.stack([draw(self.run, data, phi, drawn).bounds.mean(0) for phi in tried])
        far = np.linalg.norm(codes[:, None] - codes, axis=-1) > APART
        kept = []
        for _ in range(STARTS):
            best = np.where(np.isfinite(worth), worth, -np.inf).argmax(0)
            kept.append(np.stack([tried[code][row] for row, code in enumerate(best)]))
            worth = np.where(far[:, best], worth, -np.inf)
        return kept

    def quick(self, data: Data, phi: np.ndarray, seed: int = 0) -> np.ndarray:
        """Return L(q) of each row by few draws, balanced so that a quadratic log density is integrated exactly."""
        width = self.run.program.noise_shape(1)[2]
        rng = generator(seed, "gaps: choice")
        drawn = np.zeros((2, len(phi), width)) if sums(self.run) else balanced(rng, CHOICE, len(phi), width)
        return np.asarray(draw(self.run, data, phi, drawn).bounds.mean(0, dtype=np.float64))

    def log_p(self, data: Data, phi: np.ndarray, seed: int, num: int) -> tuple[Estimate, bool]:
        """Return log p(x) of each row, and whether it is exact; else it is a lower bound."""
        found = evidence(self.run, [("mean_field", self.run, phi)], data, [slice(0, len(phi))], seed, num)
        return found.estimate, found.exact

    def measure(self, data: Data, own: np.ndarray, best: np.ndarray, seed: int, num: int) -> tuple[Rows, Rows, Any]:
        """Return what q_φ and q* say of the rows, and L(q*) − L(q_φ) with its error, by fresh draws common to both."""
        width = self.run.program.noise_shape(1)[2]
        drawn = noise({"q": width}, num, len(own), "amortization: fresh", seed)("q")
        first, second = draw(self.run, data, own, drawn), draw(self.run, data, best, drawn)
        return summary(self.run, first), summary(self.run, second), difference(self.run, second, first)


def total(run: Run, phi: np.ndarray, seed: int = 0) -> float:
    """Return the ELBO of a run with global latents, in nats of all rows; exact for quadratic log densities.

    By the run itself and not by a judge: the coordinates of global latents begin where the run began.

    Args:
        run: as it stands; its rows are those it learns from.
        phi: each row's numbers (n, size).
        seed: of the draws.
    """
    width, size = run.program.noise_shape(1)[2], run.program.guide.noise_size
    drawn = paired(CHOICE, len(phi), width, size, seed)
    found = bounds.evaluate(run, len(drawn[0]), "", 0, data=run.data, phi=phi, noise=drawn)
    return float(found.elbos.mean(dtype=np.float64))


def paired(count: int, rows: int, width: int, size: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return noise of one global number (S, size) and of the rows (S, 1, rows, width).

    Draws and their negatives, every row's made orthogonal to the global one's and of mean square 1: all moments of
    the pairs that a quadratic log density asks for are then exact.
    """
    half = count // 2
    rng = generator(seed, "amortization: pairs")
    first = rng.standard_normal((half, size))
    first /= np.sqrt((first**2).mean(0))
    each = rng.standard_normal((half, rows * width))
    if size == 1 and width == 1:
        each -= first * (first * each).mean(0)
    each /= np.sqrt((each**2).mean(0))
    local = each.reshape(half, 1, rows, width)
    return np.concatenate([first, -first]), np.concatenate([local, -local])


def record(found: tuple[Rows, Rows, Any], log_p: Estimate, *, exact: bool) -> dict[str, Any]:
    """Return means over rows with their Monte Carlo errors, in nats a row, as JSON holds them.

    Args:
        found: as `Judge.measure` returns it.
        log_p: of the first rows, as many as it has.
        exact: whether it is known; else it is a lower bound.
    """
    own, best, (gap, error) = found
    value = np.asarray(log_p.value)
    few = len(value)
    approximation = mean(value - best.elbo[:few], np.hypot(log_p.error, best.error[:few]))
    return {
        "rows": len(own.elbo),
        "elbo": mean(own.elbo, own.error),
        "best_elbo": mean(best.elbo, best.error),
        "amortization_gap": mean(gap, error),
        "log_p": mean(value, log_p.error),
        "log_p_rows": few,
        "log_p_exact": exact,
        "log_p_method": log_p.method,
        "approximation_gap": approximation,
        "bounds": {str(k): mean(own.bounds[k], own.bound_errors[k]) for k in sorted(own.bounds)},
        "best_bounds": {str(k): mean(best.bounds[k], best.bound_errors[k]) for k in sorted(best.bounds)},
        "k_hat_above": share_above(own.k_hat),
        "best_k_hat_above": share_above(best.k_hat),
        "active_units": active_units(own),
    }
