"""Where learning starts: every walk at the prior's mean, at the prior's scale, the same for all steps."""

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
        A Start for one row's "z" (T,), spread by the root mean square of the prior's sds, step_sd √t: one unit
        for all steps, so that an encoder with the same weights at each gives each the same answer to the same
        window.
    """
    return {"z": Start(np.zeros(T), np.full(T, step_sd * np.sqrt((T + 1) / 2)))}
