r"""A random walk seen through noise: the linear Gaussian chain, every row a whole series.

A level moves by an independent step a year, and each year's figure is the level with an error.

    z_i ~ random walk from 0:  z_it = z_i,t-1 + step,  step ~ Normal(0, step_sd)      i = 1 … n, t = 1 … T
    x_i ~ Normal(z_i, noise_sd)

The walk is one vector site: a running sum of steps is a Gaussian with the Cholesky factor step_sd · tril(1),
and the site's row is the series. The Kalman filter gives each series' density. The posterior's precision is a
tridiagonal matrix Λ, with 1/noise_sd² + 2/step_sd² on its diagonal (at the end of the series one 1/step_sd²
less: nothing follows) and -1/step_sd² beside it. So neighbours are dependent whatever was observed:

    mean field   right means, too small variances (1/3 for 1/√5 in the middle of a long series with unit
                 variances), and a gap that grows by `exact.gap_per_step` a step, here 0.0681
    a window     an encoder that sees x from t - w to t + w only has an amortization gap, `exact.window_gap`,
                 0 only where it sees the whole series (reference 3). With weights of its own at every step it
                 would be about a seventh for each w more; the zoo's encoder has one set for all steps, and of
                 depth 0 it cannot do at the ends of a series what it does in the middle

There is nothing to learn: the two sds are options.

The default data are the flows of the Nile, 1871 to 1970, cut into ten decades, in 10¹⁰ m³ less the record's
mean. Each decade is taken for a walk of its own that begins at that mean; in truth one decade begins where
the last one ended. The record as one series has its likeliest sds at 0.383 for a step and 1.229 for the noise
(reference 1); for the decades the defaults, 1 and 1, do no worse (log p -184.58 against -184.95). `walks` are
simulated series that the model fits, and enough of them to train an encoder.

References:
    1. J. Durbin and S. J. Koopman, Time Series Analysis by State Space Methods, 2nd edition, Oxford 2012,
       chapter 2: the local level model, the filter, the smoother, and the Nile (variances 1469.1 and 15099 in
       units of 10¹⁶ m⁶).
    2. R. E. Turner and M. Sahani, Two problems with variational expectation maximisation for time-series
       models, in Bayesian Time Series Models, Cambridge 2011, chapter 5: mean field of such a chain.
    3. C. C. Margossian and D. M. Blei, Amortized variational inference: when and why?, UAI 2024: chains whose
       gap no encoder of local inputs closes.
    4. G. W. Cobb, The problem of the Nile, Biometrika 65 (1978) 243-251: the data.
"""

from collections.abc import Mapping
from typing import Any

from zoo.card import Card, Data, DataSet, Learning, Option, Site

NILE = DataSet(
    "nile",
    "flow of the Nile at Aswan in ten decades from 1871, 10¹⁰ m³ less the record's mean",
    "Cobb (1978), Durbin and Koopman (2012); R's datasets::Nile",
    "measured figures; R's package datasets is GPL-2 or GPL-3",
)
WALKS = DataSet(
    "walks",
    "simulated: 400 series of 20 steps, drawn from the model with unit variances",
    "data.simulate with seed 0",
    "none needed",
)


def columns(data: Data) -> int:
    """Return the number of columns of x, the steps of a series."""
    return int(data["x"].shape[1])


def dims(data: Data, options: Mapping[str, Any]) -> dict[str, int]:
    """Return the sizes of the named dimensions."""
    rows, steps = data["x"].shape
    return {"row": rows, "step": steps}


CARD = Card(
    name="random_walk",
    title="Random walk with noise (linear Gaussian chain)",
    lecture="Sequences: a continuous state, the Kalman filter",
    process=(
        "z_i ~ random walk from 0 with steps Normal(0, step_sd),  i = 1 … n\nx_it ~ Normal(z_it, noise_sd),  t = 1 … T"
    ),
    formula=(
        r"p(x, z) = \prod_{i=1}^{n} \prod_{t=1}^{T} \mathcal{N}(z_{it} \mid z_{i,t-1}, \sigma_z^2)\,"
        r"\mathcal{N}(x_{it} \mid z_{it}, \sigma_x^2), \quad z_{i0} = 0"
    ),
    sites=(
        Site("z", "latent", ("row", "step"), "real", "level of a series at every step", "z_i"),
        Site("x", "observed", ("row", "step"), "real", "an observed series", "x_i"),
    ),
    options=(
        Option("T", 10, "number of steps, the columns of x", at_least=1, derive=columns, fixed_by_data=True),
        Option("step_sd", 1.0, "standard deviation of a step of the walk, in x's unit", above=0),
        Option("noise_sd", 1.0, "standard deviation of the noise, in x's unit", above=0),
    ),
    inputs={"x": ("row", "step")},
    datasets=(NILE, WALKS),
    exact={
        "evidence": "the Kalman filter, summed over the series",
        "log_likelihood": "the Kalman filter, series by series",
        "local_posterior": "the smoother: means of each series, and their one covariance",
        "mean_field": "sds and gap of the best mean-field guide, and the gap's growth with a step",
        "window": "the amortization gap of the best encoder that sees a window of the series",
    },
    hard=(
        "Neighbouring states are dependent in the posterior as much as in the prior: mean field loses a "
        "constant amount a step, and an encoder that sees a part of the series only cannot place its means."
    ),
    references=(
        "J. Durbin and S. J. Koopman, Time Series Analysis by State Space Methods, 2nd ed. (2012), chapter 2",
        "R. E. Turner and M. Sahani, Two problems with variational expectation maximisation for time-series "
        "models, in Bayesian Time Series Models (2011), chapter 5",
        "C. C. Margossian and D. M. Blei, Amortized variational inference: when and why?, UAI 2024",
        "G. W. Cobb, The problem of the Nile, Biometrika 65 (1978) 243-251",
    ),
    dims=dims,
    local=("amortized", "per_datapoint", "semi_amortized", "constant", "exact"),
    encoder={"x": "window"},
    learning=Learning(num_steps=2000, learning_rate=0.02),
)
