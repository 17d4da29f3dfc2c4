"""What benchmarks.defaults holds the zoo's fits against: classic libraries, each on the same rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import numpy as np

from zoo.backends.state import Values
from zoo.catalogue import Data, Model

CLOSED = "closed form"
Rows = Callable[[Data], np.ndarray]


@dataclass(frozen=True)
class Peer:
    """A library that fits the same model, or one much like it.

    Args:
        name: what the table calls it.
        package: that it needs.
        fit: (bound model, data) to the params of ours that it found, or to a log density by row (n,); to None if it
            does not serve them.
        serves: whether it fits the model with these options and data.
    """

    name: str
    package: str
    fit: Callable[[Model, Data], Values | Rows | None]
    serves: Callable[[Mapping[str, Any]], bool] = lambda options: True

    @property
    def installed(self) -> bool:
        """Whether its package is."""
        return find_spec(self.package) is not None


def gaussians(model: Model, data: Data) -> Rows:
    """Fit a mixture of Gaussians by EM, from one start by k-means."""
    from sklearn.mixture import GaussianMixture

    o = model.options
    made = GaussianMixture(o["K"], reg_covar=o["floor"], max_iter=1000, random_state=0).fit(data["x"])
    return lambda rows: np.asarray(made.score_samples(rows["x"]))


def gaussians_bayes(model: Model, data: Data) -> Rows:
    """Fit a mixture with priors of its own by CAVI: its density at the posterior's mean."""
    from sklearn.mixture import BayesianGaussianMixture

    o = model.options
    made = BayesianGaussianMixture(
        n_components=o["K"],
        covariance_type="full" if o.get("covariance") == "full" else "diag",
        weight_concentration_prior_type="dirichlet_distribution" if "covariance" in o else "dirichlet_process",
        max_iter=1000,
        random_state=0,
    ).fit(data["x"])
    return lambda rows: np.asarray(made.score_samples(rows["x"]))


def principal(model: Model, data: Data) -> Rows:
    """Fit probabilistic principal components by their closed form."""
    from sklearn.decomposition import PCA

    made = PCA(model.options["latent"]).fit(data["x"])
    return lambda rows: np.asarray(made.score_samples(rows["x"]))


def allocation(model: Model, data: Data) -> Values:
    """Fit latent Dirichlet allocation by 100 passes of batch variational Bayes, with our priors."""
    from sklearn.decomposition import LatentDirichletAllocation

    o = model.options
    made = LatentDirichletAllocation(
        o["K"], doc_topic_prior=o["alpha"], topic_word_prior=o["eta"], max_iter=100, random_state=0
    ).fit(data["x"])
    return {"topics": made.components_ / made.components_.sum(1, keepdims=True)}


def markov(model: Model, data: Data) -> Values:
    """Fit a hidden Markov model by Baum-Welch, from one start, without priors."""
    from hmmlearn import hmm

    o = model.options
    kinds = {"poisson": hmm.PoissonHMM, "gaussian": hmm.GaussianHMM, "categorical": hmm.CategoricalHMM}
    there = ~np.isnan(data["x"]).any(-1)
    x = data["x"][there]
    made = kinds[o["emission"]](o["K"], n_iter=500, random_state=0)
    made.fit(x if o["emission"] == "gaussian" else x.astype(int), there.sum(1))
    found = {"initial": made.startprob_, "transition": made.transmat_}
    if o["emission"] == "poisson":
        return found | {"rate": made.lambdas_}
    if o["emission"] == "categorical":
        probs = np.zeros((o["K"], 1, o["V"]))
        probs[:, 0, : made.emissionprob_.shape[1]] = made.emissionprob_
        return found | {"probs": probs}
    sd = np.sqrt(np.diagonal(made.covars_, axis1=1, axis2=2))
    return found | {"loc": made.means_, "scale": sd - o.get("floor", 0.0)}


def fields(model: Model, data: Data) -> Values:
    """Fit a chain of labels by L-BFGS, with our normal prior if the model has one."""
    from sklearn_crfsuite import CRF

    from benchmarks.tagging import described
    from zoo.models.crf import steps

    o = model.options
    strength = 1 / o["scale"] ** 2 if "scale" in o else 0.0
    made = CRF(
        algorithm="lbfgs",
        c1=0.0,
        c2=strength / 2,
        max_iterations=2000,
        min_freq=-1e9,
        all_possible_states=True,
        all_possible_transitions=True,
    )
    labels = [[str(int(v)) for v in row[:n]] for row, n in zip(data["y"], steps(data["x"]).sum(1), strict=True)]
    made.fit(described(data["x"]), labels)
    found = {
        "weights": np.zeros((o["D"], o["K"])),
        "bias": np.zeros(o["K"]),
        "transition": np.zeros((o["K"], o["K"])),
    }
    for (feature, label), weight in made.state_features_.items():
        if feature == "bias":
            found["bias"][int(label)] = weight
        else:
            found["weights"][int(feature), int(label)] = weight
    for (before, after), weight in made.transition_features_.items():
        found["transition"][int(before), int(after)] = weight
    return found


def closed(model: Model, data: Data) -> Values | None:
    """Return the card's own exact fit; None if it knows none for these options."""
    found: Values | None = model.exact.fit(data, **model.options)
    return found


HMMLEARN = Peer("hmmlearn", "hmmlearn", markov, lambda o: o["emission"] != "categorical" or o["D"] == 1)
CRFSUITE = Peer("sklearn-crfsuite", "sklearn_crfsuite", fields)
PEERS: dict[str, tuple[Peer, ...]] = {
    "gmm": (Peer("scikit-learn", "sklearn", gaussians),),
    "gmm_bayes": (Peer("scikit-learn", "sklearn", gaussians_bayes),),
    "dp_mixture": (Peer("scikit-learn", "sklearn", gaussians_bayes),),
    "ppca": (Peer("scikit-learn", "sklearn", principal),),
    "lda": (Peer("scikit-learn", "sklearn", allocation),),
    "hmm": (HMMLEARN,),
    "hmm_bayes": (HMMLEARN,),
    "crf": (CRFSUITE,),
    "crf_bayes": (CRFSUITE,),
}


def peers(model: Model) -> list[Peer]:
    """Return the peers of a model: libraries that are installed, and the card's own closed form.

    Args:
        model: with its options; those that come from the data are the card's defaults if not given.
    """
    own = [Peer(CLOSED, "numpy", closed)] if "fit" in model.card.exact else []
    options = {o.name: model.given.get(o.name, o.default) for o in model.card.options}
    return own + [p for p in PEERS.get(model.name, ()) if p.installed and p.serves(options)]
