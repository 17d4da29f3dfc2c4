"""The cases of benchmarks.defaults: options of each model, and how many rows are drawn from it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from zoo import catalogue
from zoo.backends.state import Values
from zoo.catalogue import Data, Model

FEW, SOME, MANY = 50, 1000, 100_000
ROWS = (FEW, SOME, MANY)

Drawn = tuple[Data, Values]


@dataclass(frozen=True)
class Case:
    """A model with its options, and rows that are drawn from it at known parameters.

    Args:
        model: the model's name.
        options: the model's.
        rows: how many are drawn.
        words: what the table calls it; its options if empty.
        draw: (seed, rows) to the data and the true params and global latents; `Model.simulate` and `.truth` if None.
        score: (model, data, params and global latents) to a number by row (n,), in nats, that takes the place of the
            log likelihood where this takes too long.
        gap: (model, data) to what the default guide lacks of the evidence at best, nats per row, where nothing is
            learnt but the guide.
        reason: why a fit of this case is short, if one is.
    """

    model: str
    options: Mapping[str, Any] = field(default_factory=dict)
    rows: tuple[int, ...] = ROWS
    words: str = ""
    draw: Callable[[int, int], Drawn] | None = None
    score: Callable[[Model, Data, Values], np.ndarray] | None = None
    gap: Callable[[Model, Data], float] | None = None
    reason: str = ""

    @property
    def name(self) -> str:
        """What tables call the case.

        >>> Case("gmm", {"K": 3, "D": 2}).name, Case("height").name
        ('K=3, D=2', 'default options')
        """
        return self.words or ", ".join(f"{name}={value}" for name, value in self.options.items()) or "default options"

    def drawn(self, seed: int, rows: int) -> Drawn:
        """Return data, and the params and global latents that they are drawn with."""
        if self.draw is not None:
            return self.draw(seed, rows)
        model = catalogue.model(self.model, **self.options)
        return model.simulate(seed, rows), model.truth(seed)

    def fitted(self) -> Model:
        """Return the model as a user asks for it: with the options that the data do not fix."""
        card = catalogue.model(self.model).card
        return catalogue.model(
            self.model, **{name: v for name, v in self.options.items() if not card.option(name).fixed_by_data}
        )


def documents_bound(model: Model, data: Data, values: Values) -> np.ndarray:
    """Return the classic bound of each document at given topics, from 200 updates of its shares, in nats (n,)."""
    bound: np.ndarray = model.exact.uncollapsed(data["x"], values, iterations=200, **model.options)[1]
    return bound


def window_gap(model: Model, data: Data) -> float:
    """Return what mean field lacks of the evidence, and an affine encoder that sees two steps on either side, by row.

    The default encoder has a hidden layer, and may do a little better.
    """
    window = model.exact.window_gap(2, np.cov(data["x"].T, bias=True), shared=True, **model.options)
    return float(model.exact.mean_field_gap(**model.options) + window)


def documents(topics: int, alpha: float, eta: float, words: int = 100, length: int = 50) -> Callable[[int, int], Drawn]:
    """Return what draws documents of 50 words from topics that are drawn from their prior."""

    def draw(seed: int, rows: int) -> Drawn:
        rng = np.random.default_rng(seed)
        true = rng.dirichlet(np.full(words, eta), topics)
        shares = rng.dirichlet(np.full(topics, alpha), rows)
        return {"x": rng.multinomial(length, shares @ true).astype(float)}, {"topics": true}

    return draw


def clusters(seed: int, rows: int) -> Drawn:
    """Draw two clusters of unit variance, 6 apart in both columns, half of the rows each."""
    rng = np.random.default_rng(seed)
    sign = np.where(np.arange(rows) < rows // 2, -1.0, 1.0)
    truth = {
        "weights": np.full(2, 0.5),
        "loc": np.array([[-3.0, -3.0], [3.0, 3.0]]),
        "scale_tril": np.tile(np.eye(2), (2, 1, 1)),
    }
    return {"x": 3.0 * sign[:, None] + rng.standard_normal((rows, 2))}, truth


def counts(seed: int, rows: int, steps: int = 1000) -> Drawn:
    """Draw series of counts whose three rates are far apart in ratio: 0.3, 2.4 and 21."""
    rng = np.random.default_rng(seed)
    move = np.array([[0.91, 0.09, 0.0], [0.0, 0.89, 0.11], [0.02, 0.03, 0.95]])
    rate, z = np.array([[0.3], [2.4], [21.0]]), np.zeros((rows, steps), dtype=int)
    z[:, 0] = rng.integers(3, size=rows)
    for t in range(1, steps):
        z[:, t] = (rng.random((rows, 1)) > move.cumsum(1)[z[:, t - 1]]).sum(1)
    return {"x": rng.poisson(rate[z]).astype(float)}, {"initial": np.ones(3) / 3, "transition": move, "rate": rate}


def causes(latent: int, columns: int) -> Callable[[int, int], Drawn]:
    """Return what draws bits from causes whose weights are Normal(0, 4), and whose log-odds are not centred."""

    def draw(seed: int, rows: int) -> Drawn:
        rng = np.random.default_rng(seed)
        weight = 2 * rng.standard_normal((columns, latent))
        bias = -weight.sum(1) / 2 + 0.5 * rng.standard_normal(columns)
        odds = (rng.random((rows, latent)) < 0.5) @ weight.T + bias
        return {"x": (rng.random(odds.shape) < 1 / (1 + np.exp(-odds))).astype(float)}, {"weight": weight, "bias": bias}

    return draw


def codes(K: int, columns: int, positions: int = 3, noise: float = 0.3) -> Callable[[int, int], Drawn]:
    """Return what draws rows from a codebook through 32 hidden units."""

    def draw(seed: int, rows: int) -> Drawn:
        rng = np.random.default_rng(seed)
        book, inner = rng.standard_normal((K, 4)), rng.standard_normal((32, 4 * positions)) / (4 * positions) ** 0.5
        outer = 2 * rng.standard_normal((columns, 32)) / 32**0.5
        seen = np.maximum(book[rng.integers(0, K, (rows, positions))].reshape(rows, -1) @ inner.T, 0)
        truth = {
            "codebook": book,
            "decoder.layer0.weight": inner,
            "decoder.layer0.bias": np.zeros(32),
            "decoder.layer1.weight": outer,
            "decoder.layer1.bias": np.zeros(columns),
            "noise": np.asarray(noise),
        }
        return {"x": seen @ outer.T + noise * rng.standard_normal((rows, columns))}, truth

    return draw


def topics(K: int, alpha: float, eta: float) -> Case:
    """Return documents of 50 of 100 words; the model is told their number of topics alone."""
    words = f"K={K}, V=100; shares of Dirichlet({alpha:g}), topics of Dirichlet({eta:g})"
    return Case("lda", {"K": K}, words=words, draw=documents(K, alpha, eta), score=documents_bound, reason=ENCODER)


def bits(latent: int, columns: int) -> Case:
    """Return bits of so many causes."""
    words = f"latent={latent}, D={columns}"
    return Case("binary_latent", {"latent": latent}, words=words, draw=causes(latent, columns), reason=INDEPENDENT)


INDEPENDENT = (
    "what is learnt is the ELBO of independent bits, and causes that q can describe cost likelihood: with 8 causes of "
    "20 columns it is 0.17 above the ELBO at the true parameters"
)
CLUSTERS = (
    "the ELBO has many local optima, and a start draws how many clusters it has: single ones end between -0.72 and "
    "-0.79, and the best of five by their first steps is not always the best"
)
ENCODER = (
    "the encoder ends at local optima of its own: fits of 50 documents with five seeds, whose topics are alike, end up "
    "to 1.2 nats per row apart"
)
POINT = (
    "q is one choice of codes per row, found position by position, and ends in a local optimum; summing out all codes, "
    "where that was tried (K=4, noise 0.3), the decoder reaches the truth to 0.1"
)


def symbols(K: int, positions: int, columns: int) -> Case:
    """Return rows of so many codes."""
    words = f"K={K}, positions={positions}, D={columns}, noise 0.3"
    return Case("vqvae", {"K": K, "positions": positions}, words=words, draw=codes(K, columns, positions), reason=POINT)


CASES = (
    Case("height"),
    Case("height_bayes"),
    Case("height_bayes", {"known_sd": 0.07}),
    Case("gmm", {"K": 2}, words="K=2, D=2, two clear clusters", draw=clusters),
    Case("gmm", {"K": 3, "D": 5}),
    Case("gmm", {"K": 8, "D": 2}),
    Case("gmm_bayes", {"K": 2, "D": 2}),
    Case("gmm_bayes", {"K": 4, "D": 6}),
    Case("gmm_bayes", {"K": 3, "D": 3, "covariance": "full"}),
    Case("dp_mixture", {"D": 1}, reason=CLUSTERS),
    Case("dp_mixture", {"D": 4}),
    Case("ppca", {"latent": 2, "D": 4}),
    Case("ppca", {"latent": 3, "D": 10}),
    Case("ppca", {"latent": 5, "D": 50}),
    Case("hierarchical_normal"),
    Case("random_walk", {"T": 10}, gap=window_gap),
    Case("random_walk", {"T": 40}, gap=window_gap),
    Case("sentence", {"K": 3, "V": 30}),
    Case("sentence", {"K": 10, "V": 500}),
    topics(5, 0.2, 0.2),
    topics(10, 0.2, 0.2),
    topics(5, 0.1, 0.05),
    Case("hmm", {"emission": "poisson", "K": 3, "T": 20}),
    Case("hmm", {"emission": "poisson", "K": 3}, (1,), "poisson, K=3, T=1000, rates 0.3, 2.4, 21", counts),
    Case("hmm", {"emission": "gaussian", "K": 4, "T": 20, "D": 3}),
    Case("hmm", {"emission": "categorical", "K": 2, "T": 40, "V": 4}),
    Case("hmm_bayes", {"emission": "poisson", "K": 3, "T": 20}),
    Case("hmm_bayes", {"emission": "gaussian", "K": 3, "T": 20, "D": 2}),
    Case("hmm_bayes", {"emission": "categorical", "K": 2, "T": 40, "V": 4}),
    Case("crf", {"K": 3, "D": 4}),
    Case("crf", {"K": 10, "D": 16}),
    Case("crf_bayes", {"K": 3, "D": 4}),
    Case("crf_bayes", {"K": 10, "D": 16}),
    Case("vae", {"latent": 2, "hidden": 32, "D": 10}),
    Case("vae", {"latent": 3, "hidden": 32, "D": 20, "likelihood": "bernoulli"}),
    Case("vae"),
    Case("binary_latent", {"latent": 4, "D": 16}, reason=INDEPENDENT),
    bits(8, 20),
    bits(10, 50),
    Case("vqvae", {"K": 4, "positions": 3, "D": 10}, reason=POINT),
    symbols(4, 3, 10),
    symbols(8, 3, 50),
)


def cases(names: list[str] | None = None) -> list[Case]:
    """Return the cases of the models asked for; a model that has none is run with its default options.

    >>> sorted({c.model for c in cases()}) == catalogue.names()
    True
    """
    found = [c for name in names or catalogue.names() for c in CASES if c.model == name]
    return found + [Case(n) for n in names or catalogue.names() if n not in {c.model for c in CASES}]
