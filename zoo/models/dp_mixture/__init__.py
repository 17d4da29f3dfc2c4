r"""The other infinite mixture of Gaussians: a Dirichlet process, by sticks broken K times.

In `gmm` somebody says how many components there are. Here there are infinitely many, and a row comes from the
first few of them most of the time: a stick of length 1 is broken at a random place, the piece is the first
component's share, the rest is broken again, and so on. How many components the rows *occupy* is then a
question that the posterior answers.

    sticks_k ~ Beta(1, alpha),  k = 1 … K - 1                    the last piece is what remains
    weights_k = sticks_k (1 - sticks_1) … (1 - sticks_{k-1})
  for each component k and column d:
    variance_kd ~ InverseGamma(a0, b0 spread_d^2)
    loc_kd      ~ Normal(center_d, sqrt(variance_kd / kappa0))
  then, for each row i = 1 … n:
    z_i ~ Categorical(weights)
    x_i ~ Normal(loc[z_i], sqrt(variance[z_i]))

The process is cut off at K components: what is left after K - 1 breaks, (alpha / (1 + alpha))^(K - 1) on average, is
one piece here and endlessly many in the process (reference 2). That is 0.002 of the stick at the defaults, and 2e-6
at K = 20. The prior expects about alpha log(1 + n / alpha) occupied components (`exact.occupied_prior`).

Components are conjugate, so for at most 10 rows the evidence and the posterior of the number of occupied
components are exact sums over all K^n allocations, that a recursion over sets of rows takes in 3ⁿ K terms.

The labels are not exchangeable, as they are in `gmm_bayes`: earlier sticks are larger on average. Yet other
orders of the same components have a share of the posterior too, and a guide that covers one of them says so
by its gap.

`center` and `spread`, in the data's units, are the columns' means and standard deviations unless given, and
kappa0, a0 and b0 are those of `gmm_bayes`.

References:
    1. T. S. Ferguson, A Bayesian analysis of some nonparametric problems, Annals of Statistics 1 (1973) 209-230;
       J. Sethuraman, A constructive definition of Dirichlet priors, Statistica Sinica 4 (1994) 639-650: sticks.
    2. H. Ishwaran and L. F. James, Gibbs sampling methods for stick-breaking priors, Journal of the American
       Statistical Association 96 (2001) 161-173: truncation.
    3. D. M. Blei and M. I. Jordan, Variational inference for Dirichlet process mixtures, Bayesian Analysis 1
       (2006) 121-143.
    4. M. D. Escobar and M. West, Bayesian density estimation and inference using mixtures, Journal of the American
       Statistical Association 90 (1995) 577-588: the galaxies.
    5. K. Roeder, Density estimation with confidence sets exemplified by superclusters and voids in the galaxies,
       Journal of the American Statistical Association 85 (1990) 617-624: the data.
"""

from zoo.card import Card, DataSet, Learning, Option, Site
from zoo.models.gmm import OLD_FAITHFUL, columns, dims
from zoo.models.gmm_bayes import OLD_FAITHFUL_8, column_means, column_sds

GALAXIES = DataSet(
    "galaxies",
    "velocities of 82 galaxies of the Corona Borealis region, 1000 km/s",
    "Roeder (1990), from Postman, Huchra and Geller (1986); R's MASS::galaxies, its 78th figure corrected",
    "measured figures; R's package MASS is GPL-2 or GPL-3",
)

CARD = Card(
    name="dp_mixture",
    title="Dirichlet process mixture of Gaussians",
    lecture="Infinite mixtures: infinitely many components, of which the rows occupy a few",
    process=(
        "sticks_k ~ Beta(1, alpha),  k = 1 … K - 1\n"
        "weights_k = sticks_k Π_{j<k} (1 - sticks_j),  the last one the rest\n"
        "variance_kd ~ InverseGamma(a0, b0 spread_d²)\n"
        "loc_kd ~ Normal(center_d, sqrt(variance_kd / kappa0))\n"
        "z_i ~ Categorical(weights),  i = 1 … n\n"
        "x_i ~ Normal(loc[z_i], sqrt(variance[z_i]))"
    ),
    formula=(
        r"p(x, v, \mu, \sigma^2) = \prod_{k=1}^{K-1} \mathrm{Beta}(v_k \mid 1, \alpha)"
        r"\prod_{k=1}^{K} p(\mu_k, \sigma_k^2) \prod_{i=1}^{n} \sum_{k=1}^{K} \pi_k(v)\,"
        r"\mathcal{N}(x_i \mid \mu_k, \sigma_k^2)"
    ),
    sites=(
        Site("sticks", "latent", ("break",), "unit_interval", "share of what is left that each piece takes", "v"),
        Site(
            "variance",
            "latent",
            ("component", "feature"),
            "positive",
            "variance of each column in each component",
            r"\sigma^2",
        ),
        Site("loc", "latent", ("component", "feature"), "real", "mean of each component", r"\mu"),
        Site("z", "latent", ("row",), "category", "component that a row comes from", "z_i"),
        Site("x", "observed", ("row", "feature"), "real", "an observed row", "x_i"),
    ),
    options=(
        Option("K", 10, "number of pieces at which the process is cut off", at_least=2),
        Option("D", 1, "number of columns of x", at_least=1, derive=columns, fixed_by_data=True),
        Option("alpha", 1.0, "concentration of the process; larger ones occupy more components", above=0),
        Option("center", 0.0, "prior mean of the locations by column", derive=column_means),
        Option("spread", 1.0, "the columns' scale, by which variances are measured", above=0, derive=column_sds),
        Option("kappa0", 0.1, "how many rows a location's prior is worth", above=0),
        Option("a0", 2.0, "shape of the variances' prior", above=0),
        Option("b0", 0.2, "scale of the variances' prior, in spread squared", above=0),
    ),
    inputs={"x": ("row", "feature")},
    datasets=(GALAXIES, OLD_FAITHFUL, OLD_FAITHFUL_8),
    exact={
        "evidence": "the sum over all Kⁿ allocations for n ≤ 10",
        "occupied": "the number of occupied components: its prior for any n, its posterior for n ≤ 10",
        "log_likelihood": "log of the weighted sum of Gaussian densities at given latents, row by row",
        "responsibilities": "p(z | x, latents) by Bayes' rule",
    },
    hard=(
        "Components come in any order, one more probable than another: a guide covers one of them. Of the pieces that "
        "no row occupies nothing is learnt, so that most of the latents keep their wide priors."
    ),
    references=(
        "T. S. Ferguson, A Bayesian analysis of some nonparametric problems, Ann. Stat. 1 (1973) 209-230",
        "J. Sethuraman, A constructive definition of Dirichlet priors, Stat. Sinica 4 (1994) 639-650",
        "H. Ishwaran and L. F. James, Gibbs sampling methods for stick-breaking priors, J. Am. Stat. Assoc. 96 "
        "(2001) 161-173",
        "D. M. Blei and M. I. Jordan, Variational inference for Dirichlet process mixtures, Bayesian Anal. 1 (2006) "
        "121-143",
        "M. D. Escobar and M. West, Bayesian density estimation and inference using mixtures, J. Am. Stat. Assoc. 90 "
        "(1995) 577-588",
        "K. Roeder, Density estimation with confidence sets exemplified by superclusters and voids in the galaxies, "
        "J. Am. Stat. Assoc. 85 (1990) 617-624",
    ),
    dims=lambda data, options: dims(data, options) | {"break": options["K"] - 1},
    local=("marginal", "exact"),
    no_reference="chains exchange components whose labels are not alike: no moment belongs to one of them",
    learning=Learning(num_steps=3000, learning_rate=0.02, restarts=5),
)
