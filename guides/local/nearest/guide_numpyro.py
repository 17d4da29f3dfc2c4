"""Vector quantisation in NumPyro: the nearest code, what learning's gradient takes of it, and how codes move."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpyro.handlers import block, seed, substitute, trace

from guides.local.nearest.layout import TOTAL, TURN, USAGE, CodesLayout
from guides.local_layout import Batch
from guides.nets.encoder_numpyro import encode
from guides.sites import by_row

Array = jax.Array
Arrays = Mapping[str, Array]
held = jax.lax.stop_gradient


def nearest(vectors: Array, codebook: Array) -> Array:
    """Return the number of the code (K, size) nearest to each vector (..., size); shape (...)."""
    return held(((codebook**2).sum(-1) - 2 * vectors @ codebook.mT).argmin(-1))


class Rows(CodesLayout):
    """The rows of a guide; see `CodesLayout`."""

    def check(self, params: Arrays, data: Arrays) -> None:
        """Refuse a model that asks more of the codes than their vectors; see `CodesLayout.refuse`."""
        count = len(next(iter(data.values())))
        z = jnp.arange(count * self.positions).reshape(count, -1) % self.count

        @jax.jit
        def both() -> tuple[Array, Array]:
            codes = self._replay({**params, self.site.name: z}, data)
            return codes, self.likelihood(params, params[self.codebook][z], data)

        self.refuse(*map(np.asarray, both()))

    def phi(self, params: Arrays, data: Arrays, inner_noise: Any, bound: Any) -> Array:
        """Return what the encoder says of each row, its positions' vectors end to end (B, phi_size)."""
        return encode(self.encoder, params, data)

    def draw(self, params: Arrays, phi: Array, noise: Array, batch: Batch) -> tuple[dict[str, Array], Array]:
        """Return each row's codes (B, positions) by site, and log q of them, 0 (B,)."""
        z = nearest(phi.reshape(len(phi), self.positions, self.size), params[self.codebook])
        return {self.site.name: z}, jnp.zeros(len(phi), phi.dtype)

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
        slope = jax.grad(lambda vectors: self.likelihood(params, vectors, batch.data).sum())(held(codes))
        pull = self.options["commitment"] * (said - held(codes)) ** 2 - held(slope) * said
        if self.options["moves"] == "gradient":
            pull = pull + (held(said) - codes) ** 2
        descended = pull.sum((-2, -1))
        return values, log_q + descended - held(descended)

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
        at = (jnp.arange(count) + held(params[TURN]).astype(int)) % self.positions
        turn = jnp.arange(self.positions) == at[:, None]
        tried = jnp.where(turn, jnp.arange(self.count)[:, None, None], z)
        rows = {name: jnp.tile(array, (self.count, *[1] * (array.ndim - 1))) for name, array in data.items()}
        given = {**held(dict(params)), self.site.name: tried.reshape(-1, self.positions)}
        worth = self._replay(given, rows, joint=True).reshape(self.count, count)
        best = worth.argmax(0)
        found = jnp.where(turn, best[:, None], z)
        gained = worth.max(0) - jnp.take_along_axis(worth, z[jnp.arange(count), at][None], 0)[0]
        distance = ((said[:, :, None] - held(params[self.codebook])) ** 2).sum(-1)
        named = jnp.take_along_axis(jax.nn.log_softmax(-distance, -1), found[..., None], -1).sum((-2, -1))
        return found, held(gained + named) - named

    def likelihood(self, params: Arrays, vectors: Array, data: Arrays) -> Array:
        """Return log p(x | z) of each row (B,), its codes' vectors (B, positions, size) being anything.

        The model is replayed with as many codes as there are vectors, each used once.
        """
        own = jnp.arange(vectors.shape[0] * self.positions).reshape(-1, self.positions)
        return self._replay({**params, self.codebook: vectors.reshape(-1, self.size), self.site.name: own}, data)

    def _replay(self, values: Arrays, data: Arrays, *, joint: bool = False) -> Array:
        sites = [*self.observed, self.site] if joint else self.observed
        with block():
            nodes = trace(substitute(seed(self.model, jax.random.key(0)), data=values)).get_trace(**data, **self.fixed)
        terms = {s.name: nodes[s.name]["fn"].log_prob(nodes[s.name]["value"]) for s in sites}
        return sum((by_row(terms[s.name], s, self.data_plate) for s in sites), jnp.zeros(()))

    def update(self, params: Arrays, data: Arrays) -> dict[str, Array]:
        """Return the codebook and the running means after a batch; see the package."""
        said = held(encode(self.encoder, params, data)).reshape(-1, self.size)
        running, keep = self.options["moves"] == "ema", self.options["decay"]
        book = held(params[TOTAL] / _positive(params[USAGE]) if running else params[self.codebook])
        z = nearest(said, book)
        furthest = jnp.argsort(-((said - book[z]) ** 2).sum(-1))
        hot = jax.nn.one_hot(z, self.count, dtype=said.dtype)
        weight = (1 - keep) * self.count / len(said)
        usage = keep * held(params[USAGE]) + weight * hot.sum(0)
        dead = usage < self.options["restart"]
        place = said[furthest[jnp.clip(jnp.cumsum(dead) - 1, 0, len(said) - 1)]]
        total = keep * held(params[TOTAL]) + weight * hot.T @ said if running else book
        book = total / _positive(usage) if running else book
        moved = {
            self.codebook: jnp.where(dead[:, None], place, book),
            USAGE: jnp.where(dead, 1.0, usage),
        }
        moved |= {TURN: held(params[TURN]) + 1} if TURN in params else {}
        return moved | ({TOTAL: jnp.where(dead[:, None], place, total)} if running else {})


def _positive(usage: Array) -> Array:
    return jnp.maximum(usage, jnp.finfo(usage.dtype).tiny)[:, None]
