"""The eight rows, what is derived from data, the simulated mixture, and where learning starts."""

import numpy as np
import pytest

from zoo.errors import UserError
from zoo.models.gmm_bayes import CARD, exact
from zoo.models.gmm_bayes.data import load, simulate
from zoo.models.gmm_bayes.start import start

FAITHFUL = load()
DERIVED = {o.name: o.derive(FAITHFUL) for o in CARD.options if o.derive and not o.fixed_by_data}


def test_eight_rows_are_every_34th():
    assert load("old_faithful_8")["x"].tolist() == FAITHFUL["x"][[0, 34, 68, 102, 136, 170, 204, 238]].tolist()
    with pytest.raises(UserError, match="old_faithful_8"):
        load("old_faithful_9")


def test_derived_options_are_plain_numbers_in_the_data_units():
    assert set(DERIVED) == {"center", "spread", "location_sd"}
    assert DERIVED["center"] == pytest.approx(FAITHFUL["x"].mean(0))
    assert DERIVED["spread"] == DERIVED["location_sd"] == pytest.approx(FAITHFUL["x"].std(0))
    assert all(isinstance(number, float) for value in DERIVED.values() for number in value)
    spread = CARD.option("spread").derive
    assert spread is not None
    assert spread({"x": np.ones((3, 1))}) == (1.0,)


@pytest.mark.parametrize("covariance", ["diagonal", "full"])
def test_simulated_rows_have_the_documented_moments(covariance):
    x = simulate(0, 50_000, K=2, D=2, covariance=covariance, center=(1.0, 50.0), spread=(1.0, 10.0))["x"]
    high = x[(x[:, 0] > 1.0) & (x[:, 1] > 50.0)]
    assert len(high) / len(x) == pytest.approx(2 / 3, abs=0.01)
    assert high.mean(0) == pytest.approx([2.5, 65.0], rel=0.02)
    assert high.std(0) == pytest.approx([0.5, 5.0], rel=0.03)
    assert np.corrcoef(high.T)[0, 1] == pytest.approx(0.5 if covariance == "full" else 0.0, abs=0.03)


@pytest.mark.parametrize("covariance", ["diagonal", "full"])
@pytest.mark.parametrize(("name", "K"), [("old_faithful", 1), ("old_faithful", 3), ("old_faithful_8", 11)])
def test_the_start_is_inside_every_support(covariance, name, K):
    data = load(name)
    begin = start(data, np.random.default_rng(0), K=K, covariance=covariance, **DERIVED)
    active = [s.name for s in CARD.active_sites({"covariance": covariance}) if s.kind == "latent" and not s.local]
    assert sorted(begin) == sorted(active)
    values = {site: s.value for site, s in begin.items()} | {"z": np.zeros(len(data["x"]), int)}
    joint = exact.log_joint(values, data, K=K, covariance=covariance, **DERIVED)
    assert np.isfinite(list(joint.values())).all()
    assert begin["weights"].spread.shape == (K - 1,)
    assert begin["loc"].spread.shape == (K, 2)
    assert len(np.unique(begin["loc"].value, axis=0)) == K


def test_one_component_starts_near_its_exact_posterior():
    answer = exact.posterior(FAITHFUL, K=1, **DERIVED)
    begin = start(FAITHFUL, np.random.default_rng(0), K=1, **DERIVED)
    assert begin["loc"].value == pytest.approx(answer["loc"]["mean"], rel=1e-6)
    assert begin["loc"].spread == pytest.approx(answer["loc"]["sd"], rel=0.05)
    relative = answer["variance"]["sd"] / answer["variance"]["mean"]
    assert begin["variance"].spread == pytest.approx(relative, rel=0.05)


def test_full_covariances_need_two_columns():
    with pytest.raises(UserError, match="diagonal"):
        start({"x": FAITHFUL["x"][:, :1]}, np.random.default_rng(0), D=1, covariance="full")
