"""Yearly counts of earthquakes, eruptions of Old Faithful in their order, and simulated series of unequal lengths."""

from typing import Any

import numpy as np

from zoo.datasets import read
from zoo.errors import unknown
from zoo.models.hmm.exact import Options
from zoo.models.units import ModelOptions, Units

NAMES = ("earthquakes", "old_faithful", "old_faithful_long", "simulated")
LONG = 3.0  # minutes from which an eruption is called long
SIMULATED = {"seed": 0, "size": 100, "T": 40}
STAYS, RATE, STEP = 0.8, 6.0, 3.0  # of simulated chains: how likely a state stays, and how far apart the states lie


def load(name: str = "earthquakes") -> dict[str, np.ndarray]:
    """Load a named data set.

    Args:
        name: "earthquakes" (107 years), "old_faithful" (272 eruptions: minutes it lasts, minutes to the next),
            "old_faithful_long" (whether each lasted at least 3 minutes: 0 or 1), "simulated" (100 series of counts,
            20 to 40 steps long).

    Returns:
        {"x": shape (series, steps, columns)}, NaN past a series' end.

    Raises:
        UserError: the name is unknown.

    >>> {name: load(name)["x"].shape for name in NAMES[:2]}
    {'earthquakes': (1, 107, 1), 'old_faithful': (1, 272, 2)}
    """
    if name not in NAMES:
        raise unknown("data set", name, NAMES, "model 'hmm'")
    if name == "earthquakes":
        return {"x": read("earthquakes")[None, :, 1:]}
    if name == "old_faithful":
        return {"x": read("old_faithful")[None]}
    if name == "old_faithful_long":
        return {"x": (read("old_faithful")[None, :, :1] >= LONG).astype(float)}
    return simulate(**SIMULATED)


def parameters(**options: Any) -> dict[str, np.ndarray]:
    """Return the true parameters of simulated series: states that stay, side by side."""
    o = Options(**options)
    even = np.ones((o.K, o.K)) / o.K
    transition = STAYS * np.eye(o.K) + (1 - STAYS) * even
    place = np.arange(o.K)[:, None] * np.ones(o.D)
    found = {"initial": np.ones(o.K) / o.K, "transition": transition}
    if o.emission == "poisson":
        return found | {"rate": RATE * (1 + place)}
    if o.emission == "gaussian":
        return found | {"loc": STEP * place, "scale": np.ones((o.K, o.D))}
    likely = np.arange(o.V) == (place[..., None] % o.V)
    return found | {"probs": 0.5 * likely + 0.5 / o.V}


def truth(seed: int, **options: Any) -> dict[str, np.ndarray]:
    """Return the true parameters of series, those of `parameters` for every seed; a Gaussian's sd less the floor."""
    found = parameters(**options)
    return found | ({"scale": found["scale"] - Options(**options).floor} if "scale" in found else {})


def simulate(seed: int, size: int, **options: Any) -> dict[str, np.ndarray]:
    """Draw series of half of T to T steps at `parameters`.

    Args:
        seed: of NumPy's default generator.
        size: number of series.
        options: the model's.

    Returns:
        {"x": shape (size, T, D)}, NaN past a series' end; one of them has all T steps.
    """
    o, values = Options(**options), parameters(**options)
    rng = np.random.default_rng(seed)
    ends = values["transition"].cumsum(1)
    z = np.zeros((size, o.T), dtype=int)
    z[:, 0] = rng.integers(o.K, size=size)
    for t in range(1, o.T):
        z[:, t] = (rng.random((size, 1)) > ends[z[:, t - 1]]).sum(1)
    if o.emission == "poisson":
        x = rng.poisson(values["rate"][z]).astype(float)
    elif o.emission == "gaussian":
        x = rng.normal(values["loc"][z], values["scale"][z])
    else:
        x = (rng.random((size, o.T, o.D, 1)) > values["probs"][z].cumsum(-1)).sum(-1).astype(float)
    length = rng.integers((o.T + 1) // 2, o.T, size=size, endpoint=True)
    length[0] = o.T
    return {"x": np.where(np.arange(o.T)[:, None] < length[:, None, None], x, np.nan)}


def in_other_units(options: ModelOptions, shift: np.ndarray, scale: np.ndarray) -> Units:
    """Return what the model is in other units of x: those of Gaussians; the floor is one for all columns."""
    return Units(options | {"floor": options["floor"] * float(scale[0])}, shift, np.full_like(scale, scale[0]))
