"""log q of given local latents in Pyro: Newton's method finds the noise that leads to them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch

from zoo.backends.pyro_bound import scoped
from zoo.backends.pyro_program import Program
from zoo.backends.state import Values

STEPS, SHORTER = 40, 8  # a step is shortened up to 2⁷ times, where the whole one leads further away


@scoped
def log_q(
    program: Program, values: Values, data: Mapping[str, np.ndarray], phi: np.ndarray, target: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return log q of the local latent at a value for each row (n,), and how far from it the noise found leads (n,).

    One step suffices where the family is affine in its noise. A family with more noise than latents has its density
    by the latents, so that any noise that leads there serves: the rest of it stays 0.

    Args:
        program: with one continuous local latent.
        values: every param, and a draw of each global latent.
        data: the rows, arrays by name.
        phi: of each row (n, size).
        target: the latent's values, rows first (n, …).
    """
    held, rows, numbers = program.arrays(values), program.arrays(data), program.tensor(phi)
    z = program.tensor(target.reshape(len(target), -1))
    size = z.shape[1]

    def at(e: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        noise = torch.nn.functional.pad(e, (0, program.guide.rows.noise_size - size))
        drawn, log_q = program.guide.rows.draw(held, numbers, noise, program.batch(held, rows))
        return next(iter(drawn.values())).reshape(len(e), size), log_q

    def away(e: torch.Tensor) -> torch.Tensor:
        return torch.linalg.vector_norm(at(e)[0] - z, dim=-1)

    def step(e: torch.Tensor) -> torch.Tensor:
        with torch.enable_grad():
            value = at(e.requires_grad_())[0]
            # Rows know nothing of each other: the sum's gradient holds each row's.
            each = [torch.autograd.grad(value[:, j].sum(), e, retain_graph=True)[0] for j in range(size)]
        move = torch.linalg.solve(torch.stack(each, -2), (z - value)[..., None])[..., 0]
        tried = torch.stack([e, *(e + 0.5**k * move for k in range(SHORTER))])
        far = torch.stack([away(t) for t in tried])
        best = torch.where(torch.isfinite(far), far, torch.inf).argmin(0)
        return torch.take_along_dim(tried, best[None, :, None], 0)[0]

    e = torch.zeros_like(z)
    with torch.no_grad():
        for _ in range(STEPS):
            moved = step(e.detach())
            if torch.equal(moved, e):
                break
            e = moved
        return at(e)[1].cpu().numpy(), away(e).cpu().numpy()
