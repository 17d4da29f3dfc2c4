"""log q of given local latents in NumPyro: Newton's method finds the noise that leads to them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from zoo.backends.numpyro_bound import scoped
from zoo.backends.numpyro_program import Program
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

    def solve(held: Any, rows: Any, phi: Any, z: Any) -> Any:
        size = z.shape[1]

        def at(e: Any) -> tuple[Any, Any]:
            noise = jnp.pad(e, ((0, 0), (0, program.guide.rows.noise_size - size)))
            drawn, log_q = program.guide.rows.draw(held, phi, noise, program.batch(held, rows))
            return next(iter(drawn.values())).reshape(len(e), size), log_q

        def away(e: Any) -> Any:
            return jnp.linalg.norm(at(e)[0] - z, axis=-1)

        def column(e: Any, tangent: Any) -> Any:
            # Rows know nothing of each other: one tangent serves all of them.
            return jax.jvp(lambda e: at(e)[0], (e,), (jnp.broadcast_to(tangent, e.shape),))[1]

        def step(_: Any, e: Any) -> Any:
            jacobian = jax.vmap(partial(column, e), out_axes=-1)(jnp.eye(size, dtype=e.dtype))
            move = jnp.linalg.solve(jacobian, (z - at(e)[0])[..., None])[..., 0]
            tried = e + jnp.append(0.0, 0.5 ** jnp.arange(SHORTER))[:, None, None].astype(e.dtype) * move
            far = jax.vmap(away)(tried)
            best = jnp.where(jnp.isfinite(far), far, jnp.inf).argmin(0)
            return jnp.take_along_axis(tried, best[None, :, None], 0)[0]

        e = jax.lax.fori_loop(0, STEPS, step, jnp.zeros_like(z))
        return at(e)[1], away(e)

    flat = jnp.asarray(target.reshape(len(target), -1), program.dtype)
    given = (program.arrays(values), program.arrays(data), jnp.asarray(phi, program.dtype), flat)
    found, far = program.jit("log_q", solve)(*given)
    return np.asarray(found), np.asarray(far)
