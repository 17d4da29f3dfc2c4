r"""A linear-chain conditional random field with priors: how sure its labels are, the parameters' doubt included.

`crf` with a normal prior on every parameter, which become global latents.

    weights_dk    ~ Normal(0, scale)        (D, K)   what feature d says for label k
    bias_k        ~ Normal(0, scale)        (K)
    transition_jk ~ Normal(0, scale)        (K, K)   what speaks for label k after j
    y_i ~ LinearChain(x_i weights + bias, transition)    i = 1 … n

The prior settles what the likelihood leaves open: constants that cancel in Z, and labels that never follow each
other. The log posterior is strictly concave, so that it has one mode; `guide="delta"` finds it, which is the usual
penalised fit with strength 1 / scale^2. Given the posterior, the probability of a label is the mean over its draws of
the marginals (`zoo.tagging`), and less sure of itself than that at the mode.

References:
    1. J. Lafferty, A. McCallum and F. Pereira, Conditional random fields: probabilistic models for segmenting and
       labeling sequence data, ICML 2001.
    2. Y. Qi, M. Szummer and T. P. Minka, Bayesian conditional random fields, AISTATS 2005.
    3. C. Sutton and A. McCallum, An introduction to conditional random fields, Foundations and Trends in Machine
       Learning 4 (2012) 267-373, section 5.1.
"""

from collections.abc import Mapping
from typing import Any

from zoo.card import Card, Data, Learning, Option, Site
from zoo.models import crf


def dims(data: Data, options: Mapping[str, Any]) -> dict[str, int]:
    """Return the sizes of the named dimensions."""
    return crf.dims(data, options)


CARD = Card(
    name="crf_bayes",
    title="Conditional random field with priors",
    lecture="Discriminative models of sequences: conditional random fields, with a prior on the parameters",
    process=(
        "weights_dk ~ Normal(0, scale),  bias_k ~ Normal(0, scale),  transition_jk ~ Normal(0, scale)\n"
        "y_i ~ LinearChain(x_i weights + bias, transition),  i = 1 … n"
    ),
    formula=(
        r"p(y, \theta \mid x) = \mathcal{N}(\theta \mid 0, s^2 I) \prod_{i=1}^{n} \frac{1}{Z(x_i)}"
        r"\exp(\sum_{t=1}^{T_i} (W^{\top} x_{it} + b)_{y_{it}} + \sum_{t=2}^{T_i} A_{y_{i,t-1} y_{it}})"
    ),
    sites=(
        Site("weights", "latent", ("feature", "label"), "real", "what a feature says for a label, nats", "W"),
        Site("bias", "latent", ("label",), "real", "what speaks for a label in any case, nats", "b"),
        Site("transition", "latent", ("label", "next"), "real", "what speaks for a label after another, nats", "A"),
        Site("y", "observed", ("row", "step"), "category", "the label of each step", "y_i"),
    ),
    options=(
        crf.LABELS,
        crf.FEATURES,
        Option("scale", 1.0, "prior standard deviation of every weight, bias and transition", above=0),
    ),
    inputs={"x": ("row", "step", "feature"), "y": ("row", "step")},
    covariates=("x",),
    missing=("x",),
    datasets=(crf.STRINGS, crf.STRINGS_TEST),
    exact={
        "log_likelihood": "log p(y | x) of each string at given parameters by the forward recursion",
        "mode": "the posterior's one mode, by L-BFGS on the concave log posterior",
    },
    hard=(
        "270 latent numbers, of which many are tied: along what cancels in Z but for the prior, the posterior is as "
        "wide as the prior, and a bias can move into the transitions. Mean field has to be as narrow as what is known "
        "along any of its axes."
    ),
    references=(
        "J. Lafferty, A. McCallum and F. Pereira, Conditional random fields, ICML 2001",
        "Y. Qi, M. Szummer and T. P. Minka, Bayesian conditional random fields, AISTATS 2005",
        "C. Sutton and A. McCallum, An introduction to conditional random fields, Found. Trends Mach. Learn. 4 (2012)",
    ),
    dims=dims,
    no_reference="chains of 270 numbers with a gradient of 300 strings take hours to be long enough",
    learning=Learning(num_steps=1000, learning_rate=0.3),
)
