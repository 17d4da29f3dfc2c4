"""Steps to each row's best φ in NumPyro, by balanced draws."""

from __future__ import annotations

from collections.abc import Mapping

import jax
import jax.numpy as jnp
import numpy as np

from guides.optim import rows_numpyro
from zoo.backends.numpyro_bound import Arrays, Bound, scoped
from zoo.backends.state import Values


def balanced(noise: jax.Array, *, whiten: bool) -> jax.Array:
    """Return standard normals (M, B, d) and their negatives (2 M, B, d); their covariance made I if asked and M > d.

    With the first two moments exact, so is the ELBO of a Gaussian guide on a quadratic log density.
    """
    count, _, size = noise.shape
    if whiten and count > size > 0:
        second = jnp.einsum("mbi,mbj->bij", noise, noise) / count
        tril = jnp.linalg.cholesky(second)
        noise = jnp.moveaxis(jax.scipy.linalg.solve_triangular(tril, jnp.moveaxis(noise, 0, 2), lower=True), 2, 0)
    return jnp.concatenate([noise, -noise])


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

        def steps(held: Arrays, rows: Arrays, lines: jax.Array, rates: jax.Array, key: jax.Array) -> jax.Array:
            count, size, kwargs = len(lines), local.noise_size, {**rows, **self.options}

            def loss(phi: jax.Array, key: jax.Array) -> jax.Array:
                keys = jax.random.split(key, 3)
                drawn, _ = guide.draw(held, jax.random.normal(keys[0], (guide.noise_size,), phi.dtype))
                half = jax.random.normal(keys[1], (num_pairs, count, size), phi.dtype)
                own = balanced(half, whiten=not local.discrete).reshape(1, 2 * num_pairs * count, size)
                inner = jax.random.normal(keys[2], (local.inner_draws, *own.shape[1:]), phi.dtype)
                many, noise = jnp.tile(phi, (2 * num_pairs, 1)), jnp.concatenate([own, inner])
                return -guide.row_bounds({**held, **drawn}, (), kwargs, many, noise)[0].sum() / (2 * num_pairs)

            def step(lines: jax.Array, inputs: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, None]:
                rate, i = inputs
                gradient = jax.grad(loss)(rows_numpyro.phi(lines), jax.random.fold_in(key, i))
                return rows_numpyro.step(lines, gradient, rate), None

            return rows_numpyro.phi(jax.lax.scan(step, lines, (rates, jnp.arange(len(rates))))[0])

        many = {name: np.tile(x, (2 * num_pairs, *[1] * (x.ndim - 1))) for name, x in data.items()}
        lines = np.pad(phi, ((0, 0), (0, 2 * phi.shape[1] + 1)))
        arrays = [jnp.asarray(a, self.dtype) for a in (lines, rates)]
        given = (self.arrays(values), self.arrays(many), *arrays, jax.random.key(seed))
        return np.asarray(self.jit(f"fit_rows {num_pairs}", steps)(*given))
