r"""The hidden Markov model: what is seen at a step depends on a hidden state, and that on the state before it.

Earthquakes are rare in some decades and frequent in others. A state a year, quiet or restless, explains it: the state
changes now and then, and each year's count is drawn by its state's rate.

    state_1 ~ Categorical(initial),  state_t ~ Categorical(transition[state_t-1])      t = 2 … T
    x_t ~ Poisson(rate[state_t]),  or Normal(loc[state_t], scale[state_t]),  or Categorical(probs[state_t])

A row is a whole series, and its path of states is one vector site z_i, drawn from a Markov chain. There are K^T paths,
and still log p(x) is exact: given its neighbour a state depends on nothing else, so that the forward recursion sums
over all paths in T K² steps (reference 2). What serves the path:

    marginal       sums over all paths, and its gradient is that of log p(x)
    exact          draws a path from the posterior: filtered forward, sampled backward
    mean field     (per_datapoint, amortized, semi_amortized, constant) gives each step probabilities of its own. Its
                   ELBO is a closed form. Neighbours are dependent in the posterior, and that is its gap.

Series may end early, and steps may be missing: x holds NaN where nothing was seen. A missing step says nothing of its
state; a path ends with the last step at which something was seen.

The parameters are learnt by maximum likelihood. It has many local maxima, hence 5 restarts, and some on the border:
with one series the best `initial` is certain of one state, and a transition may have probability 0. A Gaussian state
that sits on one point has no end of likelihood, hence the floor.

The default data are the major earthquakes of each year from 1900 to 2006. Three states have the largest
log-likelihood -328.53, at rates 13.13, 19.71 and 29.71 (reference 1; the first state is
free, not stationary).

References:
    1. W. Zucchini and I. L. MacDonald, Hidden Markov Models for Time Series: an Introduction using R, Chapman &
       Hall/CRC 2009: the earthquakes, chapters 1 to 5.
    2. L. R. Rabiner, A tutorial on hidden Markov models and selected applications in speech recognition, Proceedings
       of the IEEE 77(2) (1989) 257-286.
    3. L. E. Baum, T. Petrie, G. Soules and N. Weiss, A maximization technique occurring in the statistical analysis
       of probabilistic functions of Markov chains, Annals of Mathematical Statistics 41 (1970) 164-171.
    4. A. Azzalini and A. W. Bowman, A look at some data on the Old Faithful geyser, Applied Statistics 39 (1990)
       357-365: a hidden chain of long and short eruptions.
    5. Z. Ghahramani and M. I. Jordan, Factorial hidden Markov models, Machine Learning 29 (1997) 245-273: mean field
       over states.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from zoo.card import Card, Data, DataSet, Learning, Option, Site
from zoo.models.gmm import OLD_FAITHFUL

POISSON, GAUSSIAN, CATEGORICAL = ({"emission": (name,)} for name in ("poisson", "gaussian", "categorical"))
MOST_CATEGORIES = 1000

EARTHQUAKES = DataSet(
    "earthquakes",
    "earthquakes of magnitude 7 or more in the world, 1900 to 2006: one series of 107 yearly counts",
    "Zucchini and MacDonald (2009), table 1.1, from the U.S. Geological Survey",
    "counts of the U.S. Geological Survey, public domain",
    ("earthquakes",),
    when=POISSON,
)
ERUPTIONS = DataSet(
    "old_faithful",
    "272 eruptions of Old Faithful in their order: one series of two columns",
    OLD_FAITHFUL.source,
    OLD_FAITHFUL.licence,
    OLD_FAITHFUL.columns,
    when=GAUSSIAN,
)
LONG = DataSet(
    "old_faithful_long",
    "whether each of these eruptions lasted at least 3 minutes: 0 or 1",
    OLD_FAITHFUL.source,
    OLD_FAITHFUL.licence,
    ("long",),
    when=CATEGORICAL,
)
SIMULATED = DataSet(
    "simulated",
    "simulated: 100 series of counts, 20 to 40 steps long, from three states",
    "data.simulate with seed 0",
    "none needed",
)


def steps(data: Data) -> int:
    """Return the number of steps of x."""
    return int(data["x"].shape[1])


def columns(data: Data) -> int:
    """Return the number of columns observed at a step."""
    return int(data["x"].shape[2])


def categories(data: Data) -> int:
    """Return how many categories x has, at least 2; 2 for other numbers than categories."""
    seen = data["x"][~np.isnan(data["x"])]
    plain = ((seen >= 0) & (seen == np.round(seen)) & (seen < MOST_CATEGORIES)).all()
    return max(2, int(seen.max()) + 1) if plain else 2


def dims(data: Data, options: Mapping[str, Any]) -> dict[str, int]:
    """Return the sizes of the named dimensions."""
    rows, length, features = data["x"].shape
    return {"row": rows, "step": length, "feature": features, "state": options["K"], "category": options["V"]}


OBSERVED = (
    Site("x", "observed", ("row", "step", "feature"), "integer", "an observed series of counts", "x_i", when=POISSON),
    Site("x", "observed", ("row", "step", "feature"), "real", "an observed series", "x_i", when=GAUSSIAN),
    Site("x", "observed", ("row", "step", "feature"), "category", "an observed series", "x_i", when=CATEGORICAL),
)
OPTIONS = (
    Option("emission", "poisson", "what is observed given the state", choices=("poisson", "gaussian", "categorical")),
    Option("K", 3, "number of states", at_least=1),
    Option("T", 20, "number of steps of x", at_least=1, derive=steps, fixed_by_data=True),
    Option("D", 1, "number of columns of x", at_least=1, derive=columns, fixed_by_data=True),
    Option("V", 2, "number of categories of a column (categorical)", at_least=2, derive=categories),
)
LOCAL = ("marginal", "exact", "per_datapoint", "amortized", "semi_amortized", "constant")
FORMULA = (
    r"p(x_i, z_i) = \pi_{z_{i1}} \prod_{t=2}^{T} A_{z_{i,t-1} z_{it}} \prod_{t=1}^{T} p(x_{it} \mid z_{it}),"
    r"\quad p(x) = \prod_{i=1}^{n} \sum_{z_i} p(x_i, z_i)"
)
REFERENCES = (
    "W. Zucchini and I. L. MacDonald, Hidden Markov Models for Time Series (2009), chapters 1 to 5",
    "L. R. Rabiner, A tutorial on hidden Markov models, Proc. IEEE 77(2) (1989) 257-286",
    "L. E. Baum, T. Petrie, G. Soules and N. Weiss, A maximization technique occurring in the statistical analysis of "
    "probabilistic functions of Markov chains, Ann. Math. Stat. 41 (1970) 164-171",
    "A. Azzalini and A. W. Bowman, A look at some data on the Old Faithful geyser, Applied Statistics 39 "
    "(1990) 357-365",
    "Z. Ghahramani and M. I. Jordan, Factorial hidden Markov models, Machine Learning 29 (1997) 245-273",
)
CARD = Card(
    name="hmm",
    title="Hidden Markov model",
    lecture="Sequences: hidden Markov models, the forward recursion and Viterbi's path",
    process=(
        "z_i ~ MarkovChain(initial, transition, T),  i = 1 … n\n"
        "poisson:      x_it ~ Poisson(rate[z_it]),  t = 1 … T\n"
        "gaussian:     x_it ~ Normal(loc[z_it], sqrt(scale[z_it]² + floor²))\n"
        "categorical:  x_it ~ Categorical(probs[z_it])"
    ),
    formula=FORMULA,
    sites=(
        Site("initial", "param", ("state",), "simplex", "probability of each first state", r"\pi"),
        Site("transition", "param", ("state", "state"), "simplex", "probabilities of the next state by row", "A"),
        Site("rate", "param", ("state", "feature"), "positive", "mean count in each state", r"\lambda", when=POISSON),
        Site("loc", "param", ("state", "feature"), "real", "mean of each state", r"\mu", when=GAUSSIAN),
        Site("scale", "param", ("state", "feature"), "positive", "sd, less the floor", r"\sigma", when=GAUSSIAN),
        Site(
            "probs",
            "param",
            ("state", "feature", "category"),
            "simplex",
            "probability of each category in each state",
            "B",
            when=CATEGORICAL,
        ),
        Site("z", "latent", ("row", "step"), "category", "path of states of a series", "z_i"),
        *OBSERVED,
    ),
    options=(*OPTIONS, Option("floor", 1e-3, "smallest sd of a column (gaussian), in x's unit", above=0)),
    inputs={"x": ("row", "step", "feature")},
    missing=("x",),
    datasets=(EARTHQUAKES, ERUPTIONS, LONG, SIMULATED),
    exact={
        "log_likelihood": "the forward recursion, series by series",
        "smoothing": "p(state at t | x) by the forward and the backward recursion",
        "viterbi": "the most probable path",
        "forecast": "p(state | x) of the steps to come",
        "baum_welch": "expectation maximisation, to a local maximum",
    },
    hard=(
        "Neighbouring states are dependent in the posterior, so that a guide of independent steps leaves a gap; the "
        "likelihood has many local maxima, and does not change when states swap labels: K! equal ones."
    ),
    references=REFERENCES,
    dims=dims,
    local=LOCAL,
    encoder={"x": "window"},
    exchangeable="state",
    label_sites=("rate", "loc", "probs"),
    learning=Learning(num_steps=800, learning_rate=0.05, restarts=5),
)
