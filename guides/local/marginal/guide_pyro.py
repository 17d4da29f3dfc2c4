"""Summed out by the library, in Pyro."""

from collections.abc import Mapping
from typing import Any

import pyro
import pyro.distributions as dist
import torch

from guides.sites import count_rows


def emit(guide: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any], values: Mapping[str, Any]) -> None:
    """Emit only sites with a single value, which enumeration leaves out and NumPyro's then fails on."""
    single = [s for s in guide.local_latents if s.cardinality == 1]
    if single:
        rows = count_rows(args, kwargs)
        with pyro.plate(guide.data_plate, guide.plate_size, subsample=torch.arange(rows)):
            for site in single:
                pyro.sample(site.name, dist.Delta(torch.zeros(rows, dtype=torch.long)))
