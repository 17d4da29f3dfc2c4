"""What vector quantisation shares between the backends: which latent, which codebook, which parameters. NumPy only."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from guides.errors import GuideError
from guides.local.nearest import GRADIENTS, MOVES, TREATMENT
from guides.nets import encoder, mlp
from guides.sites import TracedSite, learnt, one_row, row_axis
from guides.start import Start

USAGE, TOTAL, TURN = "local.usage", "local.total", "local.turn"


class CodesLayout:
    """The rows of a guide whose latent is the nearest code: what a `LocalLayout` has, without a family.

    Args:
        sites: the local latents: one, discrete, with a code a position.
        data_plate: name of the plate over rows.
        traced: every site of the model.
        model: the model function.
        fixed: what it is called with beside arrays, but for `size`.
        starts: where the codebook starts.
        options: of the treatment.
        seed: of the encoder's initial values.
        data: the rows that the guide is built with, arrays by name.
        inputs: what the encoder sees.

    Raises:
        GuideError: a latent or a codebook that this cannot serve, or an option that is unknown or out of range.
    """

    enumerated, discrete, path, inner_draws, noise_size = False, (), None, 0, 0

    def __init__(
        self,
        sites: Sequence[TracedSite],
        *,
        data_plate: str,
        traced: Sequence[TracedSite],
        model: Callable[..., Any],
        fixed: Mapping[str, Any],
        starts: Mapping[str, Start],
        options: Mapping[str, Any],
        seed: int,
        data: Mapping[str, np.ndarray],
        inputs: Mapping[str, str],
    ) -> None:
        self.sites, self.data_plate, self.model, self.fixed = tuple(sites), data_plate, model, dict(fixed)
        self.options = {**TREATMENT.options, **options}
        _check(self.options)
        self.site = _served(sites, data_plate)
        self.codebook = self.options["codebook"]
        book = next((s for s in traced if s.name == self.codebook and s.kind == "param"), None)
        if book is None or len(book.shape) != 2 or book.support.word != "real":
            raise GuideError(
                f"local='nearest' needs the model's param {self.codebook!r}, real and of shape (codes, numbers of a "
                "code); name it by local_options={'codebook': …}"
            )
        self.count, self.size = book.shape
        self.positions = one_row(self.site, data_plate).shape[0]
        self.phi_size = self.positions * self.size
        self.observed = [s for s in traced if s.kind == "observed" and s.inside(data_plate)]
        how = {**self.options, "half_width": 0}
        self.encoder = encoder.build(inputs, data, self.phi_size, [(self.phi_size,)], how)
        # Not made small, as other encoders' last layers are: vectors are to spread over the codes.
        first = mlp.initial(encoder.PREFIX, self.encoder.sizes, seed)
        start = starts[self.codebook].value if self.codebook in starts else book.value
        state = {USAGE: np.ones(self.count), TOTAL: np.broadcast_to(np.asarray(start), book.shape)}
        state = state if self.options["moves"] == "ema" else {USAGE: state[USAGE]}
        # Whose turn it is among the positions: a search has no draw, and is the same in both backends.
        state |= {TURN: np.zeros(())} if self.options["gradient"] == "search" else {}
        self.parameters = tuple(learnt(name, value) for name, value in {**first, **state}.items())

    def refuse(self, chosen: np.ndarray, vectors: np.ndarray) -> None:
        """Compare log p(x | z) with that of a replay in which every vector is a code of its own.

        Raises:
            GuideError: they differ, so that what is observed depends on a code otherwise than by its vector.
        """
        if not np.allclose(chosen, vectors, rtol=1e-3):
            raise GuideError(
                f"what is observed depends on {self.site.name!r} otherwise than by the vectors of {self.codebook!r}, "
                "so that no gradient in these vectors says how codes should move: let them alone speak of a code"
            )

    def table(self, count: int) -> None:
        """Return None: no row has numbers of its own."""


def _check(options: Mapping[str, Any]) -> None:
    unknown = sorted(set(options) - set(TREATMENT.options))
    if unknown:
        known = ", ".join(sorted(TREATMENT.options))
        raise GuideError(f"local option {unknown[0]!r} is unknown to 'nearest'. Known: {known}")
    if options["moves"] not in MOVES:
        raise GuideError(f"moves {options['moves']!r} is unknown. Known: {', '.join(MOVES)}")
    if options["gradient"] not in GRADIENTS:
        raise GuideError(f"gradient {options['gradient']!r} is unknown. Known: {', '.join(GRADIENTS)}")
    ranges = {"commitment": (0.0, np.inf), "decay": (0.0, 1.0), "restart": (0.0, 1.0)}
    for name, (low, high) in ranges.items():
        if not low <= options[name] < high:
            raise GuideError(f"local option {name}={options[name]!r} must be at least {low:g} and below {high:g}")


def _served(sites: Sequence[TracedSite], data_plate: str) -> TracedSite:
    site = next((s for s in sites if s.discrete), sites[0])
    rows = [p.name for p in site.plates] == [data_plate] and row_axis(site, data_plate) == 0
    if len(sites) > 1 or not (site.discrete and rows and len(site.shape) == 2 and site.event_dim == 1):
        raise GuideError(
            f"local='nearest' serves one discrete latent alone, a vector of codes a row of plate {data_plate!r}; "
            f"{sites[0].name!r} is not that, or not alone"
        )
    return site
