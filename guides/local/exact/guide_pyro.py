"""The true posterior of the local latents, in Pyro."""

from collections.abc import Mapping
from typing import Any

import pyro
import pyro.distributions as dist
import torch

from guides.chain_pyro import sample
from guides.local.marginal.guide_pyro import emit_path
from guides.rows_pyro import row_log_joint
from guides.sites import combinations, open_path


def emit(guide: Any, args: tuple[object, ...], kwargs: Mapping[str, object], values: Mapping[str, Any]) -> None:
    """Emit each row's discrete latents, drawn from their posterior given `values`."""
    traced = guide.trace(args, kwargs)
    path = open_path(traced, guide.data_plate, values)
    if path:
        rows, steps = path.shape
        normal = dist.Normal(torch.zeros((rows, steps)), 1.0).to_event(2).mask(False)
        noise = pyro.sample("_choice", normal, infer={"is_auxiliary": True})
        emit_path(guide, args, kwargs, values, path.name, lambda chain: sample(chain, noise))
        return
    _, prior, likelihood = row_log_joint(guide.model, args, kwargs, values, traced, guide.data_plate)
    log_posterior = torch.log_softmax(prior + likelihood, -1)
    table = combinations(traced, guide.data_plate)
    with pyro.plate(guide.data_plate, guide.plate_size, subsample=torch.arange(len(log_posterior))):
        noise = pyro.sample("_choice", dist.Uniform(0.0, 1.0), infer={"is_auxiliary": True})
        below = torch.cumsum(torch.exp(log_posterior), -1)[:, :-1] < noise[:, None]
        choice = below.sum(-1).detach()
        density = torch.take_along_dim(log_posterior, choice[:, None], -1)[:, 0]
        for name in table[0]:
            value = torch.as_tensor([c[name] for c in table])[choice]
            pyro.sample(name, dist.Delta(value, log_density=density))
            density = torch.zeros_like(density)
