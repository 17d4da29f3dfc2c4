"""Both files against exact.py; the classic updates as a guide, against exact.py's and by finite differences."""

from importlib import import_module

import numpy as np
import pytest
from scipy.special import digamma, xlogy

import zoo
from zoo.models.lda import exact

X = np.array([[2.0, 0, 1, 0], [0, 3, 0, 1], [1, 1, 1, 9], [0, 0, 0, 0], [0, 0, 2, 40]])
OPTIONS = {"K": 3, "V": 4, "alpha": 0.7, "eta": 0.4}
VALUES = {
    "topics": np.array([[0.7, 0.2, 0.05, 0.05], [1e-8, 1 - 3e-8, 1e-8, 1e-8], [0.25, 0.25, 0.25, 0.25]]),
    "theta": np.array([[0.2, 0.5, 0.3], [0.1, 0.1, 0.8], [1e-10, 0.3, 0.7 - 1e-10], [0.6, 0.2, 0.2], [0.3, 0.3, 0.4]]),
}
LEARNT = {"concentration": np.array(1.3)}


@pytest.mark.parametrize("estimate", ["nothing", "alpha"])
def test_log_density_is_exact(library, plain, estimate):
    values, options = VALUES | (LEARNT if estimate == "alpha" else {}), OPTIONS | {"estimate": estimate}
    sites = library.sites(plain("lda"), values, X, **options)
    answer = exact.log_joint(values, {"x": X}, **options)
    assert list(sites) == list(answer)
    assert {name: site[0].sum() for name, site in sites.items()} == pytest.approx(answer, rel=1e-10)


def test_a_batch_is_scaled_by_the_rows_it_stands_for(library, plain):
    sites = library.sites(plain("lda"), VALUES, X, size=20, **OPTIONS)
    assert {name: site[1] for name, site in sites.items()} == pytest.approx({"topics": 1.0, "theta": 4.0, "x": 4.0})


def test_without_data_it_draws_documents_of_the_length(library, plain):
    drawn = library.draw(plain("lda"), 0, size=6, K=3, V=5, length=7)
    assert {name: v.shape for name, v in drawn.items()} == {"topics": (3, 5), "theta": (6, 3), "x": (6, 5)}
    assert drawn["x"].sum(1).tolist() == [7] * 6


@pytest.fixture
def own(library):
    """coordinate_pyro.py or coordinate_numpyro.py: mean shares, bounds and worth of documents, the bounds' gradient."""
    module = import_module(f"zoo.models.lda.coordinate_{library.name}")

    def pyro(values, options):
        tensor = library.torch.tensor
        with library._quiet(), library.torch.enable_grad():
            held = {name: tensor(v, requires_grad=True) for name, v in values.items()}
            data = {"x": tensor(X)}
            sites, bound, words = module.bounds(held, data, module.phi(held, data, **options), **options)
            gradient = library.torch.autograd.grad(bound.sum(), list(held.values()))
            found = (sites["theta"], bound, words)
            return [a.detach().numpy() for a in found], {n: g.numpy() for n, g in zip(held, gradient, strict=True)}

    def numpyro(values, options):
        with library.jax.enable_x64(True):
            held = {name: library.jax.numpy.asarray(v) for name, v in values.items()}

            def bounds(held):
                return module.bounds(held, {"x": X}, module.phi(held, {"x": X}, **options), **options)

            sites, bound, words = bounds(held)
            gradient = library.jax.grad(lambda h: bounds(h)[1].sum())(held)
            return [np.asarray(a) for a in (sites["theta"], bound, words)], {
                n: np.asarray(g) for n, g in gradient.items()
            }

    return {"pyro": pyro, "numpyro": numpyro}[library.name]


def test_the_updates_are_those_of_exact(own):
    (theta, bound, words), _ = own({"topics": VALUES["topics"]}, OPTIONS)
    gamma, best = exact.uncollapsed(X, VALUES, **OPTIONS)
    assert bound == pytest.approx(best, rel=1e-10)
    assert theta == pytest.approx(gamma / gamma.sum(1, keepdims=True), rel=1e-8)
    assert bound[3] == pytest.approx(0, abs=1e-12)  # nothing was said: q is the prior
    assert np.all(words >= bound - 1e-12)


def test_the_bounds_gradient_is_that_of_the_top(own):
    """By finite differences of exact.uncollapsed, climbed anew at each: the top does not move to first order."""
    values, options = {"topics": VALUES["topics"], **LEARNT}, OPTIONS | {"estimate": "alpha"}
    _, gradient = own(values, options)
    step = 1e-6

    def top(name, index, by):
        moved = {n: v.copy() for n, v in values.items()}
        moved[name][index] += by
        return exact.uncollapsed(X, moved, **options)[1].sum()

    for name, index in (("topics", (0, 1)), ("topics", (2, 3)), ("concentration", ())):
        slope = (top(name, index, step) - top(name, index, -step)) / (2 * step)
        assert gradient[name][index] == pytest.approx(slope, rel=1e-4)


def test_learning_climbs_the_closed_form(backend):
    """At a point of the topics the first loss is exact.py's, without a draw."""
    how = {"guide": "delta", "local": "coordinate", "num_steps": 1, "restarts": 1, "dtype": "float64", "batch_size": 5}
    run = zoo.fit("lda", data={"x": X}, K=2, backend=backend, **how)
    topics = run.starts["topics"].value
    _, bounds = exact.uncollapsed(X, {"topics": topics}, **run.model.options)
    assert run.losses[0] == pytest.approx(-bounds.sum() - exact.log_dirichlet(topics, 0.2).sum(), rel=1e-9)


def test_a_run_climbs_every_document_at_its_own_topics(backend):
    """Each draw of the guide has topics of its own; its bound is that of exact.py at these."""
    run = zoo.fit("lda", data={"x": X}, K=2, local="coordinate", backend=backend, num_steps=3, num_draws=4)
    found = zoo.bounds.evaluate(run, 4, "draws", 0)
    for topics, bounds, worth in zip(found.values["topics"], found.bounds, found.likelihood, strict=True):
        gamma, best = exact.uncollapsed(X, {"topics": topics.astype(float)}, **run.model.options)
        assert bounds == pytest.approx(best, abs=1e-4)  # single precision
        shares = np.exp(digamma(gamma) - digamma(gamma.sum(1, keepdims=True)))
        assert worth == pytest.approx(xlogy(X, shares @ topics).sum(1), abs=1e-4)
    # What the same q is worth with the words' topics summed out is more, in the mean over its draws.
    many = zoo.bounds.evaluate(run, 400, "draws", 0)
    gain = (many.rows - many.row_log_q - many.bounds).mean(1)
    assert gain.mean() > 3 * gain.std() / 20
