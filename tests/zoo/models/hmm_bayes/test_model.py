"""Both files against exact.py and `hmm`'s recursions; labels, and the path under draws of the states' parameters."""

import numpy as np
import pytest

import zoo
from zoo.inference_data import loo
from zoo.models.hmm import exact as chain
from zoo.models.hmm_bayes import exact

X = np.array([[[3.0, 0], [2, 1], [0, 1], [np.nan, np.nan]], [[1, 0], [np.nan, 2], [7, 0], [5, 1]]])
PATHS = np.array([[0, 2, 1, 0], [2, 2, 0, 1]])
COMMON = {
    "initial": np.array([0.2, 0.5, 0.3]),
    "transition": np.array([[0.7, 0.2, 0.1], [0.2, 0.3, 0.5], [0.1, 0.1, 0.8]]),
    "z": PATHS,
}
EMITTED = {
    "poisson": {"rate": np.array([[2.0, 0.3], [5.0, 1.0], [9.0, 0.1]])},
    "gaussian": {"loc": np.array([[0.0, 1], [1, -1], [3, 0]]), "scale": np.array([[0.5, 1], [1, 2], [0.3, 0.7]])},
    "categorical": {"probs": np.random.default_rng(0).dirichlet(np.ones(8), (3, 2))},
}
PRIORS = {"alpha": 1.7, "a0": 2.3, "eta": 0.6, "center": (2.0, 0.5), "spread": (3.0, 1.5)}


@pytest.mark.parametrize("emission", chain.EMISSIONS)
def test_log_density_is_exact(library, plain, emission):
    options = {"emission": emission, "K": 3, "T": 4, "D": 2, "V": 8, **PRIORS}
    sites = library.sites(plain("hmm_bayes"), COMMON | EMITTED[emission], X, **options)
    answer = exact.log_joint(COMMON | EMITTED[emission], {"x": X}, **options)
    assert set(sites) == set(answer)
    assert {name: site[0].sum() for name, site in sites.items()} == pytest.approx(answer, rel=1e-9)


@pytest.mark.parametrize("emission", chain.EMISSIONS)
def test_without_data_it_draws(library, plain, emission):
    drawn = library.draw(plain("hmm_bayes"), 0, size=6, emission=emission, K=2, T=5, D=2, V=4)
    assert (drawn["transition"].shape, drawn["z"].shape, drawn["x"].shape) == ((2, 2), (6, 5), (6, 5, 2))


@pytest.fixture(scope="module")
def made():
    """Return backend -> a short mean-field run on the earthquakes."""
    runs = {}

    def fit(backend):
        if backend not in runs:
            runs[backend] = zoo.fit("hmm_bayes", backend=backend, num_steps=300, restarts=1, num_draws=60)
        return runs[backend]

    return fit


@pytest.mark.slow
def test_draws_have_the_likelihood_of_the_recursion(made, backend):
    run = made(backend)
    each = run.log_likelihood_draws()
    draws, options = run.flat, {k: v for k, v in run.model.options.items() if v is not None}
    for s in (0, 7, 59):
        values = {name: np.asarray(v[s], float) for name, v in draws.items()}
        known = exact.log_likelihood(run.data["x"], values, **options)
        # Single precision: 107 steps of some three nats, each off by a few last places.
        assert each[0, s] == pytest.approx(known, rel=2e-5)


@pytest.mark.slow
def test_labels_agree_in_every_site(made, backend):
    """A draw with its states renumbered is put back, rows and columns of the transition matrix alike."""
    run, turned = made(backend), made(backend).draws
    swapped = {name: v.copy() for name, v in turned.items()}
    swapped["rate"][:, ::2] = swapped["rate"][:, ::2, ::-1]
    swapped["initial"][:, ::2] = swapped["initial"][:, ::2, ::-1]
    swapped["transition"][:, ::2] = swapped["transition"][:, ::2, ::-1, ::-1]
    from zoo.labels import relabel

    dims = {s.name: s.shape for s in run.latents}
    found, _ = relabel(swapped, dims, "state", "rate")
    known, _ = relabel(turned, dims, "state", "rate")
    for name, value in known.items():
        assert np.array_equal(found[name], value), name


@pytest.mark.slow
def test_a_posterior_of_paths_is_the_mean_over_draws(made, backend):
    run = made(backend)
    said, options = run.posterior(), {k: v for k, v in run.model.options.items() if v is not None}
    some = run.aligned()
    each = [
        chain.smoothing(
            run.data["x"], {n: np.asarray(v[s], float) for n, v in some.items()}, **exact.Options(**options).chain
        )
        for s in range(len(some["rate"]))
    ]
    assert said.probs == pytest.approx(np.mean(each, 0), abs=1e-4)
    drawn = said.draw(3000, seed=5)[:, 0]
    p = said.probs[0, :, 1]
    # 107 shares within 5 sd of the mean over draws of the parameters, not of one of them: a false alarm in 10^4 runs.
    assert (np.abs((drawn == 1).mean(0) - p) <= 5 * np.sqrt(p * (1 - p) / 3000)).all()
    assert said.mode.shape == (1, 107)
    best = said.log_prob(said.mode)
    assert (best >= said.log_prob(said.draw(20, seed=3)) - 1e-3).all()


@pytest.mark.slow
def test_the_run_reads_as_arviz_data(made, backend):
    data = made(backend).inference_data
    dims = dict(data["posterior"]["transition"].sizes)
    assert list(dims.values()) == [1, 60, 2, 2]
    assert len(set(dims)) == 4
    assert data["log_likelihood"]["x"].shape == (1, 60, 1)
    assert loo(made(backend)) is None  # one series: without it there is nothing left
