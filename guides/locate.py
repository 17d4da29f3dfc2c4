"""A start for a model that has none: a normal close to its posterior, found by L-BFGS and the ELBO.

L-BFGS maximises log p(x, z) in unconstrained coordinates, from several draws around u = 0. Every iterate defines a
normal: its mean is the iterate, and its diagonal covariance is estimated from the steps so far (reference 2). The
normal with the highest ELBO is kept (reference 1, with a diagonal covariance). If it has few dimensions, its ELBO is
then maximised on a fixed set of draws. The mode itself is no good start: the density of a hierarchical model grows
without bound as its scale goes to 0, where there is no posterior mass.

NumPy only, and the random numbers are NumPy's: both backends get the same start if their densities are the same.

References:
    1. L. Zhang, B. Carpenter, A. Gelman, A. Vehtari, Pathfinder: parallel quasi-Newton variational inference, JMLR 23
       (2022).
    2. J. C. Gilbert, C. Lemaréchal, Some numerical experiments with variable-storage quasi-Newton algorithms,
       Mathematical Programming 45 (1989): the update of the diagonal.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from guides.errors import GuideError
from guides.families import generator
from guides.layout import Layout
from guides.lbfgs import Objective, minimise
from guides.sites import TracedSite, row_axis
from guides.start import Start

RADII = (0.1, 2.0, 2.0, 2.0)  # half widths of the uniform draws that the paths start from; Stan's is 2
TRIES = 100  # draws per path until one has a finite density
MOST_STEPS, MEMORY = 200, 10  # iterations of L-BFGS per path, and pairs of steps and gradients that it keeps
STEEPNESS = 1e-3  # gradient at which a path ends
COMPARED, DRAWS = 25, 8  # iterates per path whose ELBO is estimated, and draws per estimate
FEW, FIXED_DRAWS, FIXED_STEPS = 300, 16, 60  # with at most so many numbers, the ELBO is maximised on fixed draws
PROBES, PROBE = 10, 0.1  # with more: pairs of gradients that measure the Hessian's diagonal, and their distance in sds
COARSEST = 0.1  # spacing of floating-point numbers that is too coarse, in posterior sds
MOST_COMBINATIONS = 1000  # of discrete local latents, which the density sums over


@dataclass(frozen=True)
class Located:
    """A normal with a diagonal covariance, close to a posterior.

    Args:
        centre, sd: in unconstrained coordinates (size,).
        elbo: its estimated ELBO, in nats.
    """

    centre: np.ndarray
    sd: np.ndarray
    elbo: float


def locate(objective: Objective, size: int, rng: np.random.Generator) -> Located | None:
    """Return a normal close to the posterior; None if the density is finite at no draw around u = 0.

    Args:
        objective: u (size,) -> −log p(x, z(u)) |dz/du| in nats and its gradient.
        size: the dimension of u.
        rng: draws the paths' starts and the noise of the ELBO's estimates.
    """
    noise = rng.standard_normal((DRAWS, size))
    starts = [_finite(objective, size, radius, rng) for radius in RADII]
    found = [_best(objective, _path(objective, u), noise) for u in starts if u is not None]
    if not found:
        return None
    best = max(found, key=lambda normal: normal.elbo)
    return _maximised(objective, best, rng) if size <= FEW else _measured(objective, best, rng)


def _finite(objective: Objective, size: int, radius: float, rng: np.random.Generator) -> np.ndarray | None:
    for _ in range(TRIES):
        u = rng.uniform(-radius, radius, size)
        loss, gradient = objective(u)
        if np.isfinite(loss) and np.isfinite(gradient).all():
            return u
    return None


def _path(objective: Objective, start: np.ndarray, steps: int = MOST_STEPS) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return the iterates of L-BFGS, each with the diagonal of the inverse Hessian that the steps so far suggest."""
    gradients = [objective(start)[1]]
    path = [(start, np.ones(start.size))]

    def note(u: np.ndarray, gradient: np.ndarray) -> None:
        before, variance = path[-1]
        path.append((u, variances(variance, u - before, gradient - gradients[-1])))
        gradients.append(gradient)

    minimise(objective, start, note, steps=steps, memory=MEMORY, gradient_tolerance=STEEPNESS)
    return path


def variances(before: np.ndarray, step: np.ndarray, change: np.ndarray) -> np.ndarray:
    """Update the diagonal of an inverse Hessian after a step (size,), by the formula of reference 2.

    Args:
        before: the diagonal so far (size,).
        step: change of the point (size,).
        change: change of the gradient (size,).

    >>> variances(np.ones(1), np.array([2.0]), np.array([8.0]))
    array([0.25])
    """
    along = float(change @ step)
    if not along > np.finfo(float).eps * float(change @ change):
        return before  # no positive curvature along the step
    a, c = float(change @ (before * change)), float(step @ (step / before))
    precision = a / (along * before) + change**2 / along - a * step**2 / (along * c * before**2)
    usable = np.isfinite(precision) & (precision > 0)
    return np.where(usable, 1 / np.where(usable, precision, 1.0), before)


def _best(objective: Objective, path: Sequence[tuple[np.ndarray, np.ndarray]], noise: np.ndarray) -> Located:
    compared = np.unique(np.linspace(0, len(path) - 1, COMPARED).round().astype(int))
    normals = [(path[i][0], np.sqrt(path[i][1])) for i in compared]
    return max((Located(u, sd, _elbo(objective, u, sd, noise)) for u, sd in normals), key=lambda normal: normal.elbo)


def _elbo(objective: Objective, centre: np.ndarray, sd: np.ndarray, noise: np.ndarray) -> float:
    losses = np.array([objective(centre + sd * e)[0] for e in noise])
    entropy = np.log(sd).sum() + 0.5 * sd.size * (1 + np.log(2 * np.pi))
    return float(entropy - losses.mean()) if np.isfinite(losses).all() else -np.inf


def _maximised(objective: Objective, found: Located, rng: np.random.Generator) -> Located:
    """Maximise the ELBO of independent normals on fixed draws; keep the result if it is better on other draws too."""
    noise, other = (rng.standard_normal((FIXED_DRAWS, found.centre.size)) for _ in range(2))
    # Mean 0 and variance 1 in every coordinate, as the normal has: the answer is then exact for independent normals.
    noise = (noise - noise.mean(0)) / noise.std(0)

    def loss(w: np.ndarray) -> tuple[float, np.ndarray]:
        move, log_scale = np.split(w, 2)
        scale = np.exp(log_scale)
        each = [objective(found.centre + found.sd * (move + scale * e)) for e in noise]
        losses, slopes = np.array([one[0] for one in each]), found.sd * np.array([one[1] for one in each])
        slope = np.concatenate([slopes.mean(0), scale * (noise * slopes).mean(0) - 1])
        return float(losses.mean() - log_scale.sum()), slope

    move, log_scale = np.split(_path(loss, np.zeros(2 * found.centre.size), FIXED_STEPS)[-1][0], 2)
    centre, sd = found.centre + found.sd * move, found.sd * np.exp(log_scale)
    before, after = _elbo(objective, found.centre, found.sd, other), _elbo(objective, centre, sd, other)
    return Located(centre, sd, after) if after > before else replace(found, elbo=before)


def _measured(objective: Objective, found: Located, rng: np.random.Generator) -> Located:
    """Take the sds from the Hessian's diagonal where it is positive: Hutchinson's estimate with random signs.

    It is exact for independent coordinates.
    """
    total = np.zeros(found.centre.size)
    for _ in range(PROBES):
        signs = rng.choice([-1.0, 1.0], found.centre.size)
        ahead, behind = (objective(found.centre + side * found.sd * signs)[1] for side in (PROBE, -PROBE))
        total += signs * (ahead - behind) * found.sd / (2 * PROBE)
    curvature = total / PROBES  # in units of the sd so far
    usable = np.isfinite(curvature) & (curvature > 0)
    return replace(found, sd=found.sd * np.where(usable, curvature, 1.0) ** -0.5)


def continuous(sites: Sequence[TracedSite], data_plate: str) -> tuple[TracedSite, ...]:
    """Return the continuous latents; none if the discrete ones cannot be summed over or have too many combinations."""
    latents = [s for s in sites if s.kind == "latent"]
    combinations = 1
    for site in latents:
        if site.discrete and not site.chain:
            if site.cardinality is None or not site.inside(data_plate) or len(site.shape) != 1:
                return ()
            combinations *= site.cardinality
    return () if combinations > MOST_COMBINATIONS else tuple(s for s in latents if not s.discrete)


def row_scale(sites: Sequence[TracedSite], data_plate: str, shape: Sequence[int]) -> float:
    """Return the ratio of the plate's size to the number of rows that the model was called with.

    Args:
        sites: the model's sites.
        data_plate: name of the plate over rows.
        shape: of the rows' log densities: (rows,), or () for a model without that plate.
    """
    size = next((p.size for s in sites for p in s.plates if p.name == data_plate), None)
    return size / shape[0] if size and shape else 1.0


def starts(
    objective: Objective,
    layout: Layout,
    values: Callable[[np.ndarray], Mapping[str, np.ndarray]],
    data_plate: str,
    seed: int,
    eps: float,
) -> dict[str, Start]:
    """Return a start for each latent, by name; a latent inside the data plate starts at the mean over its rows.

    Args:
        objective: as of `locate`.
        layout: of the latents in u.
        values: maps u (size,) to constrained values by name.
        data_plate: name of the plate over rows.
        seed: of the random numbers.
        eps: machine epsilon of the precision in which is learnt; 0 to accept any.

    Returns:
        Starts, none if the density is finite at no draw around u = 0.

    Raises:
        GuideError: this precision is too coarse for the posterior.
    """
    found = locate(objective, layout.size, generator(seed, "locate"))
    if found is None:
        return {}
    centre, sd = found.centre.copy(), found.sd.copy()
    for block in layout.blocks:
        site, place = block.site, block.slice
        if site.inside(data_plate):
            axis, shape = row_axis(site, data_plate), block.shape
            u, within = centre[place].reshape(shape), sd[place].reshape(shape)
            spread = np.sqrt(u.var(axis, keepdims=True) + (within**2).mean(axis, keepdims=True))
            centre[place] = np.broadcast_to(u.mean(axis, keepdims=True), shape).ravel()
            sd[place] = np.broadcast_to(spread, shape).ravel()
        coarse = eps * np.abs(centre[place]) > COARSEST * sd[place]
        if coarse.any():
            worst = int(np.argmax(coarse))
            raise GuideError(
                f"the posterior of site {site.name!r} lies at {centre[place][worst]:.3g} with sd "
                f"{sd[place][worst]:.1g} in unconstrained coordinates, where single precision is too coarse: subtract "
                "an offset from the data, or use double precision"
            )
    at, out = values(centre), {}
    for block in layout.blocks:
        value, spread = np.asarray(at[block.site.name], np.float64), sd[block.slice].reshape(block.shape)
        if block.site.inside(data_plate):
            axis = row_axis(block.site, data_plate)
            value, spread = np.asarray(value.take(0, axis)), np.asarray(spread.take(0, axis))
        out[block.site.name] = Start(value, spread)
    return out
