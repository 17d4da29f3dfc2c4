r"""A finite mixture of Gaussians, learnt by maximum likelihood.

Each row comes from one of K components; which one is not observed. The component is a sample site `z`, as on
the slide, and is summed out by enumeration, so that learning maximises the likelihood of x.

    weights on the simplex, loc_k in R^D, scale_tril_k lower triangular      (parameters)
    z_i ~ Categorical(weights)                                               i = 1 … n
    x_i ~ Normal(loc[z_i], scale_tril[z_i] scale_tril[z_i]^T + floor I)

Without a floor the likelihood has no maximum: a component that sits on one row and shrinks makes it grow
without bound. With one it is bounded, yet a floor below the data's rounding lets a component narrow onto
equal values and win: on Old Faithful, 15 of the 272 waits are 78 minutes, and for K = 3 and a floor of 1e-6
a component on them has log-likelihood -1049.6, where the best mixture that k-means++ starts find has
-1114.4. So "the best" here means the best that such starts find, for us and for scikit-learn. The default
floor is scikit-learn's: its EM adds the floor to each estimated covariance, ours is inside the model, and
at 1e-6 the two agree, while at 1e-3 they differ by a nat. About 1 start in 7 reaches the best for K = 3,
and 1 in 5 for K = 4 and 5; hence 25.

References:
    1. C. M. Bishop, Pattern Recognition and Machine Learning, Springer 2006, section 9.2 (pages 430-439):
       the model, singularities (page 434), and EM.
    2. K. P. Murphy, Machine Learning: a Probabilistic Perspective, MIT Press 2012, section 11.4.2.
    3. D. Arthur and S. Vassilvitskii, k-means++: the advantages of careful seeding, SODA 2007, 1027-1035:
       where learning starts.
    4. A. Azzalini and A. W. Bowman, A look at some data on the Old Faithful geyser, Applied Statistics 39
       (1990) 357-365.
"""

from collections.abc import Mapping
from typing import Any

from zoo.card import Card, Data, DataSet, Learning, Option, Site

OLD_FAITHFUL = DataSet(
    "old_faithful",
    "272 eruptions of Old Faithful: minutes it lasts, minutes to the next one",
    "Härdle, Smoothing Techniques (1991), R's datasets::faithful; fuller: Azzalini and Bowman (1990)",
    "measured figures; R's package datasets is GPL-2 or GPL-3",
    ("eruptions", "waiting"),
)


def columns(data: Data) -> int:
    """Return the number of columns of x."""
    return int(data["x"].shape[1])


def dims(data: Data, options: Mapping[str, Any]) -> dict[str, int]:
    """Return the sizes of the named dimensions."""
    rows, features = data["x"].shape
    return {"row": rows, "component": options["K"], "feature": features, "feature2": features}


CARD = Card(
    name="gmm",
    title="Mixture of Gaussians",
    lecture="Finite mixtures: the Gaussian mixture model and its maximum likelihood",
    process=(
        "z_i ~ Categorical(weights),  i = 1 … n\nx_i ~ Normal(loc[z_i], scale_tril[z_i] scale_tril[z_i]ᵀ + floor I)"
    ),
    formula=(
        r"p_\theta(x) = \prod_{i=1}^{n} \sum_{k=1}^{K} \phi_k\, \mathcal{N}(x_i \mid \mu_k, \Sigma_k),"
        r"\quad \theta = (\phi, \mu, \Sigma)"
    ),
    sites=(
        Site("weights", "param", ("component",), "simplex", "share of each component", r"\phi"),
        Site("loc", "param", ("component", "feature"), "real", "mean of each component", r"\mu"),
        Site(
            "scale_tril",
            "param",
            ("component", "feature", "feature2"),
            "lower_cholesky",
            "Cholesky factor of each covariance, less the floor",
            r"\Sigma^{1/2}",
        ),
        Site("z", "latent", ("row",), "category", "component that a row comes from", "z_i"),
        Site("x", "observed", ("row", "feature"), "real", "an observed row", "x_i"),
    ),
    options=(
        Option("K", 2, "number of components", at_least=1),
        Option("D", 2, "number of columns of x", at_least=1, derive=columns, fixed_by_data=True),
        Option("floor", 1e-6, "added to the diagonal of every covariance, squared units of x", above=0),
    ),
    inputs={"x": ("row", "feature")},
    datasets=(OLD_FAITHFUL,),
    exact={
        "log_likelihood": "log of the weighted sum of Gaussian densities, row by row",
        "responsibilities": "p(z | x) by Bayes' rule",
        "fit": "K = 1 only: the sample mean and covariance",
    },
    hard=(
        "The likelihood is unbounded without a covariance floor, and with a small one its best value is a "
        "spike on tied rows; it has many local optima, hence k-means++ starts and 25 restarts; it does not "
        "change when components swap labels: K! equal maxima."
    ),
    references=(
        "C. M. Bishop, Pattern Recognition and Machine Learning (2006), section 9.2, pp. 430-439",
        "K. P. Murphy, Machine Learning: a Probabilistic Perspective (2012), section 11.4.2",
        "D. Arthur and S. Vassilvitskii, k-means++: the advantages of careful seeding, SODA 2007, 1027-1035",
        "A. Azzalini and A. W. Bowman, A look at some data on the Old Faithful geyser, Applied Statistics 39 "
        "(1990) 357-365",
    ),
    dims=dims,
    local=("marginal", "exact", "amortized", "per_datapoint", "constant"),
    encoder={"x": "row"},
    exchangeable="component",
    label_sites=("loc",),
    learning=Learning(num_steps=1000, learning_rate=0.05, restarts=25),
)
