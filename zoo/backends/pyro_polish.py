"""The last steps to each row's best φ in Pyro, by many balanced draws a step."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch

from guides.optim import rows_pyro
from zoo.backends.pyro_ais import log_weights
from zoo.backends.pyro_bound import reseed, scoped
from zoo.backends.pyro_program import Program
from zoo.backends.state import Values


def balanced(noise: torch.Tensor) -> torch.Tensor:
    """Return standard normals (M, B, d) and their negatives (2 M, B, d); their covariance made I where M > d.

    With the first two moments exact, so is the ELBO of a Gaussian guide on a quadratic log density.
    """
    count, _, size = noise.shape
    if count > size:
        second = torch.einsum("mbi,mbj->bij", noise, noise) / count
        tril = torch.linalg.cholesky(second)
        noise = torch.linalg.solve_triangular(tril, noise.permute(1, 2, 0), upper=False).permute(2, 0, 1)
    return torch.cat([noise, -noise])


@scoped
def polish(
    program: Program,
    values: Values,
    data: Mapping[str, np.ndarray],
    phi: np.ndarray,
    rates: np.ndarray,
    seed: int,
    *,
    num_pairs: int,
) -> np.ndarray:
    """Climb each row's own ELBO over its φ, everything else held, by balanced draws.

    Args:
        program: with continuous local latents and no global ones.
        values: every param.
        data: the rows, arrays by name.
        phi: where to start (n, size).
        rates: learning rate of each step (T,).
        seed: of the draws.
        num_pairs: pairs of draws a step.

    Returns:
        φ after the steps (n, size).
    """
    many = {name: np.tile(x, (2 * num_pairs, *[1] * (x.ndim - 1))) for name, x in data.items()}
    held, rows = program.arrays(values), program.arrays(many)
    lines = program.tensor(np.pad(phi, ((0, 0), (0, 2 * phi.shape[1] + 1))))
    for i, rate in enumerate(rates):
        reseed(program.device, seed, i)
        at = rows_pyro.phi(lines).detach().requires_grad_()
        noise = balanced(torch.randn(num_pairs, len(at), program.guide.rows.noise_size))
        weigh = log_weights(program, held, rows, at.repeat(2 * num_pairs, 1))
        loss = -weigh(noise.reshape(len(at) * 2 * num_pairs, -1)).sum() / (2 * num_pairs)
        lines = rows_pyro.step(lines, torch.autograd.grad(loss, at)[0], float(rate))
    return rows_pyro.phi(lines).cpu().numpy()
