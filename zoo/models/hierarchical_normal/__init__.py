r"""The hierarchical normal: effects around a common mean, each measured once with the same known error.

Six batches of an intermediate product were made into dyestuff, five times each. A batch's mean yield is what
the batch is worth plus the error of a mean of five; what is asked for is the process's mean and each batch's
departure from it.

    theta ~ Normal(0, prior_sd)      or flat: a density of one everywhere
    z_i   ~ Normal(0, tau)                                                   i = 1 … n
    x_i   ~ Normal(theta + z_i, sigma)

All is Gaussian, so that everything is known. The model is the smallest one with a global and local latents
that depend on each other given the data: theta and every z_i have x_i in common, and when theta goes up, all
z_i come down. A guide in which they are independent, whatever its families, therefore understates theta's
variance: sigma²/n for (sigma² + tau²)/n with the flat prior, while its means are right. An encoder is affine
here, and costs nothing.

With the flat prior, theta's density is one everywhere, which no distribution has: it is written as a normal
whose density is masked out. The evidence is then the integral of the likelihood over theta, so that
differences from it are gaps as ever, but it is not to be compared with another model's; and a draw of theta
without data comes from the masked normal.

The default data are the six batch means, less 1500 g. The error sigma = 22.1 g is the pooled sd within
batches, 49.5 g, over √5, and tau = 42 g is the sd between batches by the analysis of variance: estimates
from the same experiment, here taken as known.

References:
    1. G. E. P. Box and G. C. Tiao, Bayesian Inference in Statistical Analysis, Addison-Wesley 1973, section
       5.1.2; O. L. Davies and P. L. Goldsmith (editors), Statistical Methods in Research and Production, 4th
       edition, Oliver and Boyd 1972, section 6.4: the data.
    2. A. Gelman et al., Bayesian Data Analysis, 3rd edition, CRC 2013, section 5.4: the model.
    3. C. C. Margossian and D. M. Blei, Amortized variational inference: when and why?, UAI 2024: the model
       as one where an encoder costs nothing.
"""

from collections.abc import Mapping
from typing import Any

from zoo.card import Card, Data, DataSet, Learning, Option, Site

DYESTUFF = DataSet(
    "dyestuff",
    "mean yield of each of six batches of dyestuff, five preparations a batch, grams above 1500",
    "Davies and Goldsmith (1972), section 6.4; Box and Tiao (1973), section 5.1.2",
    "measured figures; read from lme4 (GPL), and only figures were taken",
)


def dims(data: Data, options: Mapping[str, Any]) -> dict[str, int]:
    """Return the sizes of the named dimensions."""
    return {"row": len(data["x"])}


CARD = Card(
    name="hierarchical_normal",
    title="Hierarchical normal",
    lecture="Hierarchical models: a global latent and local ones",
    process=(
        "theta ~ Normal(0, prior_sd), or flat\nz_i   ~ Normal(0, tau),  i = 1 … n\nx_i   ~ Normal(theta + z_i, sigma)"
    ),
    formula=(
        r"p(x, \theta, z) = p(\theta) \prod_{i=1}^{n} \mathcal{N}(z_i \mid 0, \tau^2)\,"
        r"\mathcal{N}(x_i \mid \theta + z_i, \sigma^2)"
    ),
    sites=(
        Site("theta", "latent", (), "real", "mean over all groups", r"\theta", "g"),
        Site("z", "latent", ("row",), "real", "a group's departure from the mean", "z_i", "g"),
        Site("x", "observed", ("row",), "real", "a group's measurement", "x_i", "g"),
    ),
    options=(
        Option("prior", "normal", "prior of theta; flat is a density of one", choices=("normal", "flat")),
        Option("prior_sd", 100.0, "prior standard deviation of theta, in x's unit", above=0),
        Option("tau", 42.0, "standard deviation between groups, in x's unit", above=0),
        Option("sigma", 22.1, "standard deviation of a measurement, in x's unit", above=0),
    ),
    inputs={"x": ("row",)},
    datasets=(DYESTUFF,),
    exact={
        "evidence": "Gaussian; with the flat prior the integral of the likelihood over theta",
        "posterior": "theta is Gaussian; so is each z, given theta and without",
        "local_posterior": "Gaussian, given theta",
        "mean_field": "the best guide with independent theta and z: means, sds and ELBO",
        "log_likelihood": "the Gaussian log density of each row given theta, its z integrated out",
    },
    hard=(
        "theta and the z are dependent a posteriori: all guides that keep globals and locals independent have "
        "a gap, ½ log((sigma² + tau²) / sigma²) with the flat prior, and claim too small a variance of theta."
    ),
    references=(
        "G. E. P. Box and G. C. Tiao, Bayesian Inference in Statistical Analysis (1973), section 5.1.2",
        "O. L. Davies and P. L. Goldsmith (eds.), Statistical Methods in Research and Production, 4th ed. (1972), "
        "section 6.4",
        "A. Gelman et al., Bayesian Data Analysis, 3rd ed. (2013), section 5.4",
        "C. C. Margossian and D. M. Blei, Amortized variational inference: when and why?, UAI 2024",
    ),
    dims=dims,
    local=("amortized", "per_datapoint", "semi_amortized", "constant", "exact"),
    encoder={"x": "row"},
    learning=Learning(num_steps=2000, learning_rate=0.02),
)
