"""Summed out by the library, in Pyro."""

from collections.abc import Callable, Mapping
from typing import Any

import pyro
import pyro.distributions as dist
import torch

from guides.chain_pyro import Chain, log_partition, log_score, viterbi
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
        with pyro.plate(guide.data_plate, guide.plate_size, subsample=torch.arange(rows)):
            for site in single:
                pyro.sample(site.name, dist.Delta(torch.zeros(rows, dtype=torch.long)))


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
    value = choose(chain).detach()
    density = log_score(chain, value) - log_partition(chain)
    with pyro.plate(guide.data_plate, guide.plate_size, subsample=torch.arange(len(value))):
        pyro.sample(name, dist.Delta(value, log_density=density, event_dim=1))
