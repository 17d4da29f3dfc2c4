"""Annealed importance sampling of each row's local latents in Pyro, by Hamiltonian transitions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any

import numpy as np
import torch

from zoo.backends.pyro_bound import reseed, scoped
from zoo.backends.pyro_program import Program
from zoo.backends.state import Values

ACCEPTANCE, GAIN = 0.65, 0.3  # the aim of the step sizes (Neal 2011, 4.4), and how fast they move while tuned


def log_weights(program: Program, held: Any, rows: Any, phi: torch.Tensor) -> Callable[[torch.Tensor], torch.Tensor]:
    """Return the function (noise (B, size)) -> log p(x, z) − log q(z; φ) of each row (B,), z drawn by that noise."""

    def function(noise: torch.Tensor) -> torch.Tensor:
        values, log_q = program.guide.rows.draw(held, phi, noise, program.batch(held, rows))
        return program.density(held, values, rows)[1] - log_q

    return function


@scoped
def ais(
    program: Program,
    values: Values,
    data: Mapping[str, np.ndarray],
    phi: np.ndarray,
    betas: np.ndarray,
    steps: np.ndarray,
    seed: int,
    *,
    num_chains: int,
    num_leapfrog: int,
    tune: bool,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Anneal from q(z; φ) to p(x, z), all rows and chains side by side; see `zoo.gaps.annealing`.

    Args:
        program: with continuous local latents and no global ones.
        values: every param.
        data: the rows, arrays by name.
        phi: where each row's chains start (n, size).
        betas: inverse temperatures, from 0 to 1 (T + 1,).
        steps: leapfrog step sizes at each temperature (T, n); only the first are used where they are tuned.
        seed: of the draws.
        num_chains: chains a row.
        num_leapfrog: leapfrog steps of a transition.
        tune: whether step sizes follow the acceptance rate.

    Returns:
        Log weights (chains, n); the step sizes used (T, n); acceptance rates (T, n).
    """
    # A chain is so many more rows: chain c of row i is row c n + i.
    many = {name: np.tile(x, (num_chains, *[1] * (x.ndim - 1))) for name, x in data.items()}
    held, lines = program.arrays(values), program.tensor(np.tile(phi, (num_chains, 1)))
    weigh = log_weights(program, held, program.arrays(many), lines)

    def slope(noise: torch.Tensor, beta: float) -> torch.Tensor:
        noise = noise.detach().requires_grad_()
        return torch.autograd.grad((beta * weigh(noise) - 0.5 * (noise**2).sum(-1)).sum(), noise)[0]

    def transition(noise: torch.Tensor, beta: float, step: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        start = torch.randn_like(noise)
        each = step.repeat(num_chains)[:, None]
        place, speed = noise, start + 0.5 * each * slope(noise, beta)
        for last in range(1 - num_leapfrog, 1):
            place = place + each * speed
            speed = speed + each * (1.0 if last else 0.5) * slope(place, beta)
        with torch.no_grad():
            energies = [0.5 * (p**2 + s**2).sum(-1) - beta * weigh(p) for p, s in ((noise, start), (place, speed))]
        ratio = torch.nan_to_num(torch.exp((energies[0] - energies[1]).clamp(max=0.0)))
        taken = torch.rand(len(ratio), dtype=ratio.dtype) < ratio
        return torch.where(taken[:, None], place, noise), ratio.reshape(num_chains, -1).mean(0)

    reseed(program.device, seed, 0)
    noise = torch.randn(len(lines), program.guide.rows.noise_size)
    total, given, used, rates = torch.zeros(len(lines)), program.tensor(steps), [], []
    step = given[0]
    for t, (before, beta) in enumerate(pairwise(betas.tolist())):
        with torch.no_grad():
            total = total + (beta - before) * weigh(noise)
        step = step if tune else given[t]
        noise, accepted = transition(noise, beta, step)
        used.append(step)
        rates.append(accepted)
        step = step * torch.exp(GAIN * (accepted - ACCEPTANCE))
    found = (total.reshape(num_chains, -1), torch.stack(used), torch.stack(rates))
    return tuple(a.cpu().numpy() for a in found)  # type: ignore[return-value]
