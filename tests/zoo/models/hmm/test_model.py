"""Both files against exact.py: densities, the path summed out, drawn, and served by steps of their own."""

from itertools import product

import numpy as np
import pytest

import zoo
from zoo.models.hmm import exact

PATHS = np.array([[0, 2, 1, 1], [2, 2, 0, 0], [1, 0, 0, 0]])


@pytest.mark.parametrize("emission", exact.EMISSIONS)
def test_log_density_is_exact(library, plain, short, emission):
    values, options = short.case(emission)
    # Without zeros: a library is free to call log 0 what it likes.
    values = values | {"transition": 0.9 * values["transition"] + 0.1 / 3, "z": PATHS}
    if emission == "categorical":
        values["probs"] = 0.9 * values["probs"] + 0.1 / 3
    sites = library.sites(plain("hmm"), values, short.x, **options, size=9)
    answer = exact.log_joint(values, {"x": short.x}, **options)
    assert {name: site[0].sum() for name, site in sites.items()} == pytest.approx(answer, rel=1e-10)
    assert {name: site[1] for name, site in sites.items()} == {"z": 3.0, "x": 3.0}


@pytest.mark.parametrize("emission", exact.EMISSIONS)
def test_without_data_it_draws(library, plain, emission):
    drawn = library.draw(plain("hmm"), 0, size=6, emission=emission, K=2, T=5, D=2, V=4)
    assert drawn["z"].shape == (6, 5)
    assert drawn["x"].shape == (6, 5, 2)
    assert set(np.unique(drawn["z"])) <= {0, 1}


@pytest.fixture(scope="module")
def made(short):
    """Return (backend, local, emission) -> a run of few steps in double precision on the three short series."""
    runs = {}

    def fit(backend, local, emission="poisson"):
        if (backend, local, emission) not in runs:
            runs[backend, local, emission] = zoo.fit(
                "hmm",
                data={"x": short.x},
                backend=backend,
                local=local,
                emission=emission,
                num_steps=20,
                restarts=1,
                dtype="float64",
                num_draws=50,
                **({"V": 3} if emission == "categorical" else {}),
            )
        return runs[backend, local, emission]

    return fit


def options_of(run):
    return {name: value for name, value in run.model.options.items() if value is not None}


@pytest.mark.slow
@pytest.mark.parametrize("local", ["marginal", "exact"])
def test_a_path_summed_out_or_drawn_from_its_posterior_gives_the_evidence(made, short, backend, local):
    run = made(backend, local)
    known = exact.log_likelihood(short.x, run.model_params, **options_of(run))
    assert run.log_likelihood().value == pytest.approx(known, rel=1e-9)
    assert run.evidence().value == pytest.approx(known.sum(), rel=1e-9)
    bound = run.elbo(num_draws=5)
    assert (bound.value, bound.error) == (pytest.approx(known.sum(), rel=1e-9), 0.0)
    # Learning's own loss, whose path is Viterbi's or a draw.
    assert -run.program.learn(run.state, np.zeros(1), None, 3)[1][0] == pytest.approx(known.sum(), rel=1e-9)


@pytest.mark.slow
def test_the_posterior_of_paths_is_exact(made, short, backend):
    """Smoothing, Viterbi's path and probabilities exactly; 2,000 draws' shares within 5 sd (24 shares: 1 in 10^5)."""
    run = made(backend, "marginal")
    values, options, said = run.model_params, options_of(run), run.posterior()
    smoothed = exact.smoothing(short.x, values, **options)
    assert said.probs == pytest.approx(smoothed, abs=1e-9)
    assert np.array_equal(said.mode, exact.viterbi(short.x, values, **options))
    every = np.array(list(product(range(3), repeat=4)))
    ends = np.arange(4) < exact.lengths(short.x)[:, None]
    found = said.log_prob(np.where(ends, every[:, None], 0))
    for i, x in enumerate(short.x):
        paths, joint = short.by_paths(x, values, options)
        known = dict(zip(map(tuple, paths), np.exp(joint - np.logaddexp.reduce(joint)), strict=True))
        answer = [known[tuple(path)] for path in np.where(ends[i], every, 0)]
        assert np.exp(found[:, i]) == pytest.approx(answer, abs=1e-9)
    drawn = said.draw(2000, seed=1)
    shares = (drawn[..., None] == np.arange(3)).mean(0)
    there = smoothed.sum(-1) > 0
    spread = np.sqrt(smoothed * (1 - smoothed) / 2000)
    assert (np.abs(shares - smoothed) <= 5 * spread + 1e-12)[there].all()
    assert not drawn[:, ~there].any()


@pytest.mark.slow
@pytest.mark.parametrize("local", ["per_datapoint", "amortized"])
def test_steps_of_their_own_have_the_elbo_of_the_sum_over_paths(made, short, backend, local):
    run = made(backend, local)
    values, options = run.model_params, options_of(run)
    probs = run.posterior().probs
    answer = 0.0
    for i, x in enumerate(short.x):
        paths, joint = short.by_paths(x, values, options)
        length = int(exact.lengths(x[None])[0])
        q = probs[i, np.arange(length), paths[:, :length]].prod(-1)
        answer += (q * (joint - np.log(q))).sum()
        assert probs[i, :length].sum(-1) == pytest.approx(1, rel=1e-12)
        assert not probs[i, length:].any()
        assert not run.posterior().draw(5)[:, i, length:].any()
    bound = run.elbo(num_draws=3)
    assert bound.value == pytest.approx(answer, rel=1e-9)
    assert bound.error == pytest.approx(0, abs=1e-12)
    known = exact.log_likelihood(short.x, values, **options)
    assert bound.value < known.sum()
    assert run.log_likelihood().value == pytest.approx(known, rel=1e-9)
    assert bound.reconstruction <= 0


@pytest.mark.slow
def test_draws_of_steps_of_their_own_weigh_up_to_the_evidence(made, short, backend):
    """log mean p(x, z) / q(z) of 4,000 paths a row, within 5 of its standard errors."""
    run = made(backend, "per_datapoint")
    from zoo import bounds, estimators

    found = bounds.evaluate(run, 4000, "weights", 0)
    got = estimators.importance(found.rows - found.row_log_q)
    known = exact.log_likelihood(short.x, run.model_params, **options_of(run))
    assert (np.abs(got.value - known) < 5 * got.error + 1e-9).all()
    assert (got.error < 0.2).all()


@pytest.mark.slow
def test_a_reconstruction_is_the_smoothed_mean(made, short, backend):
    run = made(backend, "marginal")
    probs = run.posterior().probs
    answer = np.einsum("ntk,kd->ntd", probs, run.params["rate"])
    answer[probs.sum(-1) == 0] = np.nan
    assert run.reconstruct() == pytest.approx(answer, rel=1e-6, nan_ok=True)


@pytest.mark.slow
def test_replicates_lack_what_the_data_lack(made, short, backend):
    run = made(backend, "marginal")
    assert np.array_equal(np.isnan(run.posterior_predictive(3)["x"]), np.isnan(np.repeat(short.x[None], 3, 0)))
    assert np.isfinite(run.sample(4)["x"]).all()


@pytest.mark.slow
def test_the_earthquakes_reach_the_books_maximum(backend):
    """-328.53; the first state's and one move's probability go to their limits slowly, which costs less than 0.05."""
    run = zoo.fit("hmm", backend=backend, restarts=1, num_steps=400, learning_rate=0.1)
    assert run.log_likelihood().value[0] == pytest.approx(-328.5275, abs=0.05)
    assert np.sort(run.params["rate"][:, 0]) == pytest.approx([13.13, 19.71, 29.71], abs=0.05)


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ({"data": {"x": np.array([[[-1.0], [2], [3]]])}}, "takes counts"),
        ({"data": {"x": np.array([[[1.5], [2], [3]]])}, "emission": "categorical"}, "takes categories"),
        ({"data": {"x": np.array([[[0.0], [2], [3]]])}, "emission": "categorical", "V": 3}, "V=3"),
        ({"data": {"x": np.array([[[1.0], [2]]])}}, "lower K"),
    ],
)
def test_wrong_data_are_one_line(words, complaint, backend):
    with pytest.raises(zoo.UserError, match=complaint) as error:
        zoo.fit("hmm", backend=backend, num_steps=2, **words)
    assert "\n" not in str(error.value)
