"""What is known exactly of the Bayesian hidden Markov model: densities, and all recursions at given parameters.

Every function takes the model's options as keywords; an unknown one raises TypeError.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import dirichlet, gamma, halfnorm, norm

from zoo.models.hmm import exact as hmm

Arrays = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Options:
    """The model's options; `center` and `spread` are numbers or one by column."""

    emission: str = "poisson"
    K: int = 2
    T: int = 20
    D: int = 1
    V: int = 2
    alpha: float = 1.0
    a0: float = 1.0
    eta: float = 1.0
    center: float | Sequence[float] = 1.0
    spread: float | Sequence[float] = 1.0

    @property
    def chain(self) -> dict[str, Any]:
        """The options of `hmm`; a Gaussian sd has no floor."""
        return {"emission": self.emission, "K": self.K, "T": self.T, "D": self.D, "V": self.V, "floor": 0.0}


def log_joint(values: Arrays, data: Arrays, **options: Any) -> dict[str, float]:
    """Return the log density by sample site.

    Args:
        values: "initial" (K,), "transition" (K, K), the emission's parameters, and "z": paths (n, T).
        data: {"x": series (n, T, D)}.
        options: the model's.

    Returns:
        Summed log density of every latent, and of "x".
    """
    o = Options(**options)
    center, spread = np.asarray(o.center), np.asarray(o.spread)
    found = {
        "initial": _dirichlet(values["initial"], o.alpha),
        "transition": _dirichlet(values["transition"], o.alpha),
    }
    if o.emission == "poisson":
        found["rate"] = float(gamma.logpdf(values["rate"], o.a0, scale=center / o.a0).sum())
    elif o.emission == "gaussian":
        found["loc"] = float(norm.logpdf(values["loc"], center, spread).sum())
        found["scale"] = float(halfnorm.logpdf(values["scale"], scale=spread).sum())
    else:
        found["probs"] = _dirichlet(values["probs"], o.eta)
    return found | hmm.log_joint(values, data, **o.chain)


def log_likelihood(x: np.ndarray, values: Arrays, **options: Any) -> np.ndarray:
    """Return log p(x | latents) of each series by the forward recursion, paths summed out, (n,), in nats."""
    return hmm.log_likelihood(x, values, **Options(**options).chain)


def evidence(data: Arrays, **options: Any) -> None:
    """Return None: it is not known."""
    Options(**options)


def posterior(data: Arrays, **options: Any) -> None:
    """Return None: it has no closed form."""
    Options(**options)


def fit(data: Arrays, **options: Any) -> None:
    """Return None: there are no parameters to learn."""
    Options(**options)


def _dirichlet(probs: np.ndarray, concentration: float) -> float:
    rows = np.asarray(probs).reshape(-1, np.shape(probs)[-1])
    # SciPy asks for sums of 1 to the last digit.
    return float(sum(dirichlet.logpdf(row / row.sum(), np.full(len(row), concentration)) for row in rows))
