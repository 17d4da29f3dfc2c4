"""Vector quantisation in Pyro: the nearest code, what learning's gradient takes of it, and how codes move."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from pyro.distributions.util import scale_and_mask
from pyro.poutine import block, trace

from guides.inner_pyro import gradient
from guides.local.nearest.layout import TOTAL, TURN, USAGE, CodesLayout
from guides.local_layout import Batch
from guides.nets.encoder_pyro import encode
from guides.sites import by_row
from guides.trace_pyro import Hold

Array = torch.Tensor
Arrays = Mapping[str, Array]


def nearest(vectors: Array, codebook: Array) -> Array:
    """Return the number of the code (K, size) nearest to each vector (..., size); shape (...)."""
    return ((codebook**2).sum(-1) - 2 * vectors @ codebook.mT).argmin(-1).detach()


class Rows(CodesLayout):
    """The rows of a guide; see `CodesLayout`."""

    def check(self, params: Arrays, data: Arrays) -> None:
        """Refuse a model that asks more of the codes than their vectors; see `CodesLayout.refuse`."""
        count = len(next(iter(data.values())))
        z = torch.arange(count * self.positions).reshape(count, -1) % self.count
        with torch.no_grad(), torch.random.fork_rng():
            torch.manual_seed(0)
            chosen = self._replay({**params, self.site.name: z}, data).cpu().numpy()
            torch.manual_seed(0)
            try:
                vectors = self.likelihood(params, params[self.codebook][z], data).cpu().numpy()
            except IndexError:  # more codes than the model has, looked up elsewhere
                vectors = np.full_like(chosen, np.nan)
        self.refuse(chosen, vectors)

    def phi(self, params: Arrays, data: Arrays, inner_noise: Any, bound: Any) -> Array:
        """Return what the encoder says of each row, its positions' vectors end to end (B, phi_size)."""
        return encode(self.encoder, params, data)

    def draw(self, params: Arrays, phi: Array, noise: Array, batch: Batch) -> tuple[dict[str, Array], Array]:
        """Return each row's codes (B, positions) by site, and log q of them, 0 (B,)."""
        z = nearest(phi.reshape(len(phi), self.positions, self.size), params[self.codebook])
        return {self.site.name: z}, phi.new_zeros(len(phi))

    def density(
        self, params: Arrays, phi: Array, noise: Array, inner_noise: Any, batch: Batch
    ) -> tuple[dict[str, Array], Array]:
        """Return what learning sees: codes, and a log q that gives the value log p(x, z) of `draw` and our gradient.

        Straight through, codes are those of `draw`, and log q has the value 0 and the gradient of what is descended
        beside −log p(x, z). In a search they are the best that were tried.
        """
        values, log_q = self.draw(params, phi, noise, batch)
        said = phi.reshape(len(phi), self.positions, self.size)
        if self.options["gradient"] == "search":
            z, loss = self._search(params, said, values[self.site.name], batch.data)
            return {self.site.name: z}, log_q + loss
        codes = params[self.codebook][values[self.site.name]]
        kept = {name: value.detach() for name, value in params.items()}
        slope = gradient(lambda vectors: self.likelihood(kept, vectors, batch.data).sum(), codes.detach())
        pull = self.options["commitment"] * (said - codes.detach()) ** 2 - slope.detach() * said
        if self.options["moves"] == "gradient":
            pull = pull + (said.detach() - codes) ** 2
        descended = pull.sum((-2, -1))
        return values, log_q + descended - descended.detach()

    def bounds(self, params: Arrays, batch: Batch, phi: Array) -> tuple[dict[str, Array], Array, Array]:
        """Return each row's codes by site, its ELBO log p(x, z) (B,), and the part log p(x | z) (B,)."""
        values, _ = self.draw(params, phi, phi, batch)
        given = {**params, **values}
        return values, batch.log_joint(values), self._replay(given, batch.data)

    def _search(self, params: Arrays, said: Array, z: Array, data: Arrays) -> tuple[Array, Array]:
        """Return the best codes of each row (B, positions) that differ at one position at most, and what log q gets.

        That is the difference that the search has made, and, of value 0, what the encoder descends.
        """
        count = len(z)
        at = (torch.arange(count, device=z.device) + params[TURN].detach().long()) % self.positions
        turn = torch.arange(self.positions, device=z.device) == at[:, None]
        tried = torch.where(turn, torch.arange(self.count, device=z.device)[:, None, None], z)
        rows = {name: array.repeat(self.count, *[1] * (array.ndim - 1)) for name, array in data.items()}
        given = {**params, self.site.name: tried.reshape(-1, self.positions)}
        with torch.no_grad():
            worth = self._replay(given, rows, joint=True).reshape(self.count, count)
        best = worth.argmax(0)
        found = torch.where(turn, best[:, None], z)
        gained = worth.amax(0) - torch.gather(worth, 0, z[torch.arange(count, device=z.device), at][None])[0]
        distance = ((said[:, :, None] - params[self.codebook].detach()) ** 2).sum(-1)
        named = torch.gather(torch.log_softmax(-distance, -1), -1, found[..., None]).sum((-2, -1))
        return found, (gained + named).detach() - named

    def likelihood(self, params: Arrays, vectors: Array, data: Arrays) -> Array:
        """Return log p(x | z) of each row (B,), its codes' vectors (B, positions, size) being anything.

        The model is replayed with as many codes as there are vectors, each used once.
        """
        own = torch.arange(vectors.shape[0] * self.positions).reshape(-1, self.positions)
        return self._replay({**params, self.codebook: vectors.reshape(-1, self.size), self.site.name: own}, data)

    def _replay(self, values: Arrays, data: Arrays, *, joint: bool = False) -> Array:
        sites = [*self.observed, self.site] if joint else self.observed
        with block():
            nodes = trace(Hold(values)(self.model)).get_trace(**data, **self.fixed).nodes
        found = [nodes[s.name] for s in sites]
        terms = [scale_and_mask(n["fn"].log_prob(n["value"]), 1.0, n["mask"]) for n in found]
        pairs = zip(terms, sites, strict=True)
        return sum((by_row(term, s, self.data_plate) for term, s in pairs), torch.zeros(()))

    def update(self, params: Arrays, data: Arrays) -> dict[str, Array]:
        """Return the codebook and the running means after a batch; see the package."""
        with torch.no_grad():
            return self._update(params, encode(self.encoder, params, data).reshape(-1, self.size))

    def _update(self, params: Arrays, said: Array) -> dict[str, Array]:
        running, keep = self.options["moves"] == "ema", self.options["decay"]
        book = params[TOTAL] / _positive(params[USAGE]) if running else params[self.codebook]
        z = nearest(said, book)
        furthest = torch.argsort(((said - book[z]) ** 2).sum(-1), descending=True, stable=True)
        hot = torch.nn.functional.one_hot(z, self.count).to(said.dtype)
        weight = (1 - keep) * self.count / len(said)
        usage = keep * params[USAGE] + weight * hot.sum(0)
        dead = usage < self.options["restart"]
        place = said[furthest[torch.clamp(torch.cumsum(dead, 0) - 1, 0, len(said) - 1)]]
        total = keep * params[TOTAL] + weight * hot.T @ said if running else book
        book = total / _positive(usage) if running else book
        moved = {
            self.codebook: torch.where(dead[:, None], place, book),
            USAGE: torch.where(dead, torch.ones_like(usage), usage),
        }
        moved |= {TURN: params[TURN] + 1} if TURN in params else {}
        return moved | ({TOTAL: torch.where(dead[:, None], place, total)} if running else {})


def _positive(usage: Array) -> Array:
    return usage.clamp_min(torch.finfo(usage.dtype).tiny)[:, None]
