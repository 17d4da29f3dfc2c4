"""Density, posterior, gaps and fit against constants, scipy, scikit-learn and brute force."""

import numpy as np
import pytest
from scipy.optimize import check_grad, minimize
from scipy.stats import multivariate_normal
from sklearn.decomposition import PCA

from zoo.models.ppca import exact
from zoo.models.ppca.data import load, simulate, true_values

X = load()["x"]
SHARED = {
    "weight": np.array([[1.0, 0.5], [0.5, 1.0], [0.3, -0.2]]),
    "loc": np.zeros(3),
    "scale": np.asarray(0.5),
}
ROW = np.array([[1.0, 0.0, -0.5]])


def joint(values):
    """Mean and covariance of (z, x), by the model's definition."""
    weight, scale = values["weight"], values["scale"]
    D, latent = weight.shape
    linear = np.block([[np.eye(latent), np.zeros((latent, D))], [weight, scale * np.eye(D)]])
    return np.concatenate([np.zeros(latent), values["loc"]]), linear @ linear.T


def elbo(x, values, mean, covariance):
    """The ELBO of one row for a Gaussian q, from the joint's density."""
    center, cov = joint(values)
    rate, latent = np.linalg.inv(cov), len(mean)
    at_mean = multivariate_normal.logpdf(np.concatenate([mean, x]), center, cov)
    entropy = 0.5 * np.linalg.slogdet(2 * np.pi * np.e * covariance)[1]
    return at_mean - 0.5 * np.trace(rate[:latent, :latent] @ covariance) + entropy


def test_shared_constants():
    assert exact.log_likelihood(ROW, SHARED, D=3) == pytest.approx(-3.859496, abs=5e-7)
    mean, _ = exact.local_posterior(ROW, SHARED, D=3)
    assert mean[0] == pytest.approx([0.476038, 0.099042], abs=5e-7)
    assert exact.mean_field_gap(SHARED) == pytest.approx(0.223815, abs=5e-7)


def test_density_and_posterior_by_the_joint_gaussian():
    values = true_values(3, 5)
    x = simulate(0, 7, latent=3, D=5)["x"]
    center, cov = joint(values)
    assert exact.log_likelihood(x, values) == pytest.approx(multivariate_normal.logpdf(x, center[3:], cov[3:, 3:]))
    gain = cov[:3, 3:] @ np.linalg.inv(cov[3:, 3:])
    mean, covariance = exact.local_posterior(x, values)
    assert mean == pytest.approx((x - center[3:]) @ gain.T)
    assert covariance == pytest.approx(cov[:3, :3] - gain @ cov[3:, :3])
    z = np.random.default_rng(0).standard_normal((7, 3))
    found = exact.log_joint(values | {"z": z}, {"x": x}, latent=3, D=5)
    assert sum(found.values()) == pytest.approx(multivariate_normal.logpdf(np.hstack([z, x]), center, cov).sum())
    assert found["z"] == pytest.approx(multivariate_normal.logpdf(z, np.zeros(3)).sum())


def test_mean_field_is_the_best_of_its_family():
    row = ROW[0]

    def negative(u):
        return -elbo(row, SHARED, u[:2], np.diag(np.exp(2 * u[2:])))

    best = minimize(negative, np.zeros(4), method="BFGS", options={"gtol": 1e-8})
    gap = exact.log_likelihood(ROW, SHARED)[0] + best.fun
    assert gap == pytest.approx(exact.mean_field_gap(SHARED), abs=1e-8)
    assert best.x[:2] == pytest.approx(exact.local_posterior(ROW, SHARED)[0][0], abs=1e-5)
    assert np.exp(best.x[2:]) == pytest.approx(exact.mean_field_sd(SHARED), rel=1e-5)


def test_orthogonal_columns_have_no_mean_field_gap():
    turned = SHARED | {"weight": np.linalg.svd(SHARED["weight"])[0][:, :2] * [2.0, 0.3]}
    assert exact.mean_field_gap(turned) == pytest.approx(0, abs=1e-14)


@pytest.mark.parametrize("rank", [0, 1, 2, 3])
def test_a_rank_is_paid_for_as_the_best_encoder_of_that_rank(rank):
    values = true_values(3, 5)
    x = simulate(1, 40, latent=3, D=5)["x"]
    sample = np.cov(x.T, bias=True)
    mean, posterior = exact.local_posterior(x, values)
    tight = sum(elbo(row, values, m, posterior) for row, m in zip(x, mean, strict=True)) / len(x)
    assert tight == pytest.approx(exact.log_likelihood(x, values).mean())
    off, rate = x - x.mean(0), np.linalg.inv(posterior)

    def loss(u):
        down, up = u[: 5 * rank].reshape(5, rank), u[5 * rank :].reshape(rank, 3)
        wrong = mean - (mean.mean(0) + off @ down @ up)
        pull = -off.T @ (wrong @ rate) / len(x)
        return (
            0.5 * np.einsum("ni,ij,nj->", wrong, rate, wrong) / len(x),
            np.concatenate([(pull @ up.T).ravel(), (down.T @ pull).ravel()]),
        )

    rng = np.random.default_rng(0)
    begin = 0.3 * rng.standard_normal(8 * rank)
    if rank:
        assert check_grad(lambda u: loss(u)[0], lambda u: loss(u)[1], begin) < 1e-4
        best = minimize(loss, begin, jac=True, method="BFGS", options={"gtol": 1e-9, "maxiter": 5000}).fun
    else:
        best = loss(begin)[0]
    assert exact.rank_gap(values, rank, sample) == pytest.approx(best, abs=1e-6)
    if rank == 1:
        # The loss is the ELBO that is lost, not only a distance.
        down, up = begin[:5, None], begin[None, 5:]
        told = mean.mean(0) + off @ down @ up
        lost = tight - sum(elbo(row, values, m, posterior) for row, m in zip(x, told, strict=True)) / len(x)
        assert loss(begin)[0] == pytest.approx(lost)


def test_a_rank_under_the_model_is_the_limit_of_many_rows():
    values = true_values()
    many = simulate(0, 400_000)["x"]
    assert exact.rank_gap(values, 1) == pytest.approx(exact.rank_gap(values, 1, np.cov(many.T)), rel=0.02)
    assert exact.rank_gap(values, 1) > 0.1
    assert exact.rank_gap(values, 2) == 0


@pytest.mark.parametrize("latent", [1, 2, 3])
def test_the_fit_is_scikit_learns(latent):
    found = exact.fit({"x": X}, latent=latent)
    reference = PCA(latent).fit(X * np.sqrt(149 / 150))  # its covariance divides by n - 1
    assert found["scale"] ** 2 == pytest.approx(reference.noise_variance_)
    assert exact.covariance(found) == pytest.approx(reference.get_covariance())
    assert found["loc"] == pytest.approx(X.mean(0))
    assert exact.mean_field_gap(found) == pytest.approx(0, abs=1e-12)


def test_the_fit_is_a_maximum():
    found = exact.fit({"x": X}, latent=2)
    best = exact.log_likelihood(X, found).sum()
    rng = np.random.default_rng(0)
    for _ in range(200):
        other = {name: value + 0.01 * rng.standard_normal(value.shape) for name, value in found.items()}
        assert exact.log_likelihood(X, other).sum() < best
    turn = np.linalg.qr(rng.standard_normal((2, 2)))[0]
    turned = found | {"weight": found["weight"] @ turn}
    assert exact.log_likelihood(X, turned).sum() == pytest.approx(best)
    assert exact.mean_field_gap(turned) > 0.01


def test_an_axis_below_the_noise_collapses():
    sample = np.cov(X.T, bias=True)
    middle = np.linalg.eigvalsh(sample)[::-1]
    scale = np.sqrt((middle[1] + middle[2]) / 2)
    weight = exact.best_weight(sample, scale, 3)
    assert np.linalg.norm(weight, axis=0) == pytest.approx([*np.sqrt(middle[:2] - scale**2), 0], abs=1e-12)

    def negative(u):
        return -exact.log_likelihood(
            X, {"weight": u.reshape(4, 3), "loc": X.mean(0), "scale": np.asarray(scale)}
        ).mean()

    best = minimize(negative, np.random.default_rng(0).standard_normal(12), method="BFGS", options={"gtol": 1e-7})
    assert best.fun == pytest.approx(negative(weight.ravel()), abs=1e-8)
    assert np.linalg.svd(best.x.reshape(4, 3))[1][2] == pytest.approx(0, abs=0.02)


@pytest.mark.parametrize("latent", [4, 6])
def test_codes_as_many_as_columns_fit_the_sample_covariance(latent):
    found = exact.fit({"x": X}, latent=latent)
    assert found["weight"].shape == (4, latent)
    assert exact.covariance(found) == pytest.approx(np.cov(X.T, bias=True))


def test_one_column_is_the_gaussian():
    found = exact.fit({"x": X[:, :1]}, latent=1, D=1)
    assert exact.covariance(found) == pytest.approx(X[:, :1].var())


def test_what_is_not_known_is_none():
    assert exact.fit({"x": X[:3]}, latent=2) is None
    assert exact.fit({"x": np.ones((4, 2))}, latent=1) is None
    assert exact.evidence({"x": X}) is None
    assert exact.posterior({"x": X}) is None
    with pytest.raises(TypeError):
        exact.fit({"x": X}, K=1)
