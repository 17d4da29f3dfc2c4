r"""The Gaussian of ten heights with priors: Normal–Inverse-Gamma, whose posterior and evidence are exact.

The lecture's Gaussian, with its two parameters turned into global latents. The prior on the mean is as wide
as `1 / kappa0` observations make it; the prior on the variance is worth `2 a0` observations.

    variance ~ InverseGamma(a0, b0)                   square metres
    loc      ~ Normal(m0, sqrt(variance / kappa0))    metres
    x_i      ~ Normal(loc, sqrt(variance))            i = 1 … n, metres

With `known_sd`, a number in metres, the variance is not a latent:

    loc ~ Normal(m0, s0)
    x_i ~ Normal(loc, known_sd)

The posterior has the prior's form (reference 1): kappa_n = kappa0 + n, m_n = (kappa0 m0 + sum x) / kappa_n,
a_n = a0 + n / 2, b_n = b0 + SS / 2 + kappa0 n (mean - m0)^2 / (2 kappa_n), SS the squared deviations from the
mean. On the ten heights the log evidence is 13.071331, and the best q(loc) q(variance) reaches 13.036042:
mean field loses 0.0353 nats, since loc and variance are dependent a posteriori.

The slide prints sigma^2 ~ 0.0015 for the ten heights; its own formula gives 0.002921, and the unbiased
estimate is 0.0032456. The posterior mean of the variance here is 0.0032894.

References:
    1. A. Gelman et al., Bayesian Data Analysis, 3rd edition, CRC 2013, sections 2.5 and 3.3 (pages 39-42
       and 67-69).
    2. C. M. Bishop, Pattern Recognition and Machine Learning, Springer 2006, sections 2.3.6 and 10.1.3
       (pages 97-102 and 470-473): the conjugate prior, and its mean-field approximation.
    3. K. P. Murphy, Conjugate Bayesian analysis of the Gaussian distribution, report, 2007, section 6.
"""

from collections.abc import Mapping
from typing import Any

from zoo.card import Card, Data, Learning, Option, Site
from zoo.models.height import GALTON_HEIGHTS, LECTURE_HEIGHTS


def dims(data: Data, options: Mapping[str, Any]) -> dict[str, int]:
    """Return the sizes of the named dimensions."""
    return {"row": len(data["x"])}


CARD = Card(
    name="height_bayes",
    title="Gaussian with priors",
    lecture="Generative models: the Gaussian of ten heights, with a prior on its parameters",
    process=(
        "variance ~ InverseGamma(a0, b0)\n"
        "loc      ~ Normal(m0, sqrt(variance / kappa0))\n"
        "x_i      ~ Normal(loc, sqrt(variance)),  i = 1 … n\n"
        "with known_sd:  loc ~ Normal(m0, s0),  x_i ~ Normal(loc, known_sd)"
    ),
    formula=(
        r"p(x, \mu, \sigma^2) = \mathcal{IG}(\sigma^2 \mid a_0, b_0)\,"
        r"\mathcal{N}(\mu \mid m_0, \sigma^2 / \kappa_0)\,\prod_{i=1}^{n} \mathcal{N}(x_i \mid \mu, \sigma^2)"
    ),
    sites=(
        Site(
            "variance",
            "latent",
            (),
            "positive",
            "variance of heights",
            r"\sigma^2",
            "m²",
            {"known_sd": (None,)},
        ),
        Site("loc", "latent", (), "real", "mean height", r"\mu", "m"),
        Site("x", "observed", ("row",), "real", "a person's height", "x_i", "m"),
    ),
    options=(
        Option("m0", 1.7, "prior mean of loc, metres"),
        Option("kappa0", 1.0, "how many observations the prior of loc is worth", above=0),
        Option("a0", 2.0, "shape of the variance's prior; 2 a0 observations are its worth", above=0),
        Option("b0", 0.005, "scale of the variance's prior, square metres", above=0),
        Option("known_sd", None, "the standard deviation in metres, where it is known; none: a latent", above=0),
        Option("s0", 0.1, "prior standard deviation of loc in metres, used with known_sd", above=0),
    ),
    inputs={"x": ("row",)},
    datasets=(LECTURE_HEIGHTS, GALTON_HEIGHTS),
    exact={
        "evidence": "log p(x) in closed form: 13.071331 on the ten heights",
        "posterior": "Normal–Inverse-Gamma; with known_sd a Gaussian",
        "predictive": "a Student t with 2 aₙ degrees of freedom; with known_sd a Gaussian",
        "mean_field": "the best q(loc) q(variance): 13.036042 on the ten heights",
        "log_likelihood": "the Gaussian log density of each row",
    },
    hard=(
        "Little: loc and variance are dependent a posteriori, and the variance is skewed, so mean field and "
        "Gaussian guides have a small gap that can be measured exactly."
    ),
    references=(
        "A. Gelman et al., Bayesian Data Analysis, 3rd ed. (2013), sections 2.5 and 3.3",
        "C. M. Bishop, Pattern Recognition and Machine Learning (2006), sections 2.3.6 and 10.1.3",
        "K. P. Murphy, Conjugate Bayesian analysis of the Gaussian distribution (2007), section 6",
    ),
    dims=dims,
    learning=Learning(num_steps=2000, learning_rate=0.02),
)
