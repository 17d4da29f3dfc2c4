r"""A hidden Markov model with priors on its transitions and on what its states emit.

The same story as `hmm`: what is seen at a step depends on a hidden state, and that on the state before it. Here the
states are not known either but drawn from priors, and what the series leave open stays open.

    initial        ~ Dirichlet(alpha, …, alpha)                                      (K)
    transition_k   ~ Dirichlet(alpha, …, alpha)                                      k = 1 … K
    rate_kd        ~ Gamma(a0, a0 / center_d)                                        (poisson)
    loc_kd         ~ Normal(center_d, spread_d),  scale_kd ~ HalfNormal(spread_d)    (gaussian)
    probs_kd       ~ Dirichlet(eta, …, eta)                                          (categorical)
  then, for each series i = 1 … n:
    z_i  ~ MarkovChain(initial, transition, T)
    x_it ~ Poisson(rate[z_it]),  or Normal(loc[z_it], scale[z_it]),  or Categorical(probs[z_it])

`center` and `spread` are in the data's units. Said nothing, they are the columns' means and standard deviations:
numbers taken from the data and then fixed. A rate's prior is worth a0 steps.

The path is summed out (`marginal`), or drawn from its posterior given the rest (`exact`), or served by probabilities
of each step; see `hmm`. The posterior has K! equal modes, one a labelling of the states. Neither it nor the evidence
has a closed form, so that long chains of NUTS are the reference.

References:
    1. S. Fruehwirth-Schnatter, Finite Mixture and Markov Switching Models, Springer 2006, chapters 10 to 12.
    2. W. Zucchini and I. L. MacDonald, Hidden Markov Models for Time Series: an Introduction using R, Chapman &
       Hall/CRC 2009, chapter 7: the earthquakes by Gibbs sampling.
    3. S. L. Scott, Bayesian methods for hidden Markov models: recursive computing in the 21st century, Journal of
       the American Statistical Association 97 (2002) 337-351: paths filtered forward and sampled backward.
"""

import numpy as np

from zoo.card import Card, Data, Learning, Option, Site
from zoo.models.hmm import CARD as HMM
from zoo.models.hmm import CATEGORICAL, FORMULA, GAUSSIAN, LOCAL, OBSERVED, OPTIONS, POISSON, dims


def column_means(data: Data) -> tuple[float, ...]:
    """Return the mean of each column of x over what was seen."""
    return tuple(np.nanmean(data["x"], (0, 1)).tolist())


def column_sds(data: Data) -> tuple[float, ...]:
    """Return the sd of each column of x over what was seen, with 1 for a column that does not vary."""
    return tuple(sd if sd > 0 else 1.0 for sd in np.nanstd(data["x"], (0, 1)).tolist())


CARD = Card(
    name="hmm_bayes",
    title="Bayesian hidden Markov model",
    lecture="Sequences: hidden Markov models with priors",
    process=(
        "initial ~ Dirichlet(alpha 1_K),  transition_k ~ Dirichlet(alpha 1_K),  k = 1 … K\n"
        "poisson:      rate_kd ~ Gamma(a0, a0 / center_d)\n"
        "gaussian:     loc_kd ~ Normal(center_d, spread_d),  scale_kd ~ HalfNormal(spread_d)\n"
        "categorical:  probs_kd ~ Dirichlet(eta 1_V)\n"
        "z_i ~ MarkovChain(initial, transition, T),  i = 1 … n\n"
        "x_it ~ Poisson(rate[z_it]), Normal(loc[z_it], scale[z_it]) or Categorical(probs[z_it]),  t = 1 … T"
    ),
    formula=FORMULA,
    sites=(
        Site("initial", "latent", ("state",), "simplex", "probability of each first state", r"\pi"),
        Site("transition", "latent", ("state", "state"), "simplex", "probabilities of the next state by row", "A"),
        Site("rate", "latent", ("state", "feature"), "positive", "mean count in each state", r"\lambda", when=POISSON),
        Site("loc", "latent", ("state", "feature"), "real", "mean of each state", r"\mu", when=GAUSSIAN),
        Site("scale", "latent", ("state", "feature"), "positive", "sd of each state", r"\sigma", when=GAUSSIAN),
        Site(
            "probs",
            "latent",
            ("state", "feature", "category"),
            "simplex",
            "probability of each category in each state",
            "B",
            when=CATEGORICAL,
        ),
        Site("z", "latent", ("row", "step"), "category", "path of states of a series", "z_i"),
        *OBSERVED,
    ),
    options=(
        OPTIONS[0],
        Option("K", 2, "number of states", at_least=1),
        *OPTIONS[2:],
        Option("alpha", 1.0, "concentration of the priors of the first and of the next state", above=0),
        Option("a0", 1.0, "how many steps a rate's prior is worth (poisson)", above=0),
        Option("eta", 1.0, "concentration of the prior of a column's categories (categorical)", above=0),
        Option("center", 1.0, "prior mean of rates and locations by column", derive=column_means),
        Option("spread", 1.0, "prior sd of the locations, and the sds' scale, by column", above=0, derive=column_sds),
    ),
    inputs=HMM.inputs,
    missing=HMM.missing,
    datasets=HMM.datasets,
    exact={
        "log_likelihood": "the forward recursion at given latents, series by series",
    },
    hard=(
        "The posterior has K! equal modes, one a labelling: raw draws may switch labels between chains, and a guide "
        "on one mode has an ELBO at least about log K! below the evidence. One series tells little of the first state."
    ),
    references=(
        "S. Fruehwirth-Schnatter, Finite Mixture and Markov Switching Models (2006), chapters 10 to 12",
        "W. Zucchini and I. L. MacDonald, Hidden Markov Models for Time Series (2009), chapter 7",
        "S. L. Scott, Bayesian methods for hidden Markov models, J. Am. Stat. Assoc. 97 (2002) 337-351",
    ),
    dims=dims,
    local=LOCAL,
    encoder=HMM.encoder,
    exchangeable=HMM.exchangeable,
    label_sites=HMM.label_sites,
    learning=Learning(num_steps=3000, learning_rate=0.02, restarts=5, batch_size=100),
)
