"""The digits VAE by hand in JAX, by NumPyro's own SVI in a scan, and by the zoo on NumPyro; see overhead_pyro.py."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
from jax.example_libraries import optimizers
from numpyro.infer import SVI, Trace_ELBO

import zoo
from benchmarks.overhead import FLOOR, HIDDEN, LATENT, RATE, initial, zoo_weights
from zoo.backends.numpyro_program import Program
from zoo.backends.state import State

Run = Callable[[], float]
Params = dict[str, jax.Array]


def encoder(p: Params, x: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Return the location and scale of q(z | x)."""
    out = jax.nn.relu(x @ p["e0w"].T + p["e0b"]) @ p["e1w"].T + p["e1b"]
    return out[:, :LATENT], jnp.exp(out[:, LATENT:])


def decoder(p: Params, z: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Return the mean and sd of p(x | z)."""
    out = jax.nn.relu(z @ p["d0w"].T + p["d0b"]) @ p["d1w"].T + p["d1b"]
    mean, raw = jnp.split(out, 2, -1)
    return mean, jnp.sqrt(FLOOR**2 + jax.nn.softplus(raw) ** 2)


def by_hand(x: np.ndarray, batches: np.ndarray, device: str) -> Run:
    """Plain JAX: value_and_grad and JAX's own Adam in one compiled scan."""
    place = jax.devices(device)[0]
    data, at = (jax.device_put(jnp.asarray(a), place) for a in (x.astype("float32"), batches))
    p = {k: jax.device_put(jnp.asarray(v, "float32"), place) for k, v in initial().items()}
    begin, update, params = optimizers.adam(RATE)

    def loss(p: Params, key: jax.Array, batch: jax.Array) -> jax.Array:
        loc, scale = encoder(p, batch)
        noise = jax.random.normal(key, loc.shape)
        z = loc + scale * noise
        mean, sd = decoder(p, z)
        log_p = -0.5 * (((batch - mean) / sd) ** 2 + jnp.log(2 * jnp.pi)).sum() - jnp.log(sd).sum()
        kl = (-0.5 * noise**2 - jnp.log(scale) + 0.5 * z**2).sum()
        return (kl - log_p) * (len(data) / len(batch))

    def step(carry: Any, rows: jax.Array) -> tuple[Any, jax.Array]:
        state, key, count = carry
        key, now = jax.random.split(key)
        value, gradient = jax.value_and_grad(loss)(params(state), now, data[rows])
        return (update(count, gradient, state), key, count + 1), value

    scan = jax.jit(lambda carry: jax.lax.scan(step, carry, at))
    held = [(begin(p), jax.random.key(0), 0)]

    def run() -> float:
        held[0], losses = scan(held[0])
        return float(losses[-1])

    return run


def stock(x: np.ndarray, batches: np.ndarray, device: str) -> Run:
    """NumPyro: a guide by hand, `SVI.update` in a compiled scan."""
    place = jax.devices(device)[0]
    data, at = (jax.device_put(jnp.asarray(a), place) for a in (x.astype("float32"), batches))
    start = {k: jnp.asarray(v, "float32") for k, v in initial().items()}

    def model(batch: jax.Array) -> None:
        p = {k: numpyro.param(k, start[k]) for k in ("d0w", "d0b", "d1w", "d1b")}
        with numpyro.plate("data", len(data), subsample_size=len(batch)):
            z = numpyro.sample("z", dist.Normal(jnp.zeros(LATENT), 1.0).to_event(1))
            numpyro.sample("x", dist.Normal(*decoder(p, z)).to_event(1), obs=batch)

    def guide(batch: jax.Array) -> None:
        p = {k: numpyro.param(k, start[k]) for k in ("e0w", "e0b", "e1w", "e1b")}
        with numpyro.plate("data", len(data), subsample_size=len(batch)):
            numpyro.sample("z", dist.Normal(*encoder(p, batch)).to_event(1))

    svi = SVI(model, guide, numpyro.optim.Adam(RATE), Trace_ELBO())
    held = [svi.init(jax.random.key(0), data[at[0]])]
    scan = jax.jit(lambda state: jax.lax.scan(lambda s, rows: svi.update(s, data[rows]), state, at))

    def run() -> float:
        held[0], losses = scan(held[0])
        return float(losses[-1])

    return run


def ours(x: np.ndarray, batches: np.ndarray, device: str) -> Run:
    """The zoo's step on NumPyro."""
    program, state = started(x, "amortized", device)
    held = [state]

    def run() -> float:
        held[0], losses, _ = program.learn(held[0], np.full(len(batches), RATE), batches, 0)
        return float(losses[-1])

    return run


def started(x: np.ndarray, local: str, device: str) -> tuple[Program, State]:
    """Return the digits VAE with that treatment, and its state at the common weights, in a fit's coordinates."""
    few = {"x": x[:2_000]}
    model = zoo.model("vae", latent=LATENT, hidden=HIDDEN, floor=FLOOR).bind(few)
    how: dict[str, Any] = {
        "local": local,
        "local_options": {"width": HIDDEN} if local == "amortized" else {},
        "encoder": model.card.encoder,
        "starts": model.start(few, np.random.default_rng(0)),
    }
    program = Program(model.numpyro, {"x": x}, model.options, how, device=device)
    v = program.coordinates.vector({name: zoo_weights()[name] for name in program.coordinates.names})
    table = program.guide.table
    return program, State.at(v, None if table is None else np.zeros(table.shape, np.float32))


ARMS: dict[str, Callable[..., Run]] = {
    "JAX, scanned": by_hand,
    "NumPyro SVI, scanned": stock,
    "zoo on NumPyro": ours,
}
