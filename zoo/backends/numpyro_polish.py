"""The last steps to each row's best φ in NumPyro, by many balanced draws a step."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from guides.optim import rows_numpyro
from zoo.backends.numpyro_ais import log_weights
from zoo.backends.numpyro_bound import scoped
from zoo.backends.numpyro_program import Program
from zoo.backends.state import Values


def balanced(noise: jax.Array) -> jax.Array:
    """Return standard normals (M, B, d) and their negatives (2 M, B, d); their covariance made I where M > d.

    With the first two moments exact, so is the ELBO of a Gaussian guide on a quadratic log density.
    """
    count, _, size = noise.shape
    if count > size:
        second = jnp.einsum("mbi,mbj->bij", noise, noise) / count
        tril = jnp.linalg.cholesky(second)
        noise = jnp.moveaxis(jax.scipy.linalg.solve_triangular(tril, jnp.moveaxis(noise, 0, 2), lower=True), 2, 0)
    return jnp.concatenate([noise, -noise])


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

    def climb(held: Any, rows: Any, lines: Any, rates: Any, key: Any) -> Any:
        count = len(lines)

        def loss(phi: Any, noise: Any) -> Any:
            many = log_weights(program, held, rows, jnp.tile(phi, (2 * num_pairs, 1)))
            return -many(noise.reshape(2 * num_pairs * count, -1)).sum() / (2 * num_pairs)

        def step(lines: Any, inputs: Any) -> tuple[Any, None]:
            rate, i = inputs
            shape = (num_pairs, count, program.guide.rows.noise_size)
            noise = balanced(jax.random.normal(jax.random.fold_in(key, i), shape, lines.dtype))
            return rows_numpyro.step(lines, jax.grad(loss)(rows_numpyro.phi(lines), noise), rate), None

        return rows_numpyro.phi(jax.lax.scan(step, lines, (rates, jnp.arange(len(rates))))[0])

    many = {name: np.tile(x, (2 * num_pairs, *[1] * (x.ndim - 1))) for name, x in data.items()}
    lines = np.pad(phi, ((0, 0), (0, 2 * phi.shape[1] + 1)))
    arrays = [jnp.asarray(a, program.dtype) for a in (lines, rates)]
    given = (program.arrays(values), program.arrays(many), *arrays, jax.random.key(seed))
    return np.asarray(program.jit(f"polish {num_pairs}", climb)(*given))
