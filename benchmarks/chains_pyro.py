"""A hidden Markov model's log-likelihood and gradient in PyTorch, by the zoo; see chains.py."""

from __future__ import annotations

import torch

from benchmarks.chains import Case, Run
from guides.chain_pyro import Chain, log_partition


def ours(given: Case, double: bool, device: str) -> Run:
    """The log normaliser of a chain, and its gradient in the transition matrix and the log densities."""
    kind = {"dtype": torch.float64 if double else torch.float32, "device": device}
    initial, transition, log_density = (torch.tensor(a, **kind) for a in given)
    start = torch.zeros_like(log_density)
    start[0] = initial.log()

    def run() -> tuple[torch.Tensor, torch.Tensor]:
        moves, emissions = transition.clone().requires_grad_(), log_density.clone().requires_grad_()
        value = log_partition(Chain(start + emissions, moves.log(), torch.tensor(len(start), device=device)))
        gradient = torch.autograd.grad(value, (moves, emissions))
        if device == "cuda":
            torch.cuda.synchronize()
        return value.detach().cpu(), gradient[1].cpu()

    return run


ARMS = {"zoo on PyTorch": ours}
