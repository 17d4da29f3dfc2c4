"""The arms of scaling.py in NumPyro."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
from numpyro.infer import SVI, Trace_ELBO

from benchmarks.overhead import RATE, initial
from benchmarks.overhead_numpyro import decoder, started
from benchmarks.scaling import BATCH, LATENT
from guides.optim import rows_numpyro
from zoo.schedule import epochs

Made = tuple[Callable[[], Any], int]


def ours(local: str) -> Callable[[np.ndarray, int, str], Made]:
    """The zoo's step with that treatment."""

    def make(x: np.ndarray, steps: int, device: str) -> Made:
        program, state = started(x, local, device)
        batches, held = epochs(len(x), BATCH, steps, 0), [state]

        def run() -> None:
            held[0], losses, _ = program.learn(held[0], np.full(steps, RATE), batches, 0)
            assert np.isfinite(losses).all()

        return run, program.coordinates.size + (program.guide.table.size if program.guide.table else 0)

    return make


def table(x: np.ndarray, steps: int, device: str) -> Made:
    """The update of the table alone, in a compiled scan: gather a batch's lines, row-wise Adam, scatter."""
    place = jax.devices(device)[0]
    held = [jax.device_put(jnp.zeros((len(x), 3 * 2 * LATENT + 1), "float32"), place)]
    batches = jax.device_put(jnp.asarray(epochs(len(x), BATCH, steps, 0)), place)
    gradient = jax.device_put(jnp.ones((BATCH, 2 * LATENT), "float32"), place)

    def step(lines: jax.Array, at: jax.Array) -> tuple[jax.Array, None]:
        moved = rows_numpyro.step(rows_numpyro.gather(lines, at), gradient, RATE)
        return rows_numpyro.scatter(lines, at, moved), None

    scan = jax.jit(lambda lines, batches: jax.lax.scan(step, lines, batches)[0], donate_argnums=0)

    def run() -> None:
        held[0] = scan(held[0], batches)
        held[0].block_until_ready()

    return run, 2 * LATENT * len(x)


def stock(x: np.ndarray, steps: int, device: str) -> Made:
    """NumPyro's SVI over the whole table, in a compiled scan."""
    data = jax.device_put(x, jax.devices(device)[0])
    m, start = len(x), {k: jnp.asarray(v, "float32") for k, v in initial().items() if k[0] == "d"}

    def model(x: jax.Array) -> None:
        p = {k: numpyro.param(k, v) for k, v in start.items()}
        with numpyro.plate("data", m, subsample_size=BATCH) as rows:
            z = numpyro.sample("z", dist.Normal(jnp.zeros(LATENT), 1.0).to_event(1))
            numpyro.sample("x", dist.Normal(*decoder(p, z)).to_event(1), obs=x[rows])

    def guide(x: jax.Array) -> None:
        loc = numpyro.param("loc", jnp.zeros((m, LATENT)))
        scale = numpyro.param("scale", jnp.ones((m, LATENT)), constraint=dist.constraints.positive)
        with numpyro.plate("data", m, subsample_size=BATCH) as rows:
            numpyro.sample("z", dist.Normal(loc[rows], scale[rows]).to_event(1))

    svi = SVI(model, guide, numpyro.optim.Adam(1e-3), Trace_ELBO())
    held = [svi.init(jax.random.key(0), data)]
    scan = jax.jit(lambda state, x: jax.lax.scan(lambda s, _: svi.update(s, x), state, length=steps))

    def run() -> None:
        held[0], losses = scan(held[0], data)
        losses.block_until_ready()

    return run, sum(int(np.size(v)) for v in svi.get_params(held[0]).values())
