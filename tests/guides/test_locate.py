"""A posterior is found wherever it lies: known answers, funnels, what has no density, and the same in both backends."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import guides
from guides import locate as locating
from guides.locate import locate, variances


def normal_means(lib: SimpleNamespace, prior_sd: float, sd: float) -> Any:
    """Return a model of the mean of normals, whose posterior is normal."""
    P, dist = lib.ppl, lib.dist

    def model(x: Any) -> None:
        mu = P.sample("mu", dist.Normal(0.0, prior_sd))
        with P.plate("data", len(x)):
            P.sample("x", dist.Normal(mu, sd), obs=x)

    return model


def schools(lib: SimpleNamespace, errors: np.ndarray) -> Any:
    """Return eight schools, centred: its density has no maximum, where the schools are all alike."""
    P, dist = lib.ppl, lib.dist

    def model(x: Any) -> None:
        mu, tau = P.sample("mu", dist.Normal(0.0, 5.0)), P.sample("tau", dist.HalfCauchy(5.0))
        with P.plate("data", len(x)):
            theta = P.sample("theta", dist.Normal(mu, tau))
            P.sample("x", dist.Normal(theta, lib.array(errors)), obs=x)

    return model


def placed(guide: Any) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return where each global latent starts, and its spread, in unconstrained coordinates."""
    return {b.site.name: (b.origin, b.spread) for b in guide.coordinates.blocks}


@pytest.mark.parametrize(("middle", "prior_sd"), [(170.0, 1e3), (-3e-4, 1.0), (1e9, 1e10)])
def test_a_normal_posterior_is_found(lib, middle, prior_sd):
    x = middle + np.random.default_rng(0).standard_normal(50)
    precision = 50 + prior_sd**-2
    origin, spread = placed(guides.build(normal_means(lib, prior_sd, 1.0), backend=lib.name, data=lib.array(x)))["mu"]
    # The climb ends where a gradient of 1e-3 nats is left of one in the sd.
    assert origin == pytest.approx(x.sum() / precision, abs=2e-3 * precision**-0.5)
    assert spread == pytest.approx(precision**-0.5, rel=2e-3)


def test_a_rate_far_from_one_is_found(lib):
    """Gamma(1, 1) and 200 waits of 1000: the posterior is Gamma(201, 1 + Σ x), its logarithm nearly normal."""
    P, dist = lib.ppl, lib.dist
    x = np.random.default_rng(0).exponential(1000, 200)

    def model(x: Any) -> None:
        rate = P.sample("rate", dist.Gamma(1.0, 1.0))
        with P.plate("data", len(x)):
            P.sample("x", dist.Exponential(rate), obs=x)

    origin, spread = placed(guides.build(model, backend=lib.name, data=lib.array(x)))["rate"]
    # The best normal of a log-gamma: its mean is ½ / 201 below log 201, its sd 201^-½ to a quarter per cent.
    assert origin == pytest.approx(np.log(201 / (1 + x.sum())) - 0.5 / 201, abs=0.01)
    assert spread == pytest.approx(201**-0.5, rel=0.02)


SCHOOLS = np.array([28.0, 8, -3, 7, -1, 1, 18, 12]), np.array([15.0, 10, 16, 11, 9, 11, 10, 18])


def test_a_funnel_does_not_lead_to_its_end(lib):
    x, errors = SCHOOLS
    guide = guides.build(schools(lib, errors), backend=lib.name, data=lib.array(x), local="per_datapoint")
    (mu, mu_sd), (tau, _) = placed(guide)["mu"], placed(guide)["tau"]
    # By long chains mu is 4.4 with sd 3.3, and tau's median 2.8; independent normals are narrower than the posterior.
    assert abs(mu - 4.4) < 1.5
    assert 0.5 < mu_sd < 3.3
    assert np.log(2) < tau < np.log(10)


@pytest.mark.needs("pyro", "numpyro")
def test_both_backends_start_from_the_same_numbers(lib_named):
    found = []
    for name in ("pyro", "numpyro"):
        lib = lib_named(name)
        rows = lib.array(170 + SCHOOLS[0])
        found.append(placed(guides.build(normal_means(lib, 100.0, 3.0), backend=name, data=rows)))
    np.testing.assert_allclose(found[0]["mu"], found[1]["mu"], rtol=1e-4)


@pytest.mark.needs("numpyro")
def test_single_precision_says_that_it_is_too_coarse(lib_named):
    lib, x = lib_named("numpyro"), 1e9 + np.random.default_rng(0).standard_normal(50)
    with pytest.raises(guides.GuideError, match="'mu' lies at 1e\\+09 with sd 0.1.* double precision"):
        guides.build(normal_means(lib, 1e10, 1.0), backend="numpyro", data=x)


def test_rows_latents_start_at_their_own_middle(lib):
    """θᵢ around 170 with sd 5, measured with sd 0.1: θ starts at the mean of the rows, as wide as they are."""
    P, dist = lib.ppl, lib.dist
    x = 170 + 5 * np.random.default_rng(3).standard_normal(40)

    def model(x: Any) -> None:
        with P.plate("data", len(x)):
            theta = P.sample("theta", dist.Normal(0.0, 1000.0))
            P.sample("x", dist.Normal(theta, 0.1), obs=x)

    guide = guides.build(model, backend=lib.name, data=lib.array(x), local="amortized")
    (block,) = guide.rows.latents.blocks
    assert block.origin == pytest.approx(x.mean(), abs=0.01)
    assert block.spread == pytest.approx(np.hypot(x.std(), 0.1), rel=0.01)


def test_a_wall_is_no_obstacle():
    """Beyond u = 3 there is no density, and the climb comes back."""

    def objective(u: np.ndarray) -> tuple[float, np.ndarray]:
        inside = (u < 3).all()
        return (0.5 * float(((u - 2) ** 2).sum()) if inside else np.nan), u - 2

    found = locate(objective, 2, np.random.default_rng(0))
    assert found is not None
    assert found.centre == pytest.approx([2, 2], abs=1.0)


@pytest.mark.needs("pyro")
def test_a_matrix_without_a_cholesky_factor_is_a_wall(lib_named):
    """A covariance whose correlation is learnt over the whole line: torch raises beyond ±1, JAX returns NaN."""
    lib = lib_named("pyro")
    rows = np.random.default_rng(0).multivariate_normal(np.zeros(2), [[1, 0.6], [0.6, 1]], 200)

    def model(x: Any) -> None:
        r = lib.ppl.sample("r", lib.dist.Normal(0.0, 0.3))
        covariance = lib.xp.eye(2) + r * (1 - lib.xp.eye(2))
        with lib.ppl.plate("data", len(x)):
            lib.ppl.sample("x", lib.dist.MultivariateNormal(lib.xp.zeros(2), covariance), obs=x)

    guide = guides.build(model, guide="laplace", backend="pyro", data=lib.array(rows))
    assert placed(guide)["r"][0] == pytest.approx(0.6, abs=0.2)  # a sample's correlation has sd 0.045 here


def test_a_density_that_is_finite_nowhere_leaves_the_middle():
    assert locate(lambda u: (np.nan, u), 3, np.random.default_rng(0)) is None


def test_in_many_dimensions_the_curvature_is_measured(monkeypatch):
    """Above `FEW` dimensions the start is the best normal of the paths, with the curvature that is measured there."""
    precision = 10.0 ** np.random.default_rng(1).uniform(-2, 2, 400)

    def objective(u: np.ndarray) -> tuple[float, np.ndarray]:
        return 0.5 * float((precision * (u - 5) ** 2).sum()), precision * (u - 5)

    monkeypatch.setattr(locating, "_maximised", None)
    found = locate(objective, 400, np.random.default_rng(0))
    assert found is not None
    assert (np.abs(found.centre - 5) * precision**0.5).max() < 1
    assert found.sd * precision**0.5 == pytest.approx(1, rel=1e-6)  # exact for independent numbers, but for rounding


def test_a_step_without_curvature_says_nothing():
    before = np.array([4.0, 0.25])
    assert variances(before, np.ones(2), np.zeros(2)) is before
    assert variances(before, np.ones(2), -np.ones(2)) is before
