"""Adam (Kingma and Ba, 2015) as plain arithmetic, one text for NumPy, PyTorch and JAX arrays."""

from __future__ import annotations

from typing import Any

BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-8


def step(v: Any, gradient: Any, mean: Any, square: Any, count: Any, rate: Any) -> tuple[Any, Any, Any]:
    """Take one step of Adam.

    Args:
        v: what is learnt.
        gradient: of the loss, v's shape.
        mean, square: running moments of the gradient, v's shape; zeros at first.
        count: number of this step, from 1.
        rate: learning rate of this step.

    Returns:
        The new v, mean and square.

    >>> step(1.0, 4.0, 0.0, 0.0, 1, 0.1)[0]
    0.90000000025
    """
    mean = BETA1 * mean + (1 - BETA1) * gradient
    square = BETA2 * square + (1 - BETA2) * gradient * gradient
    # The corrections are numbers, taken out of the arrays' arithmetic.
    corrected = square**0.5 * (1 - BETA2**count) ** -0.5 + EPSILON
    return v - (rate / (1 - BETA1**count)) * mean / corrected, mean, square
