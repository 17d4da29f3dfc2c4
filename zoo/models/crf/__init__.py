r"""A linear-chain conditional random field: the labels of a string, given its features, and read together.

Each step of a string has features x_t, such as the pixels of a handwritten digit, and a label y_t, the digit. The
features are given and not modelled: p(y | x) alone is. A label's potential at a step is linear in the step's
features, and two labels that follow each other have a potential too, so that what cannot be read is guessed from its
neighbours, on both sides.

    weights in R^(D x K), bias in R^K, transition in R^(K x K)                (parameters)
  for each string i = 1 … n, of T_i steps:
    s(y, x) = sum_t (x_t weights + bias)[y_t] + sum_{t > 1} transition[y_{t-1}, y_t]
    p(y_i | x_i) = exp s(y_i, x_i) / Z(x_i),    Z(x) = sum over all K^T paths y of exp s(y, x)

The density is normalised once for the whole string and not step by step, which is what tells it from a classifier of
every step and from a hidden Markov model turned round: a step at which the label is in doubt does not have to pass
its doubt on. Z is a product of K x K matrices along the chain, and its gradient the probabilities of labels and of
moves: the log likelihood is concave, and climbs until the expected features are the observed ones.

Strings of unequal length lie in one array, filled up with NaN: a string ends at the last step of which something was
seen. A feature that is NaN before says nothing of its step. The labels past the end count nothing; `data.py` has 0.

The data are strings of real digits, 8 x 8 images with noise, in blocks of 2 x 2 pixels that are averaged, in the
order of a Markov chain: with probability 0.6 + 0.04 a digit is followed by the next one, 9 by 0. The images that
`strings` is made of are others than those of `strings_test`. `zoo.tagging` reads labels off new strings:

    run = zoo.fit("crf")
    labels(run, zoo.model("crf").data("strings_test")["x"])

References:
    1. J. Lafferty, A. McCallum and F. Pereira, Conditional random fields: probabilistic models for segmenting and
       labeling sequence data, ICML 2001.
    2. C. Sutton and A. McCallum, An introduction to conditional random fields, Foundations and Trends in Machine
       Learning 4 (2012) 267-373, sections 2.3 (linear chains), 4.1 (forward-backward) and 5.1 (maximum likelihood).
    3. E. Alpaydin and C. Kaynak, Optical recognition of handwritten digits, UCI Machine Learning Repository, 1998.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from zoo.card import Card, Data, DataSet, Learning, Option, Site
from zoo.errors import UserError

SOURCE = "Alpaydin and Kaynak (1998), UCI; the 1,797 images that scikit-learn carries"
STRINGS = DataSet("strings", "300 strings of 4 to 12 noisy handwritten digits", SOURCE, "CC BY 4.0")
STRINGS_TEST = DataSet("strings_test", "300 more, made of other images", SOURCE, "CC BY 4.0")


def features(data: Data) -> int:
    """Return the number of features of a step."""
    return int(data["x"].shape[-1])


def labels(data: Data) -> int:
    """Return the number of labels, one more than the largest, and at least 2.

    Raises:
        UserError: a label within a string is not a whole number from 0.
    """
    there = data["y"][steps(data["x"])]
    bad = ~((there >= 0) & (there == np.floor(there)))
    if bad.any():
        raise UserError(f"data 'y' has a label {there[bad][0]:g}; give whole numbers from 0, one a step")
    return max(2, int(there.max()) + 1)


def steps(x: np.ndarray) -> np.ndarray:
    """Return which steps of strings (n, T, D) are there (n, T): those up to the last of which something was seen."""
    seen = ~np.isnan(x).all(-1)
    return np.asarray(np.flip(np.logical_or.accumulate(np.flip(seen, 1), 1), 1))


def dims(data: Data, options: Mapping[str, Any]) -> dict[str, int]:
    """Return the sizes of the named dimensions."""
    rows, length, width = data["x"].shape
    return {"row": rows, "step": length, "feature": width, "label": options["K"], "next": options["K"]}


LABELS = Option("K", 10, "number of labels, 0 … K − 1", at_least=2, derive=labels)
FEATURES = Option("D", 16, "number of features, the last axis of x", at_least=1, derive=features, fixed_by_data=True)

CARD = Card(
    name="crf",
    title="Conditional random field on a chain",
    lecture="Discriminative models of sequences: conditional random fields",
    process=(
        "s(y, x) = Σ_t (x_t weights + bias)[y_t] + Σ_{t > 1} transition[y_{t−1}, y_t]\n"
        "y_i ~ LinearChain: p(y | x_i) = exp s(y, x_i) / Σ_{y'} exp s(y', x_i),  i = 1 … n"
    ),
    formula=(
        r"p_\theta(y \mid x) = \prod_{i=1}^{n} \frac{1}{Z(x_i)} \exp(\sum_{t=1}^{T_i} (W^{\top} x_{it} + b)_{y_{it}}"
        r"+ \sum_{t=2}^{T_i} A_{y_{i,t-1} y_{it}})"
    ),
    sites=(
        Site("weights", "param", ("feature", "label"), "real", "what a feature says for a label, nats", "W"),
        Site("bias", "param", ("label",), "real", "what speaks for a label in any case, nats", "b"),
        Site("transition", "param", ("label", "next"), "real", "what speaks for a label after another, nats", "A"),
        Site("y", "observed", ("row", "step"), "category", "the label of each step", "y_i"),
    ),
    options=(LABELS, FEATURES),
    inputs={"x": ("row", "step", "feature"), "y": ("row", "step")},
    covariates=("x",),
    missing=("x",),
    datasets=(STRINGS, STRINGS_TEST),
    exact={
        "log_likelihood": "log p(y | x) of each string by the forward recursion",
        "fit": "maximum likelihood by L-BFGS on the concave log likelihood, to 1e-6 nats a string",
    },
    hard=(
        "Z sums over K^T paths. The parameters are known up to constants alone: what is added to a feature's weights "
        "for all labels cancels in Z, and a bias can move into the transitions but for the first step. Labels that "
        "never follow each other have no maximum: their transition falls for ever."
    ),
    references=(
        "J. Lafferty, A. McCallum and F. Pereira, Conditional random fields, ICML 2001",
        "C. Sutton and A. McCallum, An introduction to conditional random fields, Found. Trends Mach. Learn. 4 (2012)",
        "E. Alpaydin and C. Kaynak, Optical recognition of handwritten digits, UCI (1998)",
    ),
    dims=dims,
    learning=Learning(num_steps=500, learning_rate=0.5),
)
