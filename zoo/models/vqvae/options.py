"""The model's options and the decoder's shape, which the model, its data, its start and its exact answers share."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Options:
    """The model's options; an unknown one raises TypeError."""

    K: int = 16
    positions: int = 8
    code_size: int = 4
    hidden: int = 128
    depth: int = 1
    activation: str = "relu"
    likelihood: str = "gaussian"
    noise: str = "learnt"
    floor: float = 0.05
    prior: str = "uniform"
    units: int = 16
    D: int = 64

    @property
    def learns_noise(self) -> bool:
        """Whether the noise is a parameter."""
        return self.likelihood == "gaussian" and self.noise == "learnt"

    @property
    def sizes(self) -> tuple[int, ...]:
        """Units of each layer of the decoder."""
        return sizes(self.positions, self.code_size, self.hidden, self.depth, self.D)


def sizes(positions: int, code_size: int, hidden: int, depth: int, D: int) -> tuple[int, ...]:
    """Return how many units each layer of the decoder has, from a row's codes to its columns.

    >>> sizes(8, 4, 128, 1, 64)
    (32, 128, 64)
    """
    return (positions * code_size, *[hidden] * depth, D)
