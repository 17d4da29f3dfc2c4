"""A linear chain of categories, in JAX: what hidden Markov models and linear-chain conditional random fields share.

    log p~(path) = Σ_{t < length} unary[t, path_t] + Σ_{1 <= t < length} pairwise[path_{t-1}, path_t]

All is products of K x K matrices along the chain. Forward, the messages α_t[j]: log of the sum, or the maximum, over
all paths up to step t that end in j. Backward, kernels p(z_t = i | z_{t+1} = j), which α_t gives: their products are
the marginals; rounded to 0 and 1, at their mode or by noise, the best path or a draw. On a CPU step follows step; else
pairs merge, in O(log T) rounds. Rabiner, Proc. IEEE 77(2), 1989; Särkkä and García-Fernández, IEEE TAC 66(1), 2021.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jax.scipy.special import ndtr

Array = jax.Array
Merge = Callable[[Array, Array], Array]


class Chain(NamedTuple):
    """Potentials of a chain of T steps with K categories, in nats; -inf is a category or a move that cannot be.

    Args:
        unary: log potential of each category at each step (*batch, T, K).
        pairwise: log potential of a move from the row's category to the column's (K, K) or (*batch, K, K).
        length: how many steps count, 1 to T (*batch,); what stands past them is ignored.
    """

    unary: Array
    pairwise: Array
    length: Array


def log_score(chain: Chain, path: Array) -> Array:
    """Return log p~ (*batch,) of a path (*batch, T), which may have more batch dimensions than the chain."""
    return expected_score(chain, jax.nn.one_hot(path, chain.unary.shape[-1], dtype=chain.unary.dtype))


def expected_score(chain: Chain, probs: Array) -> Array:
    """Return E log p~ (*batch,) where steps are independent with these probabilities (*batch, T, K)."""
    unary, pairwise, left = _parts(chain, probs.shape[:-2])
    probs = jnp.where(left[..., None] > 0, jnp.moveaxis(probs, -2, 0), 0)
    moves = jnp.einsum("t...i,t...j->...ij", probs[:-1], probs[1:], precision="highest")
    return _weigh(probs, unary).sum((0, -1)) + _weigh(moves, pairwise).sum((-2, -1))


def log_partition(chain: Chain) -> Array:
    """Return log Σ_path p~(path) (*batch,); its gradient is the probabilities of categories and of moves."""
    return _log_partition(*_parts(chain))


def marginals(chain: Chain) -> Array:
    """Return the probability of each category at each step (*batch, T, K); 0 past the length."""
    parts = _parts(chain)
    return jnp.moveaxis(jnp.where(parts[2][..., None] > 0, _moments(*parts)[1], 0), 0, -2)


def viterbi(chain: Chain) -> Array:
    """Return the most probable path (*batch, T); 0 past the length."""
    parts = _parts(chain)
    return _path(jnp.argmax(_into(_forward(*parts, jnp.max), *parts), -1))


def sample(chain: Chain, noise: Array) -> Array:
    """Return an exact draw (*batch, T), made from its last step back, the same in both backends; 0 past the length.

    Args:
        chain: the potentials.
        noise: standard normals (*batch, T), each turned to its step's category by the inverse distribution function.
    """
    parts = _parts(chain, noise.shape[:-1])
    cumulative = jnp.cumsum(_softmax(_into(_forward(*parts, _logsumexp), *parts)), -1)
    # Short of 1, so that a draw never comes past the last category that has a probability.
    uniform = jnp.minimum(ndtr(jnp.moveaxis(noise, -1, 0)), 1 - jnp.finfo(noise.dtype).eps / 2)
    return _path(jnp.argmax(cumulative > uniform[..., None, None] * cumulative[..., -1:], -1))


def _parts(chain: Chain, batch: tuple[int, ...] = ()) -> tuple[Array, Array, Array]:
    """Return unary (T, *batch, K), past the length category 0 alone, at no cost; pairwise; steps left (T, *batch)."""
    unary, pairwise, length = (jnp.asarray(x) for x in chain)
    batch = jnp.broadcast_shapes(unary.shape[:-2], pairwise.shape[:-2], length.shape, batch)
    left = jnp.broadcast_to(length[..., None] - jnp.arange(unary.shape[-2]), (*batch, unary.shape[-2]))
    past = jnp.where(jnp.arange(unary.shape[-1]) == 0, 0, -jnp.inf)
    return jnp.moveaxis(jnp.where(left[..., None] > 0, unary, past), -2, 0), pairwise, jnp.moveaxis(left, -1, 0)


_log_partition = jax.custom_jvp(lambda *parts: _moments(*parts)[0])


@_log_partition.defjvp
def _(primals: tuple[Array, ...], tangents: tuple[Array, ...]) -> tuple[Array, Array]:
    value, steps, moves = _moments(*primals)
    return value, (steps * tangents[0]).sum((0, -1)) + (moves * tangents[1]).sum((-2, -1))


def _moments(*parts: Array) -> tuple[Array, Array, Array]:
    """Return log Z (*batch,), probabilities of categories (T, *batch, K), expected counts of moves (*batch, K, K)."""
    # Where any category can follow any other at a price of half the exponents that floats have, what a normalised
    # probability loses by underflow can never matter again. Otherwise only logarithms are right.
    modest = jnp.ptp(parts[1]) <= -jnp.log(jnp.finfo(parts[1].dtype).tiny) / 2
    ways = _moments_of_probabilities, _moments_of_logs
    return lax.platform_dependent(*parts, cpu=lambda *parts: lax.cond(modest, *ways, *parts), default=ways[1])


def _moments_of_probabilities(unary: Array, pairwise: Array, left: Array) -> tuple[Array, Array, Array]:
    top, high = jnp.nan_to_num(unary.max(-1, keepdims=True)), pairwise.max((-2, -1), keepdims=True)
    potentials, move = jnp.exp(unary - top), jnp.exp(pairwise - high)

    def forth(before: Array, potential: Array) -> tuple[Array, tuple[Array, Array]]:
        joint = (before[..., :, None] * move).sum(-2) * potential
        scale = joint.sum(-1, keepdims=True)
        now = joint / jnp.where(scale == 0, 1, scale)
        return now, (now, scale[..., 0])

    def back(after: Array, now: tuple[Array, Array]) -> tuple[Array, tuple[Array, Array]]:
        filtered, more = now
        joint = filtered[..., :, None] * move
        before = joint.sum(-2)
        ratio = after / jnp.where(before == 0, 1, before)
        smoothed = jnp.where(more[..., None], (joint * ratio[..., None, :]).sum(-1), filtered)
        return smoothed, (smoothed, ratio)

    uniform, more = jnp.full_like(unary[0], 1 / unary.shape[-1]), left > 1
    _, (filtered, scales) = lax.scan(forth, uniform, potentials.at[0].divide(move.mean(-2)))
    _, (smoothed, ratios) = lax.scan(back, uniform, (filtered, more), reverse=True)
    moves = move * jnp.einsum("t...i,t...j->...ij", filtered, jnp.where(more[..., None], ratios, 0))
    value = jnp.where(left > 0, jnp.log(scales) + top[..., 0], 0).sum(0) + more.sum(0) * high[..., 0, 0]
    return value, smoothed, moves


def _moments_of_logs(unary: Array, pairwise: Array, left: Array) -> tuple[Array, Array, Array]:
    logits = _into(_forward(unary, pairwise, left, _logsumexp), unary, pairwise, left)
    kernels = _softmax(logits)
    steps = _back(kernels)
    moves = (kernels[:-1] * jnp.where(left[1:, ..., None] > 0, steps[1:], 0)[..., None]).sum(0).mT
    # A message is known up to a constant, which is what its step adds to log Z.
    more = jnp.concatenate([unary[1:], jnp.zeros_like(unary[:1])])
    return unary[0].max(-1) + (_logsumexp(logits, -1) + more).max(-1).sum(0), steps, moves


def _forward(unary: Array, pairwise: Array, left: Array, over: Callable[..., Array]) -> Array:
    """Return α (T, *batch, K), each step's less its maximum."""

    def merge(a: Array, b: Array) -> Array:
        merged = over(a[..., :, :, None] + b[..., None, :, :], -2)
        return merged - jnp.nan_to_num(merged.max((-2, -1), keepdims=True))

    alpha = _along(jnp.where(left.at[0].set(0)[..., None, None] > 0, pairwise, 0) + unary[..., None, :], merge)
    return alpha - jnp.nan_to_num(alpha.max(-1, keepdims=True))


def _into(alpha: Array, unary: Array, pairwise: Array, left: Array) -> Array:
    """Return the kernels' logits (T, *batch, K of t+1, K of t): α_t in every row where no step is left after t."""
    return alpha[..., None, :] + jnp.where(left[..., None, None] > 1, pairwise.mT, 0)


def _back(kernels: Array) -> Array:
    """Return the distribution of every step (T, *batch, K), given kernels (T, *batch, K of t+1, K of t)."""
    return _along(kernels, lambda a, b: (a[..., :, :, None] * b[..., None, :, :]).sum(-2), back=True)


def _path(choice: Array) -> Array:
    """Return the path (*batch, T) of the categories chosen for each category that may come after (T, *batch, K)."""
    return jnp.moveaxis(jnp.argmax(_back(jax.nn.one_hot(choice, choice.shape[-1])), -1), 0, -1)


def _along(maps: Array, merge: Merge, back: bool = False) -> Array:
    """Return the products (T, *batch, K) of ever more of the matrices (T, *batch, K, K), the first with equal rows."""
    ways = lambda m: _one_by_one(m, merge, back), lambda m: _in_pairs(m, merge, back)
    return lax.platform_dependent(maps, cpu=ways[0], default=ways[1])


def _one_by_one(maps: Array, merge: Merge, back: bool) -> Array:
    row = maps[-1 if back else 0, ..., :1, :]
    return lax.scan(lambda row, at: (merge(row, at),) * 2, row, maps, reverse=back)[1][..., 0, :]


def _in_pairs(maps: Array, merge: Merge, back: bool) -> Array:
    return lax.associative_scan(merge, maps, reverse=back)[..., 0, :]


def _weigh(probs: Array, potential: Array) -> Array:
    return probs * jnp.where((probs == 0) & (potential == -jnp.inf), 0, potential)


def _logsumexp(x: Array, axis: int) -> Array:
    # The gradient of the libraries' own is NaN where every x is -inf.
    top = lax.stop_gradient(jnp.nan_to_num(x.max(axis, keepdims=True)))
    total = jnp.exp(x - top).sum(axis)
    return jnp.where(total == 0, -jnp.inf, jnp.log(jnp.where(total == 0, 1, total))) + top.squeeze(axis)


def _softmax(x: Array) -> Array:
    return jnp.exp(x - jnp.nan_to_num(_logsumexp(x, -1))[..., None])
