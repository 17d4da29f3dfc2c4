"""The arms of scaling.py in Pyro."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pyro
import pyro.distributions as dist
import torch
from pyro.infer import SVI, Trace_ELBO
from pyro.optim import Adam

from benchmarks.overhead import RATE, initial
from benchmarks.overhead_pyro import decoder, started
from benchmarks.scaling import BATCH, LATENT
from guides.optim import rows_pyro
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
    """The update of the table alone: gather a batch's lines, row-wise Adam, scatter."""
    lines = torch.zeros(len(x), 3 * 2 * LATENT + 1, device=device)
    batches = torch.as_tensor(epochs(len(x), BATCH, steps, 0), device=device).long()
    gradient = torch.ones(BATCH, 2 * LATENT, device=device)

    def run() -> None:
        for at in batches:
            rows_pyro.scatter(lines, at, rows_pyro.step(rows_pyro.gather(lines, at), gradient, RATE))
        assert torch.isfinite(lines[batches[-1]]).all()

    return run, 2 * LATENT * len(x)


def stock(x: np.ndarray, steps: int, device: str) -> Made:
    """Pyro's SVI over the whole table; validation off."""
    data = torch.tensor(x, device=device)
    m = len(x)
    start = {k: torch.tensor(v, dtype=torch.float32, device=device) for k, v in initial().items() if k[0] == "d"}

    def model(x: torch.Tensor) -> None:
        p = {k: pyro.param(k, v) for k, v in start.items()}
        with pyro.plate("data", m, subsample_size=BATCH, device=device) as rows:
            z = pyro.sample("z", dist.Normal(torch.zeros(LATENT, device=device), 1.0).to_event(1))
            pyro.sample("x", dist.Normal(*decoder(p, z)).to_event(1), obs=x[rows])

    def guide(x: torch.Tensor) -> None:
        loc = pyro.param("loc", lambda: torch.zeros(m, LATENT, device=device))
        ones = torch.ones(m, LATENT, device=device) if "scale" not in pyro.get_param_store() else None
        scale = pyro.param("scale", ones, constraint=dist.constraints.positive)
        with pyro.plate("data", m, subsample_size=BATCH, device=device) as rows:
            pyro.sample("z", dist.Normal(loc[rows], scale[rows]).to_event(1))

    pyro.clear_param_store()
    svi = SVI(model, guide, Adam({"lr": 1e-3}), Trace_ELBO())

    def run() -> None:
        with pyro.validation_enabled(False):
            for _ in range(steps):
                svi.step(data)

    run()
    return run, sum(p.numel() for p in pyro.get_param_store().values())
