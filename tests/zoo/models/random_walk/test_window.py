"""What an encoder of a window loses, after learning: the closed form, in both backends."""

import numpy as np
import pytest

import zoo
from zoo.gaps.best import balanced
from zoo.gaps.measure import draw
from zoo.models.random_walk import exact
from zoo.models.random_walk.data import simulate

T, ROWS = 8, 60


def centred_walks() -> np.ndarray:
    # A closed form is of the rows' covariance: no constant is then left to learn.
    x = simulate(5, ROWS, T=T)["x"]
    return x - x.mean(0)


def lost(run: zoo.Run, x: np.ndarray) -> float:
    """What the encoder's means cost, nats a row: draws whose second moments are exact integrate a quadratic ELBO."""
    phi = np.asarray(run.program.phi(run.params, {"x": x}, 0))
    elbo = draw(run, {"x": x}, phi, balanced(np.random.default_rng(0), 64, ROWS, T)).bounds.mean(dtype=np.float64)
    return float(exact.log_likelihood(x, {}, T=T).mean() - elbo) - exact.mean_field_gap(T=T)


def test_an_affine_encoder_loses_what_the_closed_form_says(backend: str) -> None:
    x = centred_walks()
    words = {"depth": 0, "half_width": 1}
    run = zoo.fit(
        "random_walk", data={"x": x}, backend=backend, local_options=words, num_steps=1500, learning_rate=0.03
    )
    rows = np.cov(x.T, bias=True)
    # Learning ends above the optimum by what Adam's last steps leave, seen at 1e-3; below it only by rounding.
    assert -1e-4 < lost(run, x) - exact.window_gap(1, rows, shared=True, T=T) < 4e-3


@pytest.mark.parametrize("local", ["amortized", "semi_amortized"])
def test_an_encoder_of_a_window_has_no_full_covariance_to_give(local: str, backend: str) -> None:
    with pytest.raises(zoo.UserError, match="local_guide='mean_field'"):
        zoo.fit("random_walk", backend=backend, local=local, local_guide="full_rank", num_steps=1)
