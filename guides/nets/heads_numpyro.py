"""Distributions of what a network puts out, in NumPyro."""

import jax
import numpyro.distributions as dist

# Far below a float32's precision beside any log-odds that matters, far above its smallest normal number.
NUDGE = 1e-30


def bernoulli(logits: jax.Array) -> dist.BernoulliLogits:
    """Return 0/1 variables with these log-odds (...), independent: density and gradient are stable and right.

    The gradient of NumPyro's log mass at log-odds of exactly 0, where a network that starts at zero or whose
    units are all off stands, is 0 or 1 in place of -1/2 or 1/2: hence the nudge. Probabilities in place of
    log-odds would be right at 0, but clipped in the tails, at other places in either library.
    """
    return dist.BernoulliLogits(logits + NUDGE)
