"""The linear infinite mixture's true posterior of the codes, in NumPyro."""

import math
from collections.abc import Mapping

import jax.numpy as jnp
from jax import Array


def noise_size(*, latent: int = 2, D: int = 4) -> int:
    """Return how many standard normals one row takes."""
    return latent


def draw(
    values: Mapping[str, Array], data: Mapping[str, Array], noise: Array, *, latent: int = 2, D: int = 4
) -> tuple[dict[str, Array], Array]:
    """Draw each row's code from its posterior, Normal(M⁻¹Wᵀ(x - loc), scale² M⁻¹).

    Args:
        values: "weight" (D, latent), "loc" (D,), "scale" ().
        data: {"x": the batch's rows, shape (B, D)}.
        noise: standard normals, shape (B, latent).
        latent, D: the model's options.

    Returns:
        {"z": codes, shape (B, latent)}, and their log density under the posterior, shape (B,).
    """
    weight = values["weight"] / values["scale"]
    tril = jnp.linalg.cholesky(weight.mT @ weight + jnp.eye(latent))
    # A draw is mean + tril⁻ᵀ noise, which has covariance (tril trilᵀ)⁻¹; as rows, noise tril⁻¹.
    inverse = jnp.linalg.inv(tril)
    mean = ((data["x"] - values["loc"]) / values["scale"]) @ weight @ inverse.mT @ inverse
    log_det = jnp.log(jnp.diagonal(tril)).sum()
    log_q = log_det - 0.5 * (noise**2).sum(-1) - 0.5 * latent * math.log(2 * math.pi)
    return {"z": mean + noise @ inverse}, log_q
