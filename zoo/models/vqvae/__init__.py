r"""Vector quantisation: a row's hidden cause is a few words of a learnt alphabet.

The code of a row is no point of a space, as in `vae`, but a list of symbols. Each symbol stands for a vector of a
codebook that all positions share; a network turns the vectors into a row of x, such as an image.

    codebook in R^(K x code_size), decoder: weights and biases of a perceptron      (parameters)
    z_i  ~ p(z), positions symbols out of K                                         i = 1 … n
    x_i  ~ Normal(mu(e_i), (floor^2 + noise^2) I),  e_i = codebook[z_i1], codebook[z_i2], …
    or
    x_i  ~ Bernoulli(sigmoid(mu(e_i)))                                              rows of 0 and 1

with p(z) as the option `prior` says:

    uniform          z_ij ~ Uniform{1 … K}                    no parameters
    categorical      z_ij ~ Categorical(softmax(bias_j))      each position's own shares
    autoregressive   z_ij ~ Categorical given z_i1 … z_i,j−1  by a small network (reference 4)

Reference 1 learns encoder, codebook and decoder with a uniform prior, and a prior over the codes afterwards. Here the
prior is part of the model, and learnt by the same bound; a run learnt with a uniform prior and one with a learnt prior
differ in what their bounds say, and in what they draw.

The posterior of a row's codes has K^positions values. The treatment `nearest` takes one of them: an encoder puts out a
vector for each position, and q is the point at the codes nearest to these. As q's density there is 1, the ELBO of a row
is log p(x_i, z_i): a lower bound of log p(x_i) that no draw has a part in, and whose gap is −log p(z_i | x_i), what the
posterior thinks of that one choice. Where K^positions is at most 65,536 that gap is known exactly. What pulls encoder
and codes together (a search over codes, running means) is in learning's gradient only and never in a number that is
reported; see `guides/local/nearest`.

So log p(x, z) in nats says what the codes cost and what is lost after them: positions × log K nats for a uniform prior,
fewer for one that knows which codes are used, and used together. For rows of 0 and 1 it is the log of a probability,
and −log p / (D log 2) are bits a pixel. For grey values it is the log of a density, and no number of bits until x is
rounded to a grid; `zoo.codes` has both.

References:
    1. A. van den Oord, O. Vinyals and K. Kavukcuoglu, Neural discrete representation learning, NeurIPS 2017.
    2. A. Razavi, A. van den Oord and O. Vinyals, Generating diverse high-fidelity images with VQ-VAE-2, NeurIPS 2019.
    3. P. Dhariwal et al., Jukebox: a generative model for music, arXiv:2005.00341 (2020): codes that are not used any
       more restart, at vectors of the encoder.
    4. H. Larochelle and I. Murray, The neural autoregressive distribution estimator, AISTATS 2011.
    5. E. Alpaydin and C. Kaynak, Cascading classifiers, Kybernetika 34 (1998) 369-374: the 8 x 8 digits.
    6. Y. LeCun, L. Bottou, Y. Bengio and P. Haffner, Gradient-based learning applied to document recognition,
       Proceedings of the IEEE 86 (1998) 2278-2324: MNIST.
"""

from collections.abc import Mapping
from typing import Any

from zoo.card import Card, Data, Learning, Option, Site
from zoo.models.vae import DIGITS, DIGITS_BINARY, MNIST, columns

ONE, TWO = {"depth": (1,)}, {"depth": (2,)}
LEARNT = {"prior": ("categorical", "autoregressive")}
NETWORK = {"prior": ("autoregressive",)}
DECODER = (
    Site("decoder.layer0.weight", "param", ("unit", "input"), "real", "from the codes to the hidden units", "W_0"),
    Site("decoder.layer0.bias", "param", ("unit",), "real", "biases of the hidden units", "b_0"),
    Site("decoder.layer1.weight", "param", ("feature", "unit"), "real", "to the columns", "W_1", when=ONE),
    Site("decoder.layer1.bias", "param", ("feature",), "real", "biases of the columns", "b_1", when=ONE),
    Site("decoder.layer1.weight", "param", ("unit2", "unit"), "real", "to the second layer", "W_1", when=TWO),
    Site("decoder.layer1.bias", "param", ("unit2",), "real", "biases of the second layer", "b_1", when=TWO),
    Site("decoder.layer2.weight", "param", ("feature", "unit2"), "real", "to the columns", "W_2", when=TWO),
    Site("decoder.layer2.bias", "param", ("feature",), "real", "biases of the columns", "b_2", when=TWO),
)
NOISE = Site(
    "noise",
    "param",
    (),
    "positive",
    "of every column, beside the floor",
    r"\sigma",
    when={"likelihood": ("gaussian",), "noise": ("learnt",)},
)
PRIOR = (
    Site("prior.bias", "param", ("position", "code"), "real", "log shares of a position's codes", "b", when=LEARNT),
    Site("prior.inner", "param", ("hidden",), "real", "biases of the prior's hidden units", "c", when=NETWORK),
    Site("prior.into", "param", ("position", "code", "hidden"), "real", "from a code to them", "U", when=NETWORK),
    Site("prior.out", "param", ("position", "hidden", "code"), "real", "from them to log shares", "V", when=NETWORK),
)


def dims(data: Data, options: Mapping[str, Any]) -> dict[str, int]:
    """Return the sizes of the named dimensions."""
    rows, features = data["x"].shape
    codes = {"code": options["K"], "position": options["positions"], "number": options["code_size"]}
    units = {"unit": options["hidden"], "unit2": options["hidden"], "hidden": options["units"]}
    return {"row": rows, "feature": features, **codes, **units, "input": options["positions"] * options["code_size"]}


CARD = Card(
    name="vqvae",
    title="Vector-quantised autoencoder",
    lecture="Deep latent variable models: discrete codes and a learnt prior",
    process=(
        "z_i ~ p(z),  positions codes out of K,  i = 1 … n\n"
        "x_i ~ Normal(mu(codebook[z_i]), (floor² + noise²) I)    gaussian\n"
        "x_i ~ Bernoulli(sigmoid(mu(codebook[z_i])))             bernoulli\n"
        "p(z): uniform;  a position's own shares;  each code given those before it"
    ),
    formula=(
        r"p_\theta(x) = \prod_{i=1}^{n} \sum_{z \in \{1 \ldots K\}^M} p(z)\,"
        r"\mathcal{N}(x_i \mid \mu_\theta(e_{z_1}, \ldots, e_{z_M}), \sigma^2 I)"
    ),
    sites=(
        Site("codebook", "param", ("code", "number"), "real", "each code's vector", "e"),
        *DECODER,
        NOISE,
        *PRIOR,
        Site("z", "latent", ("row", "position"), "category", "a row's codes", "z_i"),
        Site("x", "observed", ("row", "feature"), "real", "an observed row", "x_i"),
    ),
    options=(
        Option("K", 16, "codes in the codebook", at_least=2),
        Option("positions", 8, "codes of a row", at_least=1),
        Option("code_size", 4, "numbers of a code's vector", at_least=1),
        Option("hidden", 128, "units of a hidden layer of the decoder", at_least=1),
        Option("depth", 1, "number of its hidden layers", choices=(1, 2)),
        Option("activation", "relu", "of the hidden layers", choices=("relu", "tanh", "silu", "softplus")),
        Option("likelihood", "gaussian", "of a row given its codes", choices=("gaussian", "bernoulli")),
        Option("noise", "learnt", "sd of a column, or the floor alone (gaussian)", choices=("learnt", "fixed")),
        Option("floor", 0.05, "smallest sd of a column given the codes, in units of x (gaussian)", above=0),
        Option("prior", "uniform", "of a row's codes", choices=("uniform", "categorical", "autoregressive")),
        Option("units", 16, "hidden units of the autoregressive prior", at_least=1),
        Option("D", 64, "number of columns of x", at_least=1, derive=columns, fixed_by_data=True),
    ),
    inputs={"x": ("row", "feature")},
    datasets=(DIGITS, DIGITS_BINARY, MNIST),
    exact={
        "log_likelihood": "K^positions of 65,536 at most: the sum over all vectors of codes, row by row",
        "probabilities": "the same: p(z | x) of each vector of codes",
    },
    hard=(
        "Codes have no gradient: what is handed straight through to the encoder is biased and gets stuck, and a search "
        "over codes costs as many decodings as there are codes. Codes that no vector is near to are never learnt and "
        "must be restarted. The bound rests on one choice of codes per row, and is loose where several would do. Codes "
        "can be permuted without "
        "changing the model, and the log density of grey values depends on the floor."
    ),
    references=(
        "A. van den Oord, O. Vinyals and K. Kavukcuoglu, Neural discrete representation learning, NeurIPS 2017",
        "A. Razavi, A. van den Oord and O. Vinyals, Generating diverse high-fidelity images with VQ-VAE-2, "
        "NeurIPS 2019",
        "P. Dhariwal et al., Jukebox: a generative model for music, arXiv:2005.00341 (2020)",
        "H. Larochelle and I. Murray, The neural autoregressive distribution estimator, AISTATS 2011",
        "E. Alpaydin and C. Kaynak, Cascading classifiers, Kybernetika 34 (1998) 369-374",
        "Y. LeCun et al., Gradient-based learning applied to document recognition, Proc. IEEE 86 (1998) 2278-2324",
    ),
    dims=dims,
    local=("nearest",),
    encoder={"x": "row"},
    learning=Learning(num_steps=2000, learning_rate=1e-2, batch_size=128),
)
