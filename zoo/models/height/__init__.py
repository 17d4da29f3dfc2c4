r"""The Gaussian of ten heights: the lecture's first generative model, learnt by maximum likelihood.

Ten people are measured. The model says that heights are independent draws from one Gaussian, and training
is maximum likelihood, which has a closed form here: the mean, and the mean squared deviation from it.

    loc in R, scale > 0                 (parameters, metres)
    x_i ~ Normal(loc, scale)            i = 1 … n, metres

The slide prints sigma^2 ~ 0.0015; its own formula, applied to its own ten heights, gives sigma^2 = 0.002921
(sigma = 0.0540463 m), and that is what this page shows. The unbiased estimate, with n - 1 below, is
0.0032456.

References:
    1. C. M. Bishop, Pattern Recognition and Machine Learning, Springer 2006, section 1.2.4, equations
       1.55 and 1.56 (page 27).
    2. K. P. Murphy, Probabilistic Machine Learning: An Introduction, MIT Press 2022, section 4.2.5.
    3. F. Galton, Regression towards mediocrity in hereditary stature, Journal of the Anthropological
       Institute 15 (1886) 246-263: the larger data set.
"""

from collections.abc import Mapping
from typing import Any

from zoo.card import Card, Data, DataSet, Learning, Site

LECTURE_HEIGHTS = DataSet(
    "lecture",
    "the lecture's ten heights, metres",
    "printed on the lecture's slide",
    "figures, no licence needed",
)
GALTON_HEIGHTS = DataSet(
    "galton",
    "heights of 481 grown-up sons, metres",
    "Galton (1886), transcribed by Hanley, American Statistician 58 (2004) 237-243; HistData::GaltonFamilies",
    "public domain",
)


def dims(data: Data, options: Mapping[str, Any]) -> dict[str, int]:
    """Return the sizes of the named dimensions."""
    return {"row": len(data["x"])}


CARD = Card(
    name="height",
    title="Gaussian",
    lecture="Generative models: the Gaussian of ten heights, by maximum likelihood",
    process="x_i ~ Normal(loc, scale),  i = 1 … n",
    formula=r"p_\theta(x) = \prod_{i=1}^{n} \mathcal{N}(x_i \mid \mu, \sigma^2),\quad \theta = (\mu, \sigma)",
    sites=(
        Site("loc", "param", (), "real", "mean height", r"\mu", "m"),
        Site("scale", "param", (), "positive", "standard deviation of heights", r"\sigma", "m"),
        Site("x", "observed", ("row",), "real", "a person's height", "x_i", "m"),
    ),
    inputs={"x": ("row",)},
    datasets=(LECTURE_HEIGHTS, GALTON_HEIGHTS),
    exact={
        "fit": "maximum likelihood: the mean, and root mean squared deviation (n below, not n − 1)",
        "log_likelihood": "the Gaussian log density of each row",
    },
    hard=(
        "Nothing, which is its use: learning can be held against the closed form to the last digit. "
        "The slide prints σ² ≈ 0.0015, but its own formula gives σ² = 0.002921 for its ten heights "
        "(the unbiased estimate, with n − 1 below, is 0.0032456)."
    ),
    references=(
        "C. M. Bishop, Pattern Recognition and Machine Learning (2006), section 1.2.4, eqs 1.55-1.56, p. 27",
        "K. P. Murphy, Probabilistic Machine Learning: An Introduction (2022), section 4.2.5",
        "F. Galton, Regression towards mediocrity in hereditary stature, J. Anthr. Inst. 15 (1886) 246-263",
    ),
    dims=dims,
    learning=Learning(num_steps=2000, learning_rate=0.02),
)
