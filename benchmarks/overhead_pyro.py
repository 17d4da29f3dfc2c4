"""The digits VAE by hand in PyTorch, by Pyro's own SVI, and by the zoo on Pyro: one step's cost is what differs.

Each arm is `make(x, batches, device) -> run`, and `run()` takes one step for each batch and returns the last loss.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pyro
import torch
from pyro.infer import SVI, Trace_ELBO
from pyro.optim import Adam

import zoo
from benchmarks.overhead import FLOOR, HIDDEN, LATENT, RATE, initial, zoo_weights
from zoo.backends.pyro_program import Program
from zoo.backends.state import State

Run = Callable[[], float]


def encoder(p: dict[str, torch.Tensor], x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the location and scale of q(z | x)."""
    h = torch.relu(torch.nn.functional.linear(x, p["e0w"], p["e0b"]))
    out = torch.nn.functional.linear(h, p["e1w"], p["e1b"])
    return out[:, :LATENT], torch.exp(out[:, LATENT:])


def decoder(p: dict[str, torch.Tensor], z: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the mean and sd of p(x | z)."""
    h = torch.relu(torch.nn.functional.linear(z, p["d0w"], p["d0b"]))
    out = torch.nn.functional.linear(h, p["d1w"], p["d1b"])
    mean, raw = out.chunk(2, -1)
    return mean, torch.sqrt(FLOOR**2 + torch.nn.functional.softplus(raw) ** 2)


def by_hand(x: np.ndarray, batches: np.ndarray, device: str, *, fused: bool) -> Run:
    """Plain torch: autograd and torch's Adam."""
    data, at = torch.tensor(x, dtype=torch.float32, device=device), torch.tensor(batches, device=device)
    p = {k: torch.tensor(v, dtype=torch.float32, device=device).requires_grad_() for k, v in initial().items()}
    optimizer = torch.optim.Adam(p.values(), lr=RATE, fused=fused)
    log_2pi = float(np.log(2 * np.pi))

    def run() -> float:
        for rows in at:
            batch = data[rows]
            loc, scale = encoder(p, batch)
            noise = torch.randn_like(loc)
            z = loc + scale * noise
            mean, sd = decoder(p, z)
            log_p = -0.5 * (((batch - mean) / sd) ** 2 + log_2pi).sum() - torch.log(sd).sum()
            kl = (-0.5 * noise**2 - torch.log(scale) + 0.5 * z**2).sum()
            loss = (kl - log_p) * (len(data) / len(rows))
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
        return float(loss)

    return run


def stock(x: np.ndarray, batches: np.ndarray, device: str) -> Run:
    """Pyro as its tutorials write it: `pyro.param`, a guide by hand, `SVI` with `Trace_ELBO`; validation off."""
    data, at = torch.tensor(x, dtype=torch.float32, device=device), torch.tensor(batches, device=device)
    start = {k: torch.tensor(v, dtype=torch.float32, device=device) for k, v in initial().items()}

    def model(batch: torch.Tensor) -> None:
        p = {k: pyro.param(k, start[k]) for k in ("d0w", "d0b", "d1w", "d1b")}
        with pyro.plate("data", len(data), subsample=batch):
            standard = pyro.distributions.Normal(torch.zeros(LATENT, device=device), 1.0).to_event(1)
            mean, sd = decoder(p, pyro.sample("z", standard))
            pyro.sample("x", pyro.distributions.Normal(mean, sd).to_event(1), obs=batch)

    def guide(batch: torch.Tensor) -> None:
        p = {k: pyro.param(k, start[k]) for k in ("e0w", "e0b", "e1w", "e1b")}
        with pyro.plate("data", len(data), subsample=batch):
            pyro.sample("z", pyro.distributions.Normal(*encoder(p, batch)).to_event(1))

    pyro.clear_param_store()
    svi = SVI(model, guide, Adam({"lr": RATE}), Trace_ELBO())

    def run() -> float:
        with pyro.validation_enabled(False):
            for rows in at:
                loss = svi.step(data[rows])
        return float(loss)

    return run


def ours(x: np.ndarray, batches: np.ndarray, device: str) -> Run:
    """The zoo's step on Pyro."""
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
    program = Program(model.pyro, {"x": x}, model.options, how, device=device)
    v = program.coordinates.vector({name: zoo_weights()[name] for name in program.coordinates.names})
    table = program.guide.table
    return program, State.at(v, None if table is None else np.zeros(table.shape, np.float32))


ARMS: dict[str, Callable[..., Run]] = {
    "torch, Adam": lambda *a: by_hand(*a, fused=False),
    "torch, fused Adam": lambda *a: by_hand(*a, fused=True),
    "Pyro SVI": stock,
    "zoo on Pyro": ours,
}
