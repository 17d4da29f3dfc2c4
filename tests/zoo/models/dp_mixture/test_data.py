"""The galaxies' velocities, simulated rows, and where learning starts."""

import numpy as np
import pytest

from zoo.errors import UserError
from zoo.models.dp_mixture import CARD, exact
from zoo.models.dp_mixture.data import load, simulate
from zoo.models.dp_mixture.start import start


def test_the_galaxies_are_those_of_the_literature():
    x = load()["x"]
    assert x.shape == (82, 1)
    # Roeder (1990): from 9.172 to 34.279, mean 20.83 once the 78th is 26.960.
    assert (x.min(), x.max(), x[77, 0]) == (9.172, 34.279, 26.960)
    assert x.mean() == pytest.approx(20.8315, abs=5e-4)
    assert np.all(np.diff(x[:, 0]) >= 0)
    with pytest.raises(UserError, match="galaxies"):
        load("galaxy")


def test_simulated_rows_have_the_models_moments():
    # Over many mixtures E x = center and Var x = E variance (1 + 1 / kappa0); E variance = b0 spread² / (a0 - 1).
    options = {"K": 5, "center": 3.0, "spread": 2.0, "a0": 4.0, "kappa0": 0.5}
    x = np.stack([simulate(seed, 3, **options)["x"][:, 0] for seed in range(6000)])
    variance = 0.2 * 4 / 3 * 3
    # 4.5 standard errors of the mean of 6,000 mixtures, whose rows are alike.
    assert x.mean() == pytest.approx(3.0, abs=4.5 * np.sqrt(variance / 6000))
    spread = ((x - 3.0) ** 2).mean(1)
    assert spread.mean() == pytest.approx(variance, abs=4.5 * spread.std() / np.sqrt(6000))


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("name", ["galaxies", "old_faithful_8"])
def test_the_start_is_inside_every_support(name, seed):
    data = load(name)
    derived = {o.name: o.derive(data) for o in CARD.options if o.derive}
    begin = start(data, np.random.default_rng(seed), **derived)
    assert sorted(begin) == ["loc", "sticks", "variance"]
    values = {site: s.value for site, s in begin.items()} | {"z": np.zeros(len(data["x"]), int)}
    assert np.isfinite(list(exact.log_joint(values, data, **derived).values())).all()
    assert begin["sticks"].value.shape == (9,)
    assert len(np.unique(begin["loc"].value, axis=0)) == 10
    # The largest cluster is the first piece.
    expected = np.exp(exact.log_weights(begin["sticks"].value))
    assert expected[0] == pytest.approx(expected.max(), rel=0.2)
