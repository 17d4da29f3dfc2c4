"""The classic q of latent Dirichlet allocation, climbed by coordinate updates, in NumPyro."""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array
from jax.scipy.special import digamma, gammaln, xlogy

from zoo.distributions.dirichlet_numpyro import dirichlet
from zoo.models.lda.exact import ITERATIONS, Options


def noise_size(**options: Any) -> int:
    """Return how many standard normals one document takes."""
    return 2 * Options(**options).K


def phi_size(**options: Any) -> int:
    """Return how many numbers q(theta) of one document has."""
    return Options(**options).K


def phi(values: Mapping[str, Array], data: Mapping[str, Array], **options: Any) -> Array:
    """Climb to the top of each document's bound; there it does not change with q, which is held.

    Args:
        values: "topics" (K, V), and "concentration" () where it is learnt.
        data: {"x": the batch's counts (B, V)}.
        options: the model's.

    Returns:
        The concentration of q(theta) of each document (B, K).
    """
    o = Options(**options)
    held = jax.lax.stop_gradient(dict(values))
    x, topics, alpha = data["x"], held["topics"], held["concentration"] if o.estimate == "alpha" else o.alpha

    def update(gamma: Array, _: None) -> tuple[Array, None]:
        weight = jnp.exp(digamma(gamma))
        mixed = jnp.maximum(weight @ topics, jnp.finfo(x.dtype).tiny)
        return alpha + weight * (x / mixed @ topics.mT), None

    even = alpha + x.sum(-1, keepdims=True) / o.K * jnp.ones(o.K)
    return jax.lax.scan(update, even, length=ITERATIONS)[0]


def draw(phi: Array, noise: Array, **options: Any) -> tuple[dict[str, Array], Array]:
    """Draw each document's shares from its q.

    Args:
        phi: q's concentration (B, K).
        noise: standard normals (B, 2 K).
        options: the model's.

    Returns:
        {"theta": shares (B, K)}, and their log density under q (B,).
    """
    theta, log_q = dirichlet(phi, noise)
    return {"theta": theta}, log_q


def bounds(
    values: Mapping[str, Array], data: Mapping[str, Array], phi: Array, **options: Any
) -> tuple[dict[str, Array], Array, Array]:
    """Return the ELBO of q(theta) q(z), the words' topics not summed out.

    Args:
        values, data, options: as of `phi`.
        phi: q's concentration (B, K).

    Returns:
        {"theta": q's mean (B, K)}, the bound of each document (B,), and its part E log p(words | z) - E log q(z) +
        E log p(z | theta), which is what the words are worth given theta (B,).
    """
    o, total = Options(**options), phi.sum(-1, keepdims=True)
    alpha = values["concentration"] if o.estimate == "alpha" else o.alpha * jnp.ones(())
    log_theta = digamma(phi) - digamma(total)
    words = xlogy(data["x"], jnp.exp(log_theta) @ values["topics"]).sum(-1)
    prior = gammaln(o.K * alpha) - o.K * gammaln(alpha) + (alpha - 1) * log_theta.sum(-1)
    log_q = gammaln(total[..., 0]) - gammaln(phi).sum(-1) + ((phi - 1) * log_theta).sum(-1)
    return {"theta": phi / total}, words + prior - log_q, words
