r"""Binary causes of binary pixels: a layer of hidden coins, each of which adds its own pattern to the log-odds.

    weight in R^(D x latent), bias in R^D                       (parameters)
    z_ij ~ Bernoulli(1/2)                                       i = 1 … n, j = 1 … latent
    x_i  ~ Bernoulli(sigmoid(weight z_i + bias))                every column by itself

It is the sigmoid belief network of one hidden layer, with fair coins on top. Given a row its causes compete to
explain it, so that their posterior does not factorise, and a code has 2^latent values: no guide can go through
them all. The gradient of a bound has to be estimated from draws of z, which no reparameterisation makes
smooth. With 12 causes the 4,096 codes can be summed, and every estimate held against the exact answer.

References:
    1. R. M. Neal, Connectionist learning of belief networks, Artificial Intelligence 56 (1992) 71-113.
    2. L. K. Saul, T. Jaakkola and M. I. Jordan, Mean field theory for sigmoid belief networks, Journal of
       Artificial Intelligence Research 4 (1996) 61-76.
    3. A. Mnih and K. Gregor, Neural variational inference and learning in belief networks, ICML 2014.
    4. E. Alpaydin and C. Kaynak, Cascading classifiers, Kybernetika 34 (1998) 369-374: the digits.
"""

from collections.abc import Mapping
from typing import Any

from zoo.card import Card, Data, DataSet, Learning, Option, Site


def columns(data: Data) -> int:
    """Return the number of columns of x."""
    return int(data["x"].shape[1])


def dims(data: Data, options: Mapping[str, Any]) -> dict[str, int]:
    """Return the sizes of the named dimensions."""
    rows, features = data["x"].shape
    return {"row": rows, "feature": features, "cause": options["latent"]}


CARD = Card(
    name="binary_latent",
    title="Binary causes",
    lecture="Deep latent variable models: discrete codes and score-function gradients",
    process=(
        "z_ij ~ Bernoulli(1/2),  i = 1 … n, j = 1 … latent\n"
        "x_i  ~ Bernoulli(sigmoid(weight z_i + bias)),  every column by itself"
    ),
    formula=(
        r"p_\theta(x) = \prod_{i=1}^{n} 2^{-H} \sum_{z \in \{0,1\}^H} \prod_{d=1}^{D} "
        r"\mathrm{Bernoulli}(x_{id} \mid \sigma(w_d^{T} z + b_d))"
    ),
    sites=(
        Site("weight", "param", ("feature", "cause"), "real", "what each cause adds to the log-odds", "W"),
        Site("bias", "param", ("feature",), "real", "log-odds without any cause", "b"),
        Site("z", "latent", ("row", "cause"), "boolean", "which causes are on", "z_i"),
        Site("x", "observed", ("row", "feature"), "boolean", "an observed row", "x_i"),
    ),
    options=(
        Option("latent", 100, "bits in a code; up to 16 give exact answers", at_least=1),
        Option("D", 64, "number of columns of x", at_least=1, derive=columns, fixed_by_data=True),
    ),
    inputs={"x": ("row", "feature")},
    datasets=(
        DataSet(
            "digits_binary",
            "1,797 handwritten digits of 8 × 8 pixels, 1 where at least half of a pixel's points are dark",
            "Alpaydin and Kaynak (1998), UCI Optical Recognition of Handwritten Digits; sklearn.datasets.load_digits",
            "CC BY 4.0",
        ),
    ),
    exact={
        "log_likelihood": "latent of 16 at most: the sum over all 2^latent codes, row by row",
        "probabilities": "latent of 16 at most: p(z_j = 1 | x), and p(z | x) of whole codes",
    },
    hard=(
        "A code has 2^latent values and no gradient, so that the bound's gradient is a score function's, whose "
        "variance a baseline has to tame. Causes explain each other away: with independent bits a guide cannot "
        "say so, and learning then prefers causes that it can. Causes can be permuted, and each turned around "
        "(weight to minus weight, bias to bias plus weight), without changing the model."
    ),
    references=(
        "R. M. Neal, Connectionist learning of belief networks, Artificial Intelligence 56 (1992) 71-113",
        "L. K. Saul, T. Jaakkola and M. I. Jordan, Mean field theory for sigmoid belief networks, JAIR 4 (1996) 61-76",
        "A. Mnih and K. Gregor, Neural variational inference and learning in belief networks, ICML 2014",
        "E. Alpaydin and C. Kaynak, Cascading classifiers, Kybernetika 34 (1998) 369-374",
    ),
    dims=dims,
    local=("amortized", "per_datapoint", "constant"),
    encoder={"x": "row"},
    learning=Learning(num_steps=5000, learning_rate=2e-2, batch_size=128),
)
