r"""Latent Dirichlet allocation: every word of a document has a topic of its own.

`sentence` gives a whole text one topic. Here a document is a mixture: it has its own shares of the topics, and each
word draws a topic by these shares, then itself by the topic's probabilities.

    topics_k ~ Dirichlet(eta, …, eta),  k = 1 … K         (V)    a topic's words
  for each document i = 1 … n:
    theta_i ~ Dirichlet(alpha, …, alpha)                  (K)    its shares of the topics
    for each of its words j:
      z_ij ~ Categorical(theta_i),  w_ij ~ Categorical(topics[z_ij])

A word's topic is summed out: given theta_i, its words are drawn one by one by the mixed probabilities theta_i topics,
so that a document is its counts, and a batch of documents one matrix product:

    x_i ~ Words(theta_i topics)

What is left to infer of a document, theta_i, is a point of the simplex: `amortized` reads it off the counts,
`per_datapoint` gives each document its own numbers, and `coordinate` is the classic way, which does not sum the words'
topics out: q(theta_i) q(z_i1) q(z_i2) …, a Dirichlet and categories, climbed by closed-form updates to its top for
given topics (references 1 and 2). Its bound is lower than what the same Dirichlet is worth with the topics summed
out, and needs no draw.

`estimate="alpha"` learns the concentration alpha by maximum likelihood, with everything else. The maximum is that of a
bound, and the guide leaves its mark: of documents drawn with 0.3, `coordinate` says 0.1 and `amortized` 0.24.

A document's density at given topics is a polynomial in theta_i integrated over a Dirichlet: known exactly where it
has few terms (two topics and hundreds of words; five topics and a dozen). The posterior has K! equal modes.

References:
    1. D. M. Blei, A. Y. Ng and M. I. Jordan, Latent Dirichlet allocation, Journal of Machine Learning Research 3
       (2003) 993-1022.
    2. M. D. Hoffman, D. M. Blei and F. Bach, Online learning for latent Dirichlet allocation, NeurIPS 2010: the
       updates, and minibatches of documents.
    3. A. Srivastava and C. Sutton, Autoencoding variational inference for topic models, ICLR 2017: an encoder of the
       counts, and what makes it hard.
    4. H. M. Wallach, I. Murray, R. Salakhutdinov and D. Mimno, Evaluation methods for topic models, ICML 2009:
       document completion.
"""

from collections.abc import Mapping
from typing import Any

from zoo.card import Card, Data, Learning, Option, Site
from zoo.models.sentence import REUTERS, mean_length, vocabulary


def dims(data: Data, options: Mapping[str, Any]) -> dict[str, int]:
    """Return the sizes of the named dimensions."""
    rows, words = data["x"].shape
    return {"row": rows, "topic": options["K"], "word": words}


CARD = Card(
    name="lda",
    title="Latent Dirichlet allocation",
    lecture="Generative stories: documents of many topics",
    process=(
        "topics_k ~ Dirichlet(eta 1_V),  k = 1 … K\n"
        "theta_i ~ Dirichlet(alpha 1_K),  i = 1 … n\n"
        "x_i ~ Words(theta_i topics),  one by one"
    ),
    formula=(
        r"p(x, \theta, \beta) = \prod_{k=1}^{K} \mathrm{Dir}(\beta_k \mid \eta) \prod_{i=1}^{n}"
        r"\mathrm{Dir}(\theta_i \mid \alpha) \prod_{v=1}^{V} (\sum_{k=1}^{K} \theta_{ik} \beta_{kv})^{x_{iv}}"
    ),
    sites=(
        Site(
            "concentration",
            "param",
            (),
            "positive",
            "of the documents' shares, learnt",
            r"\alpha",
            when={"estimate": ("alpha",)},
        ),
        Site("topics", "latent", ("topic", "word"), "simplex", "probabilities of a topic's words", r"\beta"),
        Site("theta", "latent", ("row", "topic"), "simplex", "a document's shares of the topics", r"\theta_i"),
        Site("x", "observed", ("row", "word"), "integer", "how often each word comes up", "x_i"),
    ),
    options=(
        Option("K", 10, "number of topics", at_least=2),
        Option("V", 120, "number of words, the columns of x", at_least=2, derive=vocabulary, fixed_by_data=True),
        Option("alpha", 0.2, "concentration of a document's shares; learnt from there on with estimate", above=0),
        Option("eta", 0.2, "concentration of a topic's words; below 1 few words make a topic", above=0),
        Option(
            "estimate", "nothing", "what is learnt of the priors, by maximum likelihood", choices=("nothing", "alpha")
        ),
        Option("length", 40, "words of a document that is drawn", at_least=1, derive=mean_length),
    ),
    inputs={"x": ("row", "word")},
    datasets=(REUTERS,),
    exact={
        "evidence": "the sum over the topics of all words, where they are few: Kᴺ ≤ 65,536 for N words",
        "log_likelihood": "documents at given topics, where the polynomial in theta has few terms",
        "uncollapsed": "the best bound that q(theta) q(z) reaches, with a Dirichlet and categories",
    },
    hard=(
        "The posterior has K! equal modes and many lower ones. A document's shares are sparse and its words are few, "
        "so that the posterior of theta leans on edges of the simplex, where a normal in logits fits badly; and an "
        "encoder must do for all documents what the classic updates do for each one. Learnt at once, topics and "
        "encoder may agree on topics that all look the same (reference 3)."
    ),
    references=(
        "D. M. Blei, A. Y. Ng and M. I. Jordan, Latent Dirichlet allocation, J. Mach. Learn. Res. 3 (2003) 993-1022",
        "M. D. Hoffman, D. M. Blei and F. Bach, Online learning for latent Dirichlet allocation, NeurIPS 2010",
        "A. Srivastava and C. Sutton, Autoencoding variational inference for topic models, ICLR 2017",
        "H. M. Wallach, I. Murray, R. Salakhutdinov and D. Mimno, Evaluation methods for topic models, ICML 2009",
    ),
    dims=dims,
    local=("amortized", "per_datapoint", "semi_amortized", "constant", "coordinate"),
    encoder={"x": "counts"},
    exchangeable="topic",
    label_sites=("topics",),
    no_reference="a chain stays with the topics that it began with, and draws every document's shares along",
    learning=Learning(num_steps=3000, learning_rate=0.01, batch_size=256),
)
