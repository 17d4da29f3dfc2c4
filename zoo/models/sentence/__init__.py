r"""How a sentence is made: choose a topic, then draw the words one by one.

Nobody sees the topic. All words of a sentence are drawn from its topic's probabilities, each on its own; a set of
sentences is then a mixture of K such loaded dice with V sides, a mixture of unigrams.

    weights  ~ Dirichlet(alpha, …, alpha)                 (K)    share of each topic
    topics_k ~ Dirichlet(eta, …, eta),  k = 1 … K         (V)    its words' probabilities
  for each sentence i = 1 … n:
    z_i ~ Categorical(weights)                                   its topic
    x_i ~ Words(topics[z_i])                                     how often each word comes up

A sentence is kept as counts, since the order of its words says nothing of the topic; the density is that of the
words in the order in which they came, Σ_v x_iv log topics_{z_i, v}, without a multinomial's coefficient. How many
words there are is not modelled: `length` of them are drawn where there is no sentence to look at.

One topic a sentence is a strong claim: with fifty words each, a sentence's topic is all but certain, and two
sentences that share half of their words have nothing in common. `lda` gives each word a topic of its own.

Topics are conjugate, so that for at most 10 sentences the evidence is the exact sum over all K^n allocations.
The posterior has K! equal modes, one a labelling of the topics.

The default data are the counts of 120 words in 395 news stories: the most frequent ones without function words,
names of persons and days of the week. `data.words` has the words, and `zoo.topics.top_words` says a topic in them:

    run = zoo.fit("sentence", K=5)
    top_words(run.relabelled["topics"].mean((0, 1)), words())

References:
    1. K. Nigam, A. McCallum, S. Thrun and T. Mitchell, Text classification from labeled and unlabeled documents
       using EM, Machine Learning 39 (2000) 103-134: the mixture of unigrams.
    2. D. M. Blei, A. Y. Ng and M. I. Jordan, Latent Dirichlet allocation, Journal of Machine Learning Research 3
       (2003) 993-1022, section 4.2: what it lacks.
"""

from collections.abc import Mapping
from typing import Any

from zoo.card import Card, Data, DataSet, Learning, Option, Site

REUTERS = DataSet(
    "reuters",
    "counts of 120 words in 395 news stories of 1996 and 1997",
    "the Reuters set of the Python package lda",
    "MPL-2.0 (the package); counts of words only",
)


def vocabulary(data: Data) -> int:
    """Return the number of columns of x, the words."""
    return int(data["x"].shape[1])


def mean_length(data: Data) -> int:
    """Return the mean number of words of a sentence, at least 1."""
    return max(1, round(float(data["x"].sum(1).mean())))


def dims(data: Data, options: Mapping[str, Any]) -> dict[str, int]:
    """Return the sizes of the named dimensions."""
    rows, words = data["x"].shape
    return {"row": rows, "topic": options["K"], "word": words}


CARD = Card(
    name="sentence",
    title="Sentences of one topic (mixture of unigrams)",
    lecture="Generative stories: how a sentence is made",
    process=(
        "weights ~ Dirichlet(alpha 1_K)\n"
        "topics_k ~ Dirichlet(eta 1_V),  k = 1 … K\n"
        "z_i ~ Categorical(weights),  i = 1 … n\n"
        "x_i ~ Words(topics[z_i]),  one by one"
    ),
    formula=(
        r"p(x, \pi, \beta) = \mathrm{Dir}(\pi \mid \alpha) \prod_{k=1}^{K} \mathrm{Dir}(\beta_k \mid \eta)"
        r"\prod_{i=1}^{n} \sum_{k=1}^{K} \pi_k \prod_{v=1}^{V} \beta_{kv}^{x_{iv}}"
    ),
    sites=(
        Site("weights", "latent", ("topic",), "simplex", "share of each topic", r"\pi"),
        Site("topics", "latent", ("topic", "word"), "simplex", "probabilities of a topic's words", r"\beta"),
        Site("z", "latent", ("row",), "category", "topic of a sentence", "z_i"),
        Site("x", "observed", ("row", "word"), "integer", "how often each word comes up", "x_i"),
    ),
    options=(
        Option("K", 5, "number of topics", at_least=1),
        Option("V", 120, "number of words, the columns of x", at_least=2, derive=vocabulary, fixed_by_data=True),
        Option("alpha", 1.0, "concentration of the topics' shares", above=0),
        Option("eta", 0.5, "concentration of a topic's words; below 1 few words make a topic", above=0),
        Option("length", 40, "words of a sentence that is drawn", at_least=1, derive=mean_length),
    ),
    inputs={"x": ("row", "word")},
    datasets=(REUTERS,),
    exact={
        "evidence": "the sum over all Kⁿ allocations for n ≤ 10; any n for K = 1",
        "posterior": "K = 1: Dirichlet",
        "log_likelihood": "log of the weighted sum of the topics' densities at given latents, row by row",
        "responsibilities": "p(z | x, latents) by Bayes' rule",
    },
    hard=(
        "The posterior has K! equal modes, one a labelling of the topics, and many lower ones: with dozens of words "
        "a sentence's topic is all but certain, and learning seldom moves a sentence that began in the wrong one."
    ),
    references=(
        "K. Nigam, A. McCallum, S. Thrun and T. Mitchell, Text classification from labeled and unlabeled documents "
        "using EM, Machine Learning 39 (2000) 103-134",
        "D. M. Blei, A. Y. Ng and M. I. Jordan, Latent Dirichlet allocation, J. Mach. Learn. Res. 3 (2003) 993-1022, "
        "section 4.2",
    ),
    dims=dims,
    local=("marginal", "exact"),
    exchangeable="topic",
    label_sites=("topics",),
    no_reference="a chain stays with the topics that it began with: no sentence is moved to another one",
    learning=Learning(num_steps=2000, learning_rate=0.05, restarts=5),
)
