"""Where a posterior lies, if its model says no start: a normal on the way of L-BFGS to the mode, by its ELBO.

From some draws around the middle of the supports, L-BFGS climbs log p(x, z) in unconstrained coordinates. Each point on
the way has a normal there, with the diagonal curvature that the steps so far have seen (reference 1, whose curvature is
not diagonal). The one with the highest ELBO is climbed to the top of the ELBO at draws that are held, if its numbers
are few. The mode itself would not do: a hierarchical model's density rises without bound as its scale goes
to 0, where there is no mass.

NumPy only, with noise from NumPy: both backends start from the same numbers, as far as their densities are the same.

References:
    1. L. Zhang, B. Carpenter, A. Gelman, A. Vehtari, Pathfinder: parallel quasi-Newton variational inference, JMLR 23
       (2022).
    2. J. C. Gilbert, C. Lemaréchal, Some numerical experiments with variable-storage quasi-Newton algorithms,
       Mathematical Programming 45 (1989): the diagonal's update.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from guides.errors import GuideError
from guides.families import generator
from guides.layout import Layout
from guides.sites import TracedSite, row_axis
from guides.start import Start

Objective = Callable[[np.ndarray], tuple[float, np.ndarray]]  # u (size,) -> -log p(x, z(u)) |dz/du| and its gradient

RADII = (0.1, 2.0, 2.0, 2.0)  # of the uniform draws from which paths start; 2 is what Stan draws from
TRIES = 100  # draws until one has a finite density
MOST_STEPS = 200  # of L-BFGS on a path
LOOKED = 25  # points of a path at most whose normals are compared
DRAWS = 8  # of each normal
WALL = 1e10  # nats above the highest point, where the density is not finite
CLIMBED, HELD, CLIMBING_STEPS = 300, 16, 60  # numbers at most, draws and steps of the last climb
PROBES, PROBED = 10, 0.1  # pairs of gradients that measure the curvature of more numbers, and how many sds away
RESOLVED = 0.1  # of an sd: steps between neighbouring numbers that are coarser cannot describe a posterior
MOST_COMBINATIONS = 1000  # of discrete local latents, over which the density sums


@dataclass(frozen=True)
class Located:
    """A normal with a diagonal covariance where a posterior lies.

    Args:
        centre, sd: in unconstrained coordinates (size,).
        elbo: of this normal, nats; by few draws.
    """

    centre: np.ndarray
    sd: np.ndarray
    elbo: float


def locate(objective: Objective, size: int, rng: np.random.Generator) -> Located | None:
    """Return a normal near the posterior; None if no draw around the middle has a finite density.

    Args:
        objective: what is minimised, in nats.
        size: how many numbers u has.
        rng: draws the starts of the paths, and the noise by which normals are compared.
    """
    noise = rng.standard_normal((DRAWS, size))
    found: list[Located] = []
    for radius in RADII:
        start = _finite(objective, size, radius, rng)
        if start is not None:
            found.append(_best(objective, _path(objective, start), noise))
    if not found:
        return None
    best = max(found, key=lambda one: one.elbo)
    return _measured(objective, best, rng) if size > CLIMBED else _climbed(objective, best, rng)


def _finite(objective: Objective, size: int, radius: float, rng: np.random.Generator) -> np.ndarray | None:
    for _ in range(TRIES):
        u = rng.uniform(-radius, radius, size)
        loss, gradient = objective(u)
        if np.isfinite(loss) and np.isfinite(gradient).all():
            return u
    return None


def _path(objective: Objective, start: np.ndarray, steps: int = MOST_STEPS) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return the points that L-BFGS comes to, each with the variances that the way there has shown (size,)."""
    from scipy.optimize import minimize
    from threadpoolctl import threadpool_limits

    first, gradient = objective(start)
    wall, last = first + WALL, [(start, gradient)]
    path, seen = [(start, np.ones(start.size))], {start.tobytes(): gradient}

    def walled(u: np.ndarray) -> tuple[float, np.ndarray]:
        loss, slope = objective(u)
        if not (np.isfinite(loss) and np.isfinite(slope).all()):
            return wall, np.zeros_like(u)
        seen[u.tobytes()] = slope
        return loss, slope

    def note(u: np.ndarray) -> None:
        slope = seen.get(u.tobytes())
        slope = objective(u)[1] if slope is None else slope
        seen.clear()
        before, sloped = last[0]
        path.append((u.copy(), variances(path[-1][1], u - before, slope - sloped)))
        last[0] = u.copy(), slope

    options = {"maxiter": steps, "maxcor": 10, "gtol": 1e-3, "ftol": 1e-12}
    with threadpool_limits(1, user_api="blas"):
        minimize(walled, start, jac=True, method="L-BFGS-B", callback=note, options=options)
    return path


def variances(before: np.ndarray, step: np.ndarray, change: np.ndarray) -> np.ndarray:
    """Return the diagonal of an inverse Hessian after one more step (size,), by the formula of reference 2.

    Args:
        before: the diagonal so far (size,).
        step, change: of the point, and of the gradient there (size,).

    >>> variances(np.ones(1), np.array([2.0]), np.array([8.0]))
    array([0.25])
    """
    along = float(change @ step)
    if not along > np.finfo(float).eps * float(change @ change):
        return before  # no curvature along the step
    a, c = float(change @ (before * change)), float(step @ (step / before))
    precision = a / (along * before) + change**2 / along - a * step**2 / (along * c * before**2)
    usable = np.isfinite(precision) & (precision > 0)
    return np.where(usable, 1 / np.where(usable, precision, 1.0), before)


def _best(objective: Objective, path: Sequence[tuple[np.ndarray, np.ndarray]], noise: np.ndarray) -> Located:
    looked = np.unique(np.linspace(0, len(path) - 1, LOOKED).round().astype(int))
    normals = [(path[i][0], np.sqrt(path[i][1])) for i in looked]
    return max((Located(u, sd, _elbo(objective, u, sd, noise)) for u, sd in normals), key=lambda one: one.elbo)


def _elbo(objective: Objective, centre: np.ndarray, sd: np.ndarray, noise: np.ndarray) -> float:
    losses = np.array([objective(centre + sd * e)[0] for e in noise])
    entropy = np.log(sd).sum() + 0.5 * sd.size * (1 + np.log(2 * np.pi))
    return float(entropy - losses.mean()) if np.isfinite(losses).all() else -np.inf


def _climbed(objective: Objective, found: Located, rng: np.random.Generator) -> Located:
    """Climb the ELBO of independent normals at held draws; keep the end if other draws find it higher too."""
    noise, other = (rng.standard_normal((HELD, found.centre.size)) for _ in range(2))
    # Each entry's draws have mean 0 and variance 1 as the normal has, so that a normal posterior is found exactly.
    noise = (noise - noise.mean(0)) / noise.std(0)

    def loss(w: np.ndarray) -> tuple[float, np.ndarray]:
        move, log_scale = np.split(w, 2)
        scale = np.exp(log_scale)
        each = [objective(found.centre + found.sd * (move + scale * e)) for e in noise]
        losses, slopes = np.array([one[0] for one in each]), found.sd * np.array([one[1] for one in each])
        slope = np.concatenate([slopes.mean(0), scale * (noise * slopes).mean(0) - 1])
        return float(losses.mean() - log_scale.sum()), slope

    end = _path(loss, np.zeros(2 * found.centre.size), CLIMBING_STEPS)[-1][0]
    move, log_scale = np.split(end, 2)
    centre, sd = found.centre + found.sd * move, found.sd * np.exp(log_scale)
    before, after = _elbo(objective, found.centre, found.sd, other), _elbo(objective, centre, sd, other)
    return Located(centre, sd, after) if after > before else replace(found, elbo=before)


def _measured(objective: Objective, found: Located, rng: np.random.Generator) -> Located:
    """Return the normal with the Hessian's own diagonal, as far as it is positive: Hutchinson's estimate by signs.

    It is exact for independent numbers, whatever their number.
    """
    total = np.zeros(found.centre.size)
    for _ in range(PROBES):
        signs = rng.choice([-1.0, 1.0], found.centre.size)
        ahead, behind = (objective(found.centre + side * found.sd * signs)[1] for side in (PROBED, -PROBED))
        total += signs * (ahead - behind) * found.sd / (2 * PROBED)
    curvature = total / PROBES  # in units of the sd so far
    usable = np.isfinite(curvature) & (curvature > 0)
    return replace(found, sd=found.sd * np.where(usable, curvature, 1.0) ** -0.5)


def continuous(sites: Sequence[TracedSite], data_plate: str) -> tuple[TracedSite, ...]:
    """Return the latents that are looked for: all continuous ones; none if the discrete ones cannot be summed out."""
    latents = [s for s in sites if s.kind == "latent"]
    combinations = 1
    for site in latents:
        if site.discrete and not site.chain:
            if site.cardinality is None or not site.inside(data_plate) or len(site.shape) != 1:
                return ()
            combinations *= site.cardinality
    return () if combinations > MOST_COMBINATIONS else tuple(s for s in latents if not s.discrete)


def row_scale(sites: Sequence[TracedSite], data_plate: str, shape: Sequence[int]) -> float:
    """Return for how many rows of the plate each row stands that the model was called with.

    Args:
        sites: the model's.
        data_plate: name of the plate over rows.
        shape: of the rows' log densities: (rows,), or () of a model without that plate.
    """
    size = next((p.size for s in sites for p in s.plates if p.name == data_plate), None)
    return size / shape[0] if size and shape else 1.0


def starts(
    layout: Layout,
    found: Located,
    data_plate: str,
    values: Callable[[np.ndarray], Mapping[str, np.ndarray]],
    eps: float,
) -> dict[str, Start]:
    """Return the start of each latent; one inside the data plate starts at the mean over its rows.

    Args:
        layout: of the latents in u.
        found: where they are.
        data_plate: name of the plate over rows.
        values: maps u (size,) to constrained values by name.
        eps: relative distance of neighbouring numbers in the precision of learning.

    Raises:
        GuideError: numbers of this precision are too coarse to describe the posterior.
    """
    centre, sd = found.centre.copy(), found.sd.copy()
    for block in layout.blocks:
        site, place = block.site, block.slice
        if site.inside(data_plate):
            axis, shape = row_axis(site, data_plate), block.shape
            u, within = centre[place].reshape(shape), sd[place].reshape(shape)
            middle = u.mean(axis, keepdims=True)
            spread = np.sqrt(u.var(axis, keepdims=True) + (within**2).mean(axis, keepdims=True))
            centre[place] = np.broadcast_to(middle, shape).ravel()
            sd[place] = np.broadcast_to(spread, shape).ravel()
        coarse = eps * np.abs(centre[place]) > RESOLVED * sd[place]
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


def seeded(seed: int) -> np.random.Generator:
    """Return what draws the paths' starts."""
    return generator(seed, "locate")
