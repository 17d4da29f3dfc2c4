"""Local treatments: how a row's latents get their variational parameters, one folder each.

Three kinds. Some treat the true posterior: `marginal` sums discrete latents out, `exact` draws from it. Their
folder holds `emit(guide, args, kwargs, values)`, which makes the guide's local sites given the global ones.

Of continuous latents only the model knows the posterior, or the closed-form updates of a q: `exact` and `coordinate`
take them from its folder.

The others hand each row i its own φᵢ, unconstrained numbers of any family:

    constant         φᵢ = φ                         per_datapoint    φᵢ free
    amortized        φᵢ = f_w(xᵢ)                   semi_amortized   φᵢ = f_w(xᵢ), then T gradient steps

Their folder holds `phi(local, params, rows) -> (B, size)`; the draw and the sites are the same for all.

`nearest` is for a discrete latent whose categories stand for the vectors of a codebook: the code nearest to what an
encoder says, a point. Its folder holds `Rows`, in the place of a local guide.

A folder has `TREATMENT` (NumPy), guide_pyro.py and guide_numpyro.py; a new treatment is one new folder and no other
change.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from guides.discovery import folders, load
from guides.sites import TracedSite


@dataclass(frozen=True)
class Treatment:
    """What a local treatment is.

    Args:
        summary: one line for tables.
        by_row: whether it hands each row its φᵢ.
        supplied: whether the model brings it, for continuous latents.
        enumerated: whether the model's discrete local sites are summed out by the library (TraceEnum_ELBO).
        table: whether φ is a table with a line for each row, learnt row by row.
        encodes: whether an encoder reads the rows.
        quantises: whether it serves a discrete latent by the nearest of the model's codes, by rows of its own.
        options: option name to default; other options are refused.
        parameters: (options, numbers in φ) -> what it learns beside the encoder or the table.
    """

    summary: str
    by_row: bool = False
    supplied: bool = False
    enumerated: bool = False
    table: bool = False
    encodes: bool = False
    quantises: bool = False
    options: Mapping[str, Any] = field(default_factory=dict)
    parameters: Callable[[Mapping[str, Any], int], Sequence[TracedSite]] = lambda options, size: ()


def names() -> list[str]:
    """Return the treatments' names.

    >>> names()
    ['amortized', 'constant', 'coordinate', 'exact', 'marginal', 'nearest', 'per_datapoint', 'semi_amortized']
    """
    return folders("guides.local")


def treatment(name: str) -> Treatment:
    """Return the treatment of that name.

    Raises:
        GuideError: there is none.
    """
    found: Treatment = load("guides.local", name, "local treatment").TREATMENT
    return found
