"""The true posterior of the local latents, in NumPyro."""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpyro
import numpyro.distributions as dist

from guides.chain_numpyro import sample
from guides.local.marginal.guide_numpyro import emit_path
from guides.rows_numpyro import row_log_joint
from guides.sites import combinations, open_path


def emit(guide: Any, args: tuple[object, ...], kwargs: Mapping[str, object], values: Mapping[str, Any]) -> None:
    """Emit each row's discrete latents, drawn from their posterior given `values`."""
    traced = guide.trace(args, kwargs)
    path = open_path(traced, guide.data_plate, values)
    if path:
        rows, steps = path.shape
        normal = dist.Normal(jnp.zeros((rows, steps)), 1.0).to_event(2).mask(False)
        noise = numpyro.sample("_choice", normal, infer={"is_auxiliary": True})
        emit_path(guide, args, kwargs, values, path.name, lambda chain: sample(chain, noise))
        return
    _, prior, likelihood = row_log_joint(guide.model, args, kwargs, values, traced, guide.data_plate)
    log_posterior = jax.nn.log_softmax(prior + likelihood, -1)
    table = combinations(traced, guide.data_plate)
    with numpyro.plate(guide.data_plate, guide.plate_size, subsample_size=len(log_posterior)):
        noise = numpyro.sample("_choice", dist.Uniform(0.0, 1.0), infer={"is_auxiliary": True})
        below = jnp.cumsum(jnp.exp(log_posterior), -1)[:, :-1] < noise[:, None]
        choice = jax.lax.stop_gradient(below.sum(-1))
        density = jnp.take_along_axis(log_posterior, choice[:, None], -1)[:, 0]
        for name in table[0]:
            value = jnp.asarray([c[name] for c in table])[choice]
            numpyro.sample(name, dist.Delta(value, log_density=density))
            density = jnp.zeros_like(density)
