"""The random walk's true posterior given its series, in NumPyro."""

import math
from collections.abc import Mapping

import jax.numpy as jnp
from jax import Array


def noise_size(*, T: int = 10, step_sd: float = 1.0, noise_sd: float = 1.0) -> int:
    """Return how many standard normals one row takes."""
    return T


def draw(
    values: Mapping[str, Array],
    data: Mapping[str, Array],
    noise: Array,
    *,
    T: int = 10,
    step_sd: float = 1.0,
    noise_sd: float = 1.0,
) -> tuple[dict[str, Array], Array]:
    """Draw each row's walk from its posterior, a Gaussian of tridiagonal precision.

    Args:
        values: not looked at, as the model has neither parameters nor global latents.
        data: {"x": the batch's series, shape (B, T)}.
        noise: standard normals, shape (B, T).
        T, step_sd, noise_sd: the model's options.

    Returns:
        {"z": walks, shape (B, T)}, and their log density under the posterior, shape (B,).
    """
    step = (jnp.eye(T) - jnp.diag(jnp.ones(T - 1), -1)) / step_sd
    tril = jnp.linalg.cholesky(step.mT @ step + jnp.eye(T) / noise_sd**2)
    # A draw is mean + tril⁻ᵀ noise, which has covariance (tril trilᵀ)⁻¹; as rows, noise tril⁻¹.
    inverse = jnp.linalg.inv(tril)
    mean = data["x"] / noise_sd**2 @ inverse.mT @ inverse
    log_det = jnp.log(jnp.diagonal(tril)).sum()
    log_q = log_det - 0.5 * (noise**2).sum(-1) - 0.5 * T * math.log(2 * math.pi)
    return {"z": mean + noise @ inverse}, log_q
