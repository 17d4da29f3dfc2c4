"""Summed out by the library, in NumPyro."""

from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp
import numpyro
import numpyro.distributions as dist

from guides.sites import count_rows


def emit(guide: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any], values: Mapping[str, Any]) -> None:
    """Emit only sites with a single value, which enumeration leaves out and NumPyro's then fails on."""
    single = [s for s in guide.local_latents if s.cardinality == 1]
    if single:
        rows = count_rows(args, kwargs)
        with numpyro.plate(guide.data_plate, guide.plate_size, subsample_size=rows):
            for site in single:
                numpyro.sample(site.name, dist.Delta(jnp.zeros(rows, dtype=int)))
