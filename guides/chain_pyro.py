"""A linear chain of categories, in PyTorch: what hidden Markov models and linear-chain conditional random fields share.

    log p~(path) = Σ_{t < length} unary[t, path_t] + Σ_{1 <= t < length} pairwise[path_{t-1}, path_t]

All is products of K x K matrices along the chain. Forward, the messages α_t[j]: log of the sum, or the maximum, over
all paths up to step t that end in j. Backward, kernels p(z_t = i | z_{t+1} = j), which α_t gives: their products are
the marginals; rounded to 0 and 1, at their mode or by noise, the best path or a draw. Pairs merge, in O(log T) rounds.
Rabiner, Proc. IEEE 77(2), 1989; Särkkä and García-Fernández, IEEE TAC 66(1), 2021.

Inside, categories are the first axes and steps the last: PyTorch is fastest along the last axis.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch

Array = torch.Tensor
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
    return expected_score(chain, _one_hot(path, chain.unary.shape[-1]).movedim(0, -1).to(chain.unary.dtype))


def expected_score(chain: Chain, probs: Array) -> Array:
    """Return E log p~ (*batch,) where steps are independent with these probabilities (*batch, T, K)."""
    unary, pairwise, left = _parts(chain, probs.shape[:-2])
    probs = torch.where(left > 0, probs.movedim(-1, 0), 0)
    moves = torch.einsum("i...t,j...t->ij...", probs[..., :-1], probs[..., 1:])
    return _weigh(probs, unary).sum((0, -1)) + _weigh(moves, pairwise[..., 0]).sum((0, 1))


def log_partition(chain: Chain) -> Array:
    """Return log Σ_path p~(path) (*batch,); its gradient is the probabilities of categories and of moves."""
    maps = _moves(*_parts(chain))
    total = maps.new_zeros(maps.shape[2:-1])
    while maps.shape[-1] > 1:
        even = maps.shape[-1] // 2 * 2
        merged = _product(maps[..., 0:even:2], maps[..., 1:even:2], _logsumexp)
        scale = _top(merged)
        total = total + scale.sum(-1)
        maps = torch.cat([merged - scale, maps[..., even:]], -1)
    return total + _logsumexp(maps[0, ..., 0], 0)


def marginals(chain: Chain) -> Array:
    """Return the probability of each category at each step (*batch, T, K); 0 past the length."""
    parts = _parts(chain)
    steps = _back(_softmax(_into(_forward(*parts, _logsumexp), *parts)))
    return torch.where(parts[2] > 0, steps, 0).movedim(0, -1)


def viterbi(chain: Chain) -> Array:
    """Return the most probable path (*batch, T); 0 past the length."""
    parts = _parts(chain)
    return _path(_into(_forward(*parts, torch.amax), *parts).argmax(1))


def sample(chain: Chain, noise: Array) -> Array:
    """Return an exact draw (*batch, T), made from its last step back, the same in both backends; 0 past the length.

    Args:
        chain: the potentials.
        noise: standard normals (*batch, T), each turned to its step's category by the inverse distribution function.
    """
    parts = _parts(chain, noise.shape[:-1])
    cumulative = _softmax(_into(_forward(*parts, _logsumexp), *parts)).cumsum(1)
    # Short of 1, so that a draw never comes past the last category that has a probability.
    uniform = torch.special.ndtr(noise).clamp(max=1 - torch.finfo(noise.dtype).eps / 2)
    return _path((cumulative > uniform * cumulative[:, -1:]).byte().argmax(1))


def _parts(chain: Chain, batch: tuple[int, ...] = ()) -> tuple[Array, Array, Array]:
    """Return unary (K, *batch, T), past the length category 0 alone, at no cost; pairwise; steps left (*batch, T)."""
    unary, pairwise, length = chain[0], chain[1], torch.as_tensor(chain[2], device=chain[0].device)
    batch = torch.broadcast_shapes(unary.shape[:-2], pairwise.shape[:-2], length.shape, batch)
    left = (length[..., None] - torch.arange(unary.shape[-2], device=unary.device)).expand(*batch, -1)
    past = torch.where(torch.arange(unary.shape[-1], device=unary.device) == 0, 0.0, -torch.inf).to(unary.dtype)
    unary = torch.where(left[..., None] > 0, unary, past).movedim(-1, 0)
    return unary, pairwise.expand(*batch, -1, -1).movedim((-2, -1), (0, 1))[..., None], left


def _moves(unary: Array, pairwise: Array, left: Array) -> Array:
    """Return the matrices of logs (K, K, *batch, T) that lead from step to step; the first has equal rows."""
    follows = torch.cat([torch.zeros_like(left[..., :1]), left[..., 1:]], -1) > 0
    return torch.where(follows, pairwise, 0) + unary


def _forward(unary: Array, pairwise: Array, left: Array, over: Callable[..., Array]) -> Array:
    """Return α (K, *batch, T), each step's less its maximum."""

    def merge(a: Array, b: Array) -> Array:
        merged = _product(a, b, over)
        return merged - _top(merged)

    return _along(_moves(unary, pairwise, left), merge)


def _into(alpha: Array, unary: Array, pairwise: Array, left: Array) -> Array:
    """Return the kernels' logits (K of t+1, K of t, *batch, T): α_t in every row where no step is left after t."""
    return alpha + torch.where(left > 1, pairwise.transpose(0, 1), 0)


def _back(kernels: Array) -> Array:
    """Return the distribution of every step (K, *batch, T), given kernels (K of t+1, K of t, *batch, T)."""
    return _along(kernels.flip(-1), lambda a, b: (a[:, :, None] * b).sum(1)).flip(-1)


def _path(choice: Array) -> Array:
    """Return the path (*batch, T) of the categories chosen for each category that may come after (K, *batch, T)."""
    return _back(_one_hot(choice, len(choice)).transpose(0, 1).float()).argmax(0)


def _along(maps: Array, merge: Merge) -> Array:
    """Return the products (K, *batch, T) of ever more of the matrices (K, K, *batch, T), the first with equal rows."""

    def rows(row: Array, maps: Array) -> Array:
        steps = maps.shape[-1]
        if steps == 1:
            return merge(row, maps)
        odd, pairs = maps[..., 0::2], steps // 2
        even = rows(row, merge(odd[..., :pairs], maps[..., 1::2]))
        odd = merge(torch.cat([row, even], -1)[..., : steps - pairs], odd)
        return torch.cat([torch.stack([odd[..., :pairs], even], -1).flatten(-2), odd[..., pairs:]], -1)

    return rows(maps[:1, ..., :1], maps)[0]


def _product(a: Array, b: Array, over: Callable[..., Array]) -> Array:
    """Return matrix products of logs, in which `over` (a log-sum-exp, or the maximum) takes the sum's place.

    Meanwhile K³ numbers are held for every product, which log_partition's gradient keeps.
    """
    # Every other step, as it lies in memory, adds several times slower.
    return over(a.contiguous()[:, :, None] + b.contiguous(), 1)


def _one_hot(path: Array, size: int) -> Array:
    """Return whether a category (...) is each of them (K, ...)."""
    return path == torch.arange(size, device=path.device).reshape(-1, *[1] * path.ndim)


def _weigh(probs: Array, potential: Array) -> Array:
    return probs * torch.where((probs == 0) & (potential == -torch.inf), 0, potential)


def _logsumexp(x: Array, dim: int) -> Array:
    # The gradient of the libraries' own is NaN where every x is -inf.
    top = x.detach().amax(dim, keepdim=True).nan_to_num()
    total = torch.exp(x - top).sum(dim)
    return torch.where(total == 0, -torch.inf, torch.where(total == 0, 1, total).log()) + top.squeeze(dim)


def _softmax(x: Array) -> Array:
    return torch.exp(x - _logsumexp(x, 1).nan_to_num()[:, None])


def _top(x: Array) -> Array:
    return x.detach().amax((0, 1)).nan_to_num()
