"""Independent categorical entries, in PyTorch."""

from collections.abc import Mapping

import torch


def draw(params: Mapping[str, torch.Tensor], noise: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Transform noise (*rows, size) to categories (*rows, size) and log q of them (*rows,)."""
    log_p = log_probs(params)
    below = torch.cumsum(torch.exp(log_p), -1)[..., :-1] <= torch.special.ndtr(noise)[..., None]
    value = below.sum(-1).detach()
    return value, log_prob(params, value)


def log_prob(params: Mapping[str, torch.Tensor], value: torch.Tensor) -> torch.Tensor:
    """Return log q (*rows,) of categories (*rows, size)."""
    log_p = log_probs(params)
    return torch.take_along_dim(log_p, value[..., None].long(), -1)[..., 0].sum(-1)


def log_probs(params: Mapping[str, torch.Tensor]) -> torch.Tensor:
    """Return each entry's log probabilities (*rows, size, cardinality)."""
    logits = params["logits"]
    return torch.log_softmax(torch.cat([torch.zeros_like(logits[..., :1]), logits], -1), -1)
