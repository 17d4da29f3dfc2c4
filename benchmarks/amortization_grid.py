"""Learning rates of the amortization benchmark: one grid for every arm, and the choice on a tuning seed.

    python -m benchmarks.amortization --tune

tries every rate of the grid by every arm on TUNING_SEED, which no measured run has, and prints what TRIED holds.
"""

from __future__ import annotations

Tried = dict[str, dict[str, tuple[float | None, ...]]]

GRID = (0.003, 0.01, 0.03, 0.1)
TUNING_SEED = 100
DEFAULT = 0.01

# The last ELBO at each rate, nats a training row, at the reduced size; None where the loss was not finite.
TRIED: Tried = {
    "frozen: ppca": {
        "constant": (-53.0295, -53.0257, -53.0257, -53.0274),
        "amortized": (-3.5058, -3.4719, -3.4689, -3.469),
        "per_datapoint, 1 a visit": (-3.831, -3.4704, -3.4713, -3.4728),
        "per_datapoint, 5 a visit": (-3.4691, -3.4693, -3.4695, -3.4702),
        "semi_amortized": (-3.5111, -3.4727, -3.4696, -3.4705),
        "amortized, rank 1": (-5.8657, -5.8566, -5.8567, -5.8567),
    },
    "frozen: gmm": {
        "constant": (-26.222, -12.2843, -10.4823, -10.155),
        "amortized": (-4.391, -4.3433, -4.3379, -4.3374),
        "per_datapoint, 1 a visit": (-21.5701, -6.6338, -4.574, -4.1848),
        "per_datapoint, 5 a visit": (-4.557, -4.171, -4.1225, -4.1131),
    },
    "frozen: hierarchical_normal": {
        "constant": (-7.1108, -7.1098, -7.1098, -7.1101),
        "amortized": (-5.6048, -5.6038, -5.604, -5.6042),
        "per_datapoint, 1 a visit": (-5.6208, -5.6053, -5.6066, -5.6064),
        "per_datapoint, 5 a visit": (-5.604, -5.604, -5.6041, -5.6051),
    },
    "frozen: random_walk": {
        "constant": (-140.3563, -139.4409, -139.4412, -139.4415),
        "window of 1, affine": (-51.7801, -51.7741, -51.7741, -51.7742),
        "window of 3, affine": (-40.8916, -40.7593, -40.6488, -40.6417),
        "window of 5, affine": (-40.3339, -39.8876, -39.7982, -39.797),
        "window of 9, affine": (-40.1925, -39.6809, -39.6496, -39.6494),
        "window of 9, 32 tanh units": (-38.9187, -38.8889, -38.8858, -38.8906),
        "per_datapoint, 5 a visit": (-38.8813, -38.8841, -38.8875, -38.8937),
    },
    "frozen: vae": {
        "constant": (-1.2459, -0.4446, -0.535, -0.547),
        "amortized": (50.4385, 51.2298, 51.8966, None),
        "per_datapoint, 1 a visit": (-98.327, -43.2275, 11.3719, 46.6622),
        "per_datapoint, 5 a visit": (-23.3988, 33.545, 50.3546, 50.8858),
        "semi_amortized": (50.9851, 51.2059, 51.4412, None),
    },
    "joint: ppca": {
        "constant": (-6.0447, -6.0448, -6.045, -6.0452),
        "amortized": (-2.7018, -2.7013, -2.7015, -2.7016),
        "per_datapoint, 1 a visit": (-2.9598, -2.7033, -2.7041, -2.7055),
        "per_datapoint, 5 a visit": (-2.7019, -2.7025, -2.7029, -2.7037),
        "semi_amortized": (-2.7027, -2.7017, -2.7021, -2.7036),
    },
    "joint: vae": {
        "constant": (24.4507, 24.4697, 24.467, 24.4624),
        "amortized": (47.2401, 52.0126, 50.9808, None),
        "per_datapoint, 1 a visit": (24.4627, 25.7361, 36.1042, 40.462),
        "per_datapoint, 5 a visit": (29.6017, 49.6776, 49.9317, 47.2568),
        "semi_amortized": (47.6566, 52.1553, 51.3777, None),
    },
}


def best(found: Tried) -> dict[str, dict[str, float]]:
    """Return the rate of the largest ELBO, by experiment and case, and arm.

    >>> best({"joint: vae": {"constant": (-2.0, None, -1.0, -3.0)}})
    {'joint: vae': {'constant': 0.03}}
    """
    return {
        name: {
            arm: max((value, rate) for value, rate in zip(each, GRID, strict=True) if value is not None)[1]
            for arm, each in arms.items()
        }
        for name, arms in found.items()
    }


CHOSEN = best(TRIED)


def key(experiment: str, case: str) -> str:
    """Return the name of a row of TRIED.

    >>> key("frozen", "hierarchical_normal, 1000 rows")
    'frozen: hierarchical_normal'
    """
    return f"{experiment}: {case.split(',')[0]}"


def rate_of(experiment: str, case: str, arm: str) -> float:
    """Return the rate of an arm; one that the reduced size does not have takes its nearest relative's."""
    found = CHOSEN.get(key(experiment, case), {})
    return found.get(arm, found.get(arm.replace("20 a visit", "5 a visit").removesuffix(", wide"), DEFAULT))
