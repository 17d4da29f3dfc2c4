"""Where learning starts: every walk at the prior's mean, at the prior's scale."""

from collections.abc import Mapping

import numpy as np

from guides.start import Start


def start(
    data: Mapping[str, np.ndarray],
    rng: np.random.Generator,
    *,
    T: int = 10,
    step_sd: float = 1.0,
    noise_sd: float = 1.0,
) -> dict[str, Start]:
    """Start at the prior: the model has neither parameters nor global latents.

    Args:
        data: {"x": series, shape (n, T)}; not looked at.
        rng: not used.
        T, step_sd, noise_sd: the model's options.

    Returns:
        A Start for one row's "z" (T,), spread by the prior's sd at each step, step_sd √t.
    """
    return {"z": Start(np.zeros(T), step_sd * np.sqrt(np.arange(1.0, T + 1)))}
