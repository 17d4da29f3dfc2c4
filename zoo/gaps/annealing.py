"""Annealed importance sampling of each row's evidence, log p(x), around any guide: a stochastic lower bound.

A guide turns standard normals ε into z(ε), so that with w(ε) = p(x, z) / q(z)

    p(x) = E_N(ε) w(ε),

and AIS runs from N(ε) to N(ε) w(ε), through f_β(ε) ∝ N(ε) w(ε)^β. Where ε ↦ z is one to one this is the usual path
q^(1−β) p^β (Neal 2001), in coordinates in which q is round. A step to the next β is followed by one Hamiltonian
transition, each row and temperature with a step size of its own. The sizes are tuned in a pilot run and then held,
as sizes that follow the chain would bias it. The weights' mean is an unbiased estimate of p(x), so that its log
lies below log p(x) in expectation.

References:
    1. Neal 2001, Annealed importance sampling.
    2. Wu, Burda, Salakhutdinov, Grosse 2017, On the quantitative analysis of decoder-based generative models: the
       sigmoid schedule of temperatures, and AIS as a lower bound of a decoder's likelihood.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

import numpy as np

from zoo import estimators
from zoo.backends.state import Values
from zoo.estimators import Estimate

if TYPE_CHECKING:
    from zoo.run import Run

CHAINS, TEMPERATURES, LEAPFROG = 16, 400, 5
STEEPNESS = 4.0  # [2]: δ of the schedule
FIRST_STEP = 0.3  # in units of q's own spread; the pilot run mends it


@dataclass(frozen=True)
class Pilot:
    """A tuning run: where its chains start, what it found (it takes part in a choice only), and its step sizes.

    Args:
        phi: of the guide that the chains start from (n, size).
        value: log p(x) of each row as the pilot has it (n,).
        steps: by temperature and row (T, n).
    """

    phi: np.ndarray
    value: np.ndarray
    steps: np.ndarray


def schedule(num: int = TEMPERATURES) -> np.ndarray:
    """Return inverse temperatures from 0 to 1, close together at both ends (num + 1,).

    >>> schedule(2).round(3).tolist()
    [0.0, 0.5, 1.0]
    """
    raw = 1 / (1 + np.exp(-STEEPNESS * np.linspace(-1, 1, num + 1)))
    return (raw - raw[0]) / (raw[-1] - raw[0])


def ais(
    run: Run,
    data: Values,
    phi: np.ndarray,
    steps: np.ndarray | None = None,
    *,
    seed: int = 0,
    num_chains: int = CHAINS,
    num_temperatures: int = TEMPERATURES,
    num_leapfrog: int = LEAPFROG,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return AIS log weights of rows at the run's model; see the top of this file.

    Args:
        run: with continuous local latents and no global ones.
        data: rows, arrays by name.
        phi: where the chains start, numbers of the run's local guide (n, size).
        steps: sizes from a pilot run (T, n); None tunes them, and the weights are then a pilot's.
        seed: of the draws; a main run takes another one than its pilot.
        num_chains: chains a row.
        num_temperatures: T.
        num_leapfrog: leapfrog steps of a transition.

    Returns:
        Log weights (chains, n) in nats, step sizes (T, n), acceptance rates (T, n).
    """
    start = np.full((num_temperatures, len(phi)), FIRST_STEP) if steps is None else steps
    module = import_module(f"zoo.backends.{run.backend}_ais")
    found: tuple[np.ndarray, np.ndarray, np.ndarray] = module.ais(
        run.program,
        run.params_for(data, phi),
        data,
        phi,
        schedule(len(start)),
        start,
        seed,
        num_chains=num_chains,
        num_leapfrog=num_leapfrog,
        tune=steps is None,
    )
    return found


def pilot(run: Run, data: Values, phi: np.ndarray, seed: int) -> Pilot:
    """Tune the step sizes of chains that start from q(z; φ)."""
    weights, steps, _ = ais(run, data, phi, seed=seed)
    return Pilot(phi, np.asarray(estimators.importance(finite(weights)).value), steps)


def annealed(run: Run, data: Values, tuned: Pilot, seed: int) -> Estimate:
    """Return a lower bound of log p(x) of each row, with its Monte Carlo error (n,), by a pilot's step sizes."""
    weights, steps, _ = ais(run, data, tuned.phi, tuned.steps, seed=seed)
    found = estimators.importance(finite(weights))
    words = f"{len(weights)} chains of {len(steps)} temperatures with HMC transitions: a lower bound"
    return Estimate(found.value, found.error, words)


def finite(weights: np.ndarray) -> np.ndarray:
    """Return log weights with −inf in the place of NaN: a chain that left the floats' range counts nothing."""
    return np.where(np.isnan(weights) | np.isposinf(weights), -np.inf, weights)
