r"""The linear infinite mixture: probabilistic principal component analysis, learnt by maximum likelihood.

Each row has a code of few numbers, and the row is a linear function of the code plus noise. A mixture of
Gaussians has one mean a component; here there is one for every z, infinitely many, all in one plane.

    weight in R^(D × latent), loc in R^D, scale > 0                          (parameters)
    z_i ~ Normal(0, I)                                                       i = 1 … n
    x_i ~ Normal(weight z_i + loc, scale^2 I)

It is a VAE whose decoder is linear, and so the one where everything is known: with M = WᵀW + scale² I the
posterior is Normal(M⁻¹Wᵀ(x - loc), scale² M⁻¹). Its mean is linear in x and its covariance the same for every
row, which settles what a guide loses in a row:

    mean field                   ½(Σ log M_jj - log|M|), which is 0 where W's columns are orthogonal
    an affine encoder            nothing against a guide of its own for every row
    one through r < latent units `exact.rank_gap`

The likelihood does not change when W is turned, W R with R orthogonal; a mean-field guide then prefers the
turn with orthogonal columns, where its gap is 0 (reference 3). One of the likeliest has that form
(reference 1): columns along the principal axes, of squared length λ_j - scale², and scale² the mean of the
discarded eigenvalues. At a fixed scale an axis with λ_j ≤ scale² collapses: its column is 0, and its code is
the prior.

The default data are Fisher's irises, four lengths in centimetres. They share a unit, and are loaded as they
are. One scale for all columns makes the model depend on their units: standardise yours where these differ.

References:
    1. M. E. Tipping and C. M. Bishop, Probabilistic principal component analysis, Journal of the Royal
       Statistical Society B 61 (1999) 611-622: the model, and the maximum in section 3.2 and appendix A.
    2. C. M. Bishop, Pattern Recognition and Machine Learning, Springer 2006, section 12.2.
    3. J. Lucas, G. Tucker, R. Grosse and M. Norouzi, Don't blame the ELBO! A linear VAE perspective on
       posterior collapse, NeurIPS 2019.
    4. R. A. Fisher, The use of multiple measurements in taxonomic problems, Annals of Eugenics 7 (1936)
       179-188.
"""

from collections.abc import Mapping
from typing import Any

from zoo.card import Card, Data, DataSet, Learning, Option, Site

IRIS = DataSet(
    "iris",
    "150 irises of three species: length and width of sepal and petal, centimetres, as they are",
    "Fisher (1936), as in scikit-learn's load_iris",
    "measured figures; scikit-learn is BSD-3-Clause",
)


def columns(data: Data) -> int:
    """Return the number of columns of x."""
    return int(data["x"].shape[1])


def dims(data: Data, options: Mapping[str, Any]) -> dict[str, int]:
    """Return the sizes of the named dimensions."""
    rows, features = data["x"].shape
    return {"row": rows, "feature": features, "latent": options["latent"]}


CARD = Card(
    name="ppca",
    title="Linear infinite mixture (probabilistic PCA)",
    lecture="Infinite mixtures: the linear decoder",
    process="z_i ~ Normal(0, I),  i = 1 … n\nx_i ~ Normal(weight z_i + loc, scale² I)",
    formula=(
        r"p_\theta(x) = \prod_{i=1}^{n} \int \mathcal{N}(z_i \mid 0, I)\,"
        r"\mathcal{N}(x_i \mid W z_i + \mu, \sigma^2 I)\, dz_i, \quad \theta = (W, \mu, \sigma)"
    ),
    sites=(
        Site("weight", "param", ("feature", "latent"), "real", "linear decoder", "W"),
        Site("loc", "param", ("feature",), "real", "mean of the rows", r"\mu"),
        Site("scale", "param", (), "positive", "standard deviation of the noise", r"\sigma"),
        Site("z", "latent", ("row", "latent"), "real", "code of a row", "z_i"),
        Site("x", "observed", ("row", "feature"), "real", "an observed row", "x_i"),
    ),
    options=(
        Option("latent", 2, "number of entries of a code", at_least=1),
        Option("D", 4, "number of columns of x", at_least=1, derive=columns, fixed_by_data=True),
    ),
    inputs={"x": ("row", "feature")},
    datasets=(IRIS,),
    exact={
        "log_likelihood": "the Gaussian log density of each row, covariance WWᵀ + σ² I",
        "local_posterior": "mean and covariance of each row's code, given the parameters",
        "fit": "maximum likelihood by Tipping and Bishop (1999)",
        "mean_field": "the gap of a mean-field guide, the same for every row",
        "rank": "the amortization gap of an encoder that passes through few numbers",
    },
    hard=(
        "The likelihood does not change when the code is turned, so weight is known up to a rotation only. "
        "One scale serves all columns: standardise columns of different units."
    ),
    references=(
        "M. E. Tipping and C. M. Bishop, Probabilistic principal component analysis, J. R. Stat. Soc. B 61 "
        "(1999) 611-622",
        "C. M. Bishop, Pattern Recognition and Machine Learning (2006), section 12.2",
        "J. Lucas, G. Tucker, R. Grosse and M. Norouzi, Don't blame the ELBO! A linear VAE perspective on "
        "posterior collapse, NeurIPS 2019",
        "R. A. Fisher, The use of multiple measurements in taxonomic problems, Annals of Eugenics 7 (1936) 179-188",
    ),
    dims=dims,
    local=("amortized", "per_datapoint", "semi_amortized", "constant", "exact"),
    encoder={"x": "row"},
    learning=Learning(num_steps=3000, learning_rate=0.02),
)
