"""Annealed importance sampling of each row's local latents in NumPyro, by Hamiltonian transitions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from zoo.backends.numpyro_bound import scoped
from zoo.backends.numpyro_program import Program
from zoo.backends.state import Values

ACCEPTANCE, GAIN = 0.65, 0.3  # the aim of the step sizes (Neal 2011, 4.4), and how fast they move while tuned


def log_weights(program: Program, held: Any, rows: Any, phi: jax.Array) -> Callable[[jax.Array], jax.Array]:
    """Return the function (noise (B, size)) -> log p(x, z) − log q(z; φ) of each row (B,), z drawn by that noise."""

    def function(noise: jax.Array) -> jax.Array:
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

    def run(held: Any, rows: Any, phi: Any, betas: Any, steps: Any, key: Any) -> Any:
        weigh = log_weights(program, held, rows, phi)
        many, size = len(phi), program.guide.rows.noise_size

        def transition(noise: Any, beta: Any, step: Any, key: Any) -> tuple[Any, Any]:
            slope = jax.grad(lambda e: (beta * weigh(e) - 0.5 * (e**2).sum(-1)).sum())
            inside = jax.random.split(key)
            start = jax.random.normal(inside[0], (many, size), noise.dtype)
            each = jnp.tile(step, num_chains)[:, None]

            def leap(_: Any, state: Any) -> Any:
                place, speed = state
                place = place + each * speed
                return place, speed + each * slope(place)

            speed = start + 0.5 * each * slope(noise)
            place, speed = jax.lax.fori_loop(0, num_leapfrog - 1, leap, (noise, speed))
            place = place + each * speed
            speed = speed + 0.5 * each * slope(place)
            energies = [0.5 * (p**2 + s**2).sum(-1) - beta * weigh(p) for p, s in ((noise, start), (place, speed))]
            ratio = jnp.exp(jnp.minimum(energies[0] - energies[1], 0.0))
            ratio = jnp.where(jnp.isfinite(ratio), ratio, 0.0)
            taken = jax.random.uniform(inside[1], (many,)) < ratio
            return jnp.where(taken[:, None], place, noise), ratio.reshape(num_chains, -1).mean(0)

        def anneal(carry: Any, inputs: Any) -> tuple[Any, Any]:
            noise, total, step, key = carry
            before, beta, given = inputs
            key, inside = jax.random.split(key)
            total = total + (beta - before) * weigh(noise)
            step = step if tune else given
            noise, accepted = transition(noise, beta, step, inside)
            after = step * jnp.exp(GAIN * (accepted - ACCEPTANCE))
            return (noise, total, after, key), (step, accepted)

        key, first = jax.random.split(key)
        noise = jax.random.normal(first, (many, size), steps.dtype)
        carry = (noise, jnp.zeros(many, steps.dtype), steps[0], key)
        (_, total, *_), (used, accepted) = jax.lax.scan(anneal, carry, (betas[:-1], betas[1:], steps))
        return total.reshape(num_chains, -1), used, accepted

    # A chain is so many more rows: chain c of row i is row c n + i.
    many = {name: np.tile(x, (num_chains, *[1] * (x.ndim - 1))) for name, x in data.items()}
    arrays = [jnp.asarray(a, program.dtype) for a in (np.tile(phi, (num_chains, 1)), betas, steps)]
    given = (program.arrays(values), program.arrays(many), *arrays, jax.random.key(seed))
    total, used, accepted = program.jit(f"ais {num_chains} {num_leapfrog} {tune}", run)(*given)
    return np.asarray(total), np.asarray(used), np.asarray(accepted)
