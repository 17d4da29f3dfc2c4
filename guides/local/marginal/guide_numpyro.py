"""Summed out by the library, in NumPyro."""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpyro
import numpyro.distributions as dist

from guides.chain_numpyro import Chain, log_partition, log_score, viterbi
from guides.sites import count_rows, open_path


def emit(guide: Any, args: tuple[object, ...], kwargs: Mapping[str, object], values: Mapping[str, Any]) -> None:
    """Emit only sites with a single value, which enumeration leaves out and NumPyro's then fails on; and a path.

    Whatever path stands for the others, log p(x, z) − log p(z | x) is log p(x), the sum over all.
    """
    path = open_path(guide.trace(args, kwargs), guide.data_plate, values)
    if path:
        emit_path(guide, args, kwargs, values, path.name, viterbi)
        return
    single = [s for s in guide.local_latents if s.cardinality == 1]
    if single:
        rows = count_rows(args, kwargs)
        with numpyro.plate(guide.data_plate, guide.plate_size, subsample_size=rows):
            for site in single:
                numpyro.sample(site.name, dist.Delta(jnp.zeros(rows, dtype=int)))


def emit_path(
    guide: Any,
    args: tuple[object, ...],
    kwargs: Mapping[str, object],
    values: Mapping[str, Any],
    name: str,
    choose: Callable[[Chain], Any],
) -> None:
    """Emit each row's path of states with its posterior probability, chosen from the chain given the data."""
    chain = guide.batch(values, args, kwargs).states.posterior
    value = jax.lax.stop_gradient(choose(chain))
    density = log_score(chain, value) - log_partition(chain)
    with numpyro.plate(guide.data_plate, guide.plate_size, subsample_size=len(value)):
        numpyro.sample(name, dist.Delta(value, log_density=density, event_dim=1))
