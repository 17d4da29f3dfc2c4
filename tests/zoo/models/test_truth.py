"""What `data.truth` says is what `data.simulate` draws with: named as the card names it, and the score there is 0."""

from typing import Any

import numpy as np
import pytest

import zoo
from zoo.catalogue import Model

ROWS, STEP = 1000, 1e-4
SMALL: dict[str, list[dict[str, Any]]] = {
    "binary_latent": [{"latent": 3, "D": 4}],
    "crf": [{"K": 3, "D": 2}],
    "crf_bayes": [{"K": 3, "D": 2}],
    "dp_mixture": [{"K": 3}, {"K": 4, "D": 2, "center": 5.0, "spread": 3.0}],
    "gmm": [{"K": 3, "D": 3}],
    "gmm_bayes": [{"K": 3}, {"K": 2, "D": 3, "covariance": "full", "spread": 10.0}],
    "height_bayes": [{}, {"known_sd": 0.1}],
    "hmm": [{"emission": kind, "K": 3, "T": 6, "D": 2, "V": 3} for kind in ("poisson", "gaussian", "categorical")],
    "hmm_bayes": [{"emission": kind, "K": 2, "T": 6, "V": 3} for kind in ("poisson", "gaussian", "categorical")],
    "lda": [{"K": 2, "V": 6, "length": 4}],
    "sentence": [{"K": 3, "V": 9, "length": 7}],
    "vae": [{"latent": 1, "hidden": 5, "D": 4}],
    "vqvae": [{"K": 3, "positions": 2, "hidden": 6, "D": 4, "prior": "autoregressive"}],
}
CASES = [(name, options) for name in zoo.names() for options in SMALL.get(name, [{}])]
FEWER = {"vae": 60}  # quadrature is slow


def moved(value: np.ndarray, support: str, step: float) -> np.ndarray:
    """Return a value a step away, inside its support."""
    if support == "simplex":
        found = value ** (1 + step)
        return found / found.sum(-1, keepdims=True)
    if support == "corr_cholesky":
        found = value + step * np.tril(np.ones(value.shape[-1]), -1)
        return found / np.linalg.norm(found, axis=-1, keepdims=True)
    return value * (1 + step) + (step if support == "real" else 0.0)


@pytest.mark.parametrize(("name", "options"), CASES)
def test_the_truth_is_what_rows_are_drawn_with(name: str, options: dict[str, Any]):
    """E ∇ log p(x | θ) is 0 at the θ that x is drawn with, and at no other: within 4.5 standard errors of rows."""
    for seed in (1, 2):
        model: Model = zoo.model(name, **options)
        data, true = model.simulate(seed, FEWER.get(name, ROWS)), model.truth(seed)
        bound = model.bind(data)
        sites = {s.name: s for s in model.card.active_sites(bound.options) if not s.local and s.kind != "observed"}
        assert set(true) == set(sites)
        sizes = model.card.dims(data, bound.options)
        for site, value in true.items():
            assert np.shape(value) == tuple(sizes[d] for d in sites[site].shape)
            ends = ({**true, site: moved(np.asarray(value), sites[site].support, h)} for h in (STEP, -STEP))
            up, down = (model.log_likelihood(data, values) for values in ends)
            assert up is not None
            assert down is not None
            score = (up - down) / (2 * STEP)
            assert abs(score.mean()) <= 4.5 * score.std() / len(score) ** 0.5 + 1e-6, (site, seed)
