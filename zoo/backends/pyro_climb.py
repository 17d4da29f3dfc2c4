"""Steps to each row's best φ in Pyro, by balanced draws."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch

from guides.optim import rows_pyro
from zoo.backends.pyro_bound import Bound, reseed, scoped
from zoo.backends.state import Values


def balanced(noise: torch.Tensor, *, whiten: bool) -> torch.Tensor:
    """Return standard normals (M, B, d) and their negatives (2 M, B, d); their covariance made I if asked and M > d.

    With the first two moments exact, so is the ELBO of a Gaussian guide on a quadratic log density.
    """
    count, _, size = noise.shape
    if whiten and count > size > 0:
        second = torch.einsum("mbi,mbj->bij", noise, noise) / count
        tril = torch.linalg.cholesky(second)
        noise = torch.linalg.solve_triangular(tril, noise.permute(1, 2, 0), upper=False).permute(2, 0, 1)
    return torch.cat([noise, -noise])


class Climbing(Bound):
    """What climbs the rows' own ELBOs. Arguments: those of `Bound`."""

    @scoped
    def fit_rows(
        self,
        values: Values,
        data: Mapping[str, np.ndarray],
        phi: np.ndarray,
        rates: np.ndarray,
        seed: int,
        num_pairs: int = 1,
    ) -> np.ndarray:
        """Climb each row's own ELBO over its φ, everything else held, by balanced draws.

        Args:
            values: every param.
            data: the rows, arrays by name.
            phi: where to start (n, size).
            rates: learning rate of each step of Adam (T,).
            seed: of the draws.
            num_pairs: pairs of draws per row and step; all of them share one draw of the global latents.

        Returns:
            φ after the steps (n, size).
        """
        local, guide = self.guide.rows, self.guide
        many = {name: np.tile(x, (2 * num_pairs, *[1] * (x.ndim - 1))) for name, x in data.items()}
        held, kwargs = self.arrays(values), {**self.arrays(many), **self.options}
        lines = self.tensor(np.pad(phi, ((0, 0), (0, 2 * phi.shape[1] + 1))))
        count, size = len(phi), local.noise_size
        for i, rate in enumerate(rates):
            reseed(self.device, seed, i)
            at = rows_pyro.phi(lines).detach().requires_grad_()
            drawn, _ = guide.draw(held, torch.randn(guide.noise_size))
            half = torch.randn(num_pairs, count, size)
            own = balanced(half, whiten=not local.discrete).reshape(1, 2 * num_pairs * count, size)
            noise = torch.cat([own, torch.randn(local.inner_draws, *own.shape[1:])])
            there = at.repeat(2 * num_pairs, 1)
            loss = -guide.row_bounds({**held, **drawn}, (), kwargs, there, noise)[0].sum() / (2 * num_pairs)
            lines = rows_pyro.step(lines, torch.autograd.grad(loss, at)[0], float(rate))
        return rows_pyro.phi(lines).cpu().numpy()
