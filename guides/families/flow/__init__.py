"""A normalising flow: a spline in each dimension, then masked affine autoregressive layers, then an affine map.

    e ~ N(0, I),   h = spline(e),   h_i ← exp(s_i(h_<i)) h_i + t_i(h_<i)  (layers, the order turned each time),
    v = loc + scale ⊙ h

The splines are monotone rational quadratics on [−5, 5] (Durkan et al., "Neural spline flows", 2019), the
identity outside: in one dimension an affine flow would be no more than mean field. The layers are those of
Kingma et al., "Improved variational inference with inverse autoregressive flow", 2016, with a masked network
of one hidden layer (Germain et al., "MADE", 2015). It starts as mean field: every layer is the identity.

Over local latents the rows share the weights, and a row's φᵢ is its base (loc, scale) and its context cᵢ, which
shifts the splines' knots and the layers' hidden units.
"""

import numpy as np

from guides.families import Family
from guides.sites import TracedSite, learnt

BINS = 8
BOUND = 5.0


def masks(size: int, hidden: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the masks (hidden, size) and (size, hidden) that let output i see inputs before i only.

    >>> (masks(3, 4)[1] @ masks(3, 4)[0] > 0).astype(int)
    array([[0, 0, 0],
           [1, 0, 0],
           [1, 1, 0]])
    """
    degree = np.arange(hidden) % max(size - 1, 1) + 1
    inputs = np.arange(1, size + 1)
    return (degree[:, None] >= inputs).astype(float), (inputs[:, None] > degree).astype(float)


def initial(
    size: int,
    rng: np.random.Generator,
    init_scale: float = 0.1,
    layers: int = 2,
    hidden: int | None = None,
    context: int = 0,
) -> tuple[TracedSite, ...]:
    """Start as mean field; `hidden` units a layer are max(8, 2 size) unless given.

    The weights that see a row's context start at random, since the context starts at 0: with both at 0
    neither would learn.
    """
    units = max(8, 2 * size) if hidden is None else hidden
    sites = [
        learnt("loc", np.zeros(size)),
        learnt("scale", np.full(size, init_scale), "positive"),
        learnt("widths", np.zeros((size, BINS))),
        learnt("heights", np.zeros((size, BINS))),
        learnt("slopes", np.zeros((size, BINS - 1))),
    ]
    if context:
        sites.append(learnt("context", np.zeros(context)))
        for name, bins in (("widths", BINS), ("heights", BINS), ("slopes", BINS - 1)):
            weight = 0.1 * rng.standard_normal((size * bins, context)) / context**0.5
            sites.append(learnt(f"{name}_context", weight))
    for layer in range(layers):
        sites += [
            learnt(f"layer{layer}.in_weight", rng.standard_normal((units, size)) / size**0.5),
            learnt(f"layer{layer}.in_bias", np.zeros(units)),
            learnt(f"layer{layer}.shift_weight", np.zeros((size, units))),
            learnt(f"layer{layer}.shift_bias", np.zeros(size)),
            learnt(f"layer{layer}.log_scale_weight", np.zeros((size, units))),
            learnt(f"layer{layer}.log_scale_bias", np.zeros(size)),
        ]
        if context:
            weight = rng.standard_normal((units, context)) / context**0.5
            sites.append(learnt(f"layer{layer}.context_weight", weight))
    return tuple(sites)


FAMILY = Family(
    summary="normalising flow (splines, autoregressive layers)",
    initial=initial,
    noise_size=lambda size, init_scale=0.1, layers=2, hidden=None, context=0: size,
    options={"init_scale": 0.1, "layers": 2, "hidden": None, "context": 0},
    shared=True,
    contains="mean_field",
    raised=lambda member, rng, **options: dict(member),
    rate=0.3,
)
