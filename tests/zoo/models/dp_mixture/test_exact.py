"""The Dirichlet process mixture's densities, evidence and occupied components, each computed in a second way."""

from itertools import product

import numpy as np
import pytest
from scipy.special import logsumexp
from scipy.stats import beta, invgamma, norm

from zoo.models.dp_mixture import exact
from zoo.models.dp_mixture.data import load
from zoo.models.gmm_bayes import exact as mixture

OPTIONS = {"alpha": 1.7, "center": (3.0, 60.0), "spread": (1.2, 13.0), "kappa0": 0.4, "a0": 1.5, "b0": 0.3}
EIGHT = load("old_faithful_8")["x"]
SIDES, WEIGHTS = np.polynomial.legendre.leggauss(40)


def log_share(labels: tuple[int, ...], K: int, alpha: float) -> float:
    """log E ∏ π_{z_i} over the sticks, each an integral over (0, 1) of a polynomial-like function, by quadrature."""
    v, total = 0.5 * (SIDES + 1), 0.0
    for k in range(K - 1):
        here, later = labels.count(k), sum(z > k for z in labels)
        # The substitution u = (1 - v)^alpha turns Beta(1, alpha) into the uniform distribution.
        stick = 1 - v ** (1 / alpha)
        total += np.log(0.5 * (WEIGHTS * stick**here * (1 - stick) ** later).sum())
    return total


def brute_force(x: np.ndarray, K: int) -> dict[int, float]:
    """log p(x, j occupied) by the plain sum over Kⁿ allocations."""
    found: dict[int, list[float]] = {}
    o = exact.Options(**OPTIONS).component
    for labels in product(range(K), repeat=len(x)):
        member = np.array(labels) == np.arange(K)[:, None]
        value = log_share(labels, K, OPTIONS["alpha"]) + mixture.log_marginal(member, x, o).sum()
        found.setdefault(len(set(labels)), []).append(value)
    return {j: float(logsumexp(values)) for j, values in found.items()}


@pytest.mark.parametrize(("rows", "K"), [(1, 2), (2, 3), (5, 2), (4, 3), (3, 5)])
def test_evidence_and_occupied_are_sums_over_all_allocations(rows, K):
    x = EIGHT[:rows]
    answer = brute_force(x, K)
    evidence = exact.evidence({"x": x}, K=K, **OPTIONS)
    # Forty nodes leave 1e-8 of the integrals, whose root at the end is not a polynomial.
    assert evidence == pytest.approx(logsumexp(list(answer.values())), abs=1e-5)
    posterior = exact.occupied_posterior({"x": x}, K=K, **OPTIONS)
    assert posterior.sum() == pytest.approx(1)
    for j, value in answer.items():
        assert posterior[j] == pytest.approx(np.exp(value - evidence), abs=1e-5)


def test_evidence_by_importance_sampling_from_the_prior():
    x, K, rng = EIGHT[:3], 3, np.random.default_rng(0)
    o, S = exact.Options(K=K, D=2, **OPTIONS), 100_000
    sticks = rng.beta(1, o.alpha, (S, K - 1))
    variance = o.component.rate / rng.gamma(o.a0, size=(S, K, 2))
    loc = np.asarray(o.center) + np.sqrt(variance / o.kappa0) * rng.standard_normal((S, K, 2))
    each = norm.logpdf(x[:, None, None], loc, np.sqrt(variance)).sum(-1) + exact.log_weights(sticks)
    log_p = logsumexp(each, -1).sum(0)
    weight = np.exp(log_p - log_p.max())
    error = weight.std() / weight.mean() / np.sqrt(S)
    found = np.log(weight.mean()) + log_p.max()
    # 4 standard errors: a false alarm in 16,000.
    assert exact.evidence({"x": x}, K=K, **OPTIONS) == pytest.approx(found, abs=4 * error)
    assert error < 0.05


def test_more_than_ten_rows_are_not_summed():
    rows = load("old_faithful")["x"][:11]
    assert exact.evidence({"x": rows}, **OPTIONS) is None
    assert exact.occupied_posterior({"x": rows}, **OPTIONS) is None
    assert exact.evidence({"x": rows[:10]}, K=2, **OPTIONS) is not None


def test_a_longer_stick_changes_less_and_less():
    options = {**OPTIONS, "alpha": 0.5}
    found = [exact.evidence({"x": EIGHT}, K=K, **options) for K in (4, 8, 16)]
    assert abs(found[2] - found[1]) < abs(found[1] - found[0]) / 30
    # The two differ only where one of 8 rows falls into what is left of the stick, (α / (1 + α))^7 on average.
    few, many = (exact.occupied_prior(8, K=K, alpha=0.5) for K in (8, 40))
    assert 0 < np.abs(np.pad(few, (0, 32)) - many).sum() / 2 <= 8 * (0.5 / 1.5) ** 7


@pytest.mark.parametrize(("n", "K", "alpha"), [(1, 2, 1.0), (5, 3, 0.6), (30, 6, 2.5)])
def test_the_prior_of_occupied_components_by_drawing(n, K, alpha):
    rng = np.random.default_rng(1)
    S = 20_000
    weights = np.exp(exact.log_weights(rng.beta(1, alpha, (S, K - 1))))
    z = (np.cumsum(weights, -1)[:, None, :-1] < rng.random((S, n, 1))).sum(-1)
    drawn = np.array([len(set(row)) for row in z])
    prior = exact.occupied_prior(n, K=K, alpha=alpha)
    assert prior.sum() == pytest.approx(1)
    share = np.bincount(drawn, minlength=K + 1) / S
    # 4.5 standard errors of a share, for each of up to 7 of them: a false alarm in 20,000.
    assert np.all(np.abs(share - prior) <= 4.5 * np.sqrt(prior * (1 - prior) / S) + 1e-12)


def test_log_joint_by_hand():
    values = {
        "sticks": np.array([0.4, 0.5]),
        "variance": np.array([[0.1, 30.0], [0.4, 20.0], [1.0, 9.0]]),
        "loc": np.array([[2.0, 55.0], [4.0, 80.0], [3.0, 60.0]]),
        "z": np.array([0, 1, 1, 0, 2, 0, 0, 1]),
    }
    found = exact.log_joint(values, {"x": EIGHT}, K=3, D=2, **OPTIONS)
    rate = 0.3 * np.array([1.2, 13.0]) ** 2
    assert list(found) == ["sticks", "variance", "loc", "z", "x"]
    assert found["sticks"] == pytest.approx(beta.logpdf([0.4, 0.5], 1, 1.7).sum(), rel=1e-12)
    assert found["variance"] == pytest.approx(invgamma.logpdf(values["variance"], 1.5, scale=rate).sum(), rel=1e-12)
    sd = np.sqrt(values["variance"] / 0.4)
    assert found["loc"] == pytest.approx(norm.logpdf(values["loc"], [3.0, 60.0], sd).sum(), rel=1e-12)
    assert found["z"] == pytest.approx(4 * np.log(0.4) + 3 * np.log(0.3) + np.log(0.3), rel=1e-12)
    rows = norm.logpdf(EIGHT[:, None], values["loc"], np.sqrt(values["variance"])).sum(-1)
    assert found["x"] == pytest.approx(rows[np.arange(8), values["z"]].sum(), rel=1e-12)
    weighted = np.log([0.4, 0.3, 0.3]) + rows
    assert exact.log_likelihood(EIGHT, values, K=3) == pytest.approx(logsumexp(weighted, 1), rel=1e-10)
    shares = np.exp(weighted - logsumexp(weighted, 1, keepdims=True))
    assert exact.responsibilities(EIGHT, values, K=3) == pytest.approx(shares, abs=1e-12)


def test_unknown_options_are_refused():
    with pytest.raises(TypeError):
        exact.log_likelihood(EIGHT, {}, floor=1.0)
