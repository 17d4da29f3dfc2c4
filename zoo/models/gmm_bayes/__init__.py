r"""A mixture of Gaussians with priors on its weights, locations and covariances.

The same story as `gmm`: each row comes from one of K components, and which one is not observed. Here the
components are not known either but drawn from priors, and all that the rows leave open stays open: what is
learnt is a posterior over shares, means and covariances.

    weights ~ Dirichlet(alpha, …, alpha)                                     (K)
  with diagonal covariances, for each component k and column d:
    variance_kd ~ InverseGamma(a0, b0 spread_d^2)
    loc_kd      ~ Normal(center_d, sqrt(variance_kd / kappa0))
  with full ones:
    loc_kd   ~ Normal(center_d, location_sd_d)
    scale_kd ~ HalfNormal(spread_d)
    corr_k   ~ LKJCholesky(eta);   scale_tril_k = diag(scale_k) corr_k
  then, for each row i = 1 … n:
    z_i ~ Categorical(weights)
    x_i ~ Normal(loc[z_i], covariance of component z_i)

`center`, `spread` and `location_sd` are in the data's units. Said nothing, they are the columns' means and
standard deviations: numbers taken from the data and then fixed. The evidence is that of the model with these
numbers. The priors are weak: with kappa0 = 0.1 a location is worth a tenth of a row, a0 = 2 is worth four
rows, and b0 = 0.2 expects a component's sd at 0.45 of its column's.

Diagonal covariances are conjugate, so for at most 10 rows the evidence is the exact sum over all K^n
allocations. The posterior has K! equal modes. A guide that covers one of them cannot have an ELBO above the
evidence minus about log K!.

References:
    1. C. M. Bishop, Pattern Recognition and Machine Learning, Springer 2006, section 10.2 (pages 474-486);
       log K!: page 484.
    2. A. Gelman et al., Bayesian Data Analysis, 3rd edition, CRC 2013, chapter 22 (section 22.3: labels).
    3. S. Richardson and P. J. Green, On Bayesian analysis of mixtures with an unknown number of components,
       Journal of the Royal Statistical Society B 59 (1997) 731-792: priors from the data's range.
    4. D. Lewandowski, D. Kurowicka and H. Joe, Generating random correlation matrices based on vines and
       extended onion method, Journal of Multivariate Analysis 100 (2009) 1989-2001.
    5. A. Azzalini and A. W. Bowman, A look at some data on the Old Faithful geyser, Applied Statistics 39
       (1990) 357-365.
"""

from zoo.card import Card, Data, DataSet, Learning, Option, Site
from zoo.models.gmm import OLD_FAITHFUL, columns, dims

DIAGONAL, FULL = {"covariance": ("diagonal",)}, {"covariance": ("full",)}

OLD_FAITHFUL_8 = DataSet(
    "old_faithful_8",
    "every 34th of the 272 eruptions: few enough for the exact evidence",
    OLD_FAITHFUL.source,
    OLD_FAITHFUL.licence,
    OLD_FAITHFUL.columns,
)


def column_means(data: Data) -> tuple[float, ...]:
    """Return the mean of each column of x."""
    return tuple(data["x"].mean(0).tolist())


def column_sds(data: Data) -> tuple[float, ...]:
    """Return the sd of each column of x, with 1 for a column that does not vary."""
    return tuple(sd if sd > 0 else 1.0 for sd in data["x"].std(0).tolist())


CARD = Card(
    name="gmm_bayes",
    title="Bayesian mixture of Gaussians",
    lecture="Finite mixtures: the Gaussian mixture model with priors, and the label problem",
    process=(
        "weights ~ Dirichlet(alpha 1_K)\n"
        "diagonal:  variance_kd ~ InverseGamma(a0, b0 spread_d²)\n"
        "           loc_kd ~ Normal(center_d, sqrt(variance_kd / kappa0))\n"
        "full:      loc_kd ~ Normal(center_d, location_sd_d)\n"
        "           scale_kd ~ HalfNormal(spread_d),  corr_k ~ LKJCholesky(eta)\n"
        "z_i ~ Categorical(weights),  i = 1 … n\n"
        "x_i ~ Normal(loc[z_i], covariance[z_i])"
    ),
    formula=(
        r"p(x, \phi, \mu, \Sigma) = \mathrm{Dir}(\phi \mid \alpha) \prod_{k=1}^{K} p(\mu_k, \Sigma_k)\,"
        r"\prod_{i=1}^{n} \sum_{k=1}^{K} \phi_k\, \mathcal{N}(x_i \mid \mu_k, \Sigma_k)"
    ),
    sites=(
        Site("weights", "latent", ("component",), "simplex", "share of each component", r"\phi"),
        Site(
            "variance",
            "latent",
            ("component", "feature"),
            "positive",
            "variance of each column in each component",
            r"\sigma^2",
            when=DIAGONAL,
        ),
        Site("loc", "latent", ("component", "feature"), "real", "mean of each component", r"\mu"),
        Site("scale", "latent", ("component", "feature"), "positive", "sd of each column", r"\sigma", when=FULL),
        Site(
            "corr",
            "latent",
            ("component", "feature", "feature2"),
            "corr_cholesky",
            "Cholesky factor of each correlation matrix",
            "L",
            when=FULL,
        ),
        Site("z", "latent", ("row",), "category", "component that a row comes from", "z_i"),
        Site("x", "observed", ("row", "feature"), "real", "an observed row", "x_i"),
    ),
    options=(
        Option("K", 2, "number of components", at_least=1),
        Option("D", 2, "number of columns of x", at_least=1, derive=columns, fixed_by_data=True),
        Option("covariance", "diagonal", "form of the covariances", choices=("diagonal", "full")),
        Option("alpha", 1.0, "concentration of the Dirichlet prior; below 1 it empties components", above=0),
        Option("center", 0.0, "prior mean of the locations by column", derive=column_means),
        Option("spread", 1.0, "the columns' scale for variances and scales", above=0, derive=column_sds),
        Option("kappa0", 0.1, "how many rows a location's prior is worth (diagonal)", above=0),
        Option("a0", 2.0, "shape of the variances' prior (diagonal)", above=0),
        Option("b0", 0.2, "scale of the variances' prior, in spread squared (diagonal)", above=0),
        Option("location_sd", 1.0, "prior sd of the locations by column (full)", above=0, derive=column_sds),
        Option("eta", 1.0, "concentration of the LKJ prior; 1 is uniform (full)", above=0),
    ),
    inputs={"x": ("row", "feature")},
    datasets=(OLD_FAITHFUL, OLD_FAITHFUL_8),
    exact={
        "evidence": "diagonal covariances: the sum over all Kⁿ allocations for n ≤ 10; any n for K = 1",
        "posterior": "diagonal covariances and K = 1: Normal–Inverse-Gamma by column",
        "log_likelihood": "log of the weighted sum of Gaussian densities at given latents, row by row",
        "responsibilities": "p(z | x, latents) by Bayes' rule",
    },
    hard=(
        "The posterior has K! equal modes, one a labelling: raw draws may switch labels between chains, and "
        "a guide on one mode has an ELBO at least about log K! below the evidence."
    ),
    references=(
        "C. M. Bishop, Pattern Recognition and Machine Learning (2006), section 10.2, pp. 474-486",
        "A. Gelman et al., Bayesian Data Analysis, 3rd ed. (2013), chapter 22",
        "S. Richardson and P. J. Green, On Bayesian analysis of mixtures with an unknown number of "
        "components, J. R. Stat. Soc. B 59 (1997) 731-792",
        "D. Lewandowski, D. Kurowicka and H. Joe, Generating random correlation matrices based on vines and "
        "extended onion method, J. Multivariate Anal. 100 (2009) 1989-2001",
        "A. Azzalini and A. W. Bowman, A look at some data on the Old Faithful geyser, Applied Statistics 39 "
        "(1990) 357-365",
    ),
    dims=dims,
    local=("marginal", "exact"),
    exchangeable="component",
    label_sites=("loc",),
    learning=Learning(num_steps=3000, learning_rate=0.02, restarts=5),
)
