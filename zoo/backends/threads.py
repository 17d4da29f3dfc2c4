"""How many threads the libraries under a backend take: one if more would wait for each other longer than they work.

OpenBLAS and OpenMP deal a call out to every core and spin until each part is done. On idle cores that costs little; as
soon as another program has one of them, each call waits for the scheduler, ten times as long as it works or a hundred.
`python -m benchmarks.threads` measures it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from inspect import Signature
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from threadpoolctl import ThreadpoolController

# From so many numbers per step on (cells of its rows, by combinations of discrete latents, by draws) torch's threads
# were faster on two idle cores, by 1.1 to 1.6 times; at 40,000 and below they were not (benchmarks.threads).
MANY = 100_000

# Whoever sets one of these has chosen, and is left alone.
VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def suited(numbers: float, backend: str) -> AbstractContextManager[object]:
    """Return a context in which work on so many numbers at once has one thread, or as many as there were if it is much.

    It changes the process's BLAS and OpenMP, and puts back what was there.

    Args:
        numbers: that a step works on.
        backend: whose libraries, imported by now, do the work.
    """
    if numbers >= MANY or any(name in os.environ for name in VARIABLES):
        return nullcontext()
    return _libraries(backend).limit(limits=1)


def rows_of(signature: Signature, args: tuple[object, ...], kwargs: Mapping[str, object], otherwise: int) -> int:
    """Return how many rows a call works on at once: those of its `rows` (steps, B) or `data`, if it is given any."""
    given = signature.bind(*args, **kwargs).arguments
    if given.get("rows") is not None:
        return int(np.shape(given["rows"])[-1])
    return len(next(iter(given["data"].values()))) if given.get("data") else otherwise


def keep_to_one() -> None:
    """Keep this process, one of several side by side, to one thread; it works only before the libraries are imported.

    joblib tells BLAS and OpenMP; this tells XLA.
    """
    os.environ["NPROC"] = "1"
    flag = "--xla_cpu_multi_thread_eigen=false"
    if flag not in os.environ.get("XLA_FLAGS", ""):
        os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {flag}".strip()


@cache
def _libraries(backend: str) -> ThreadpoolController:
    """Return what sets the threads of the libraries that are loaded when a backend asks for the first time."""
    # SciPy's BLAS is what jaxlib calls, but it loads it only when a program needs it: too late to be found here.
    import scipy.linalg  # noqa: F401
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()
