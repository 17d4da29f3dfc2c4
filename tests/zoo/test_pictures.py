"""What pictures say in numbers, against known answers."""

import numpy as np
import pytest

import zoo
from zoo import pictures
from zoo.errors import UserError

RNG = np.random.default_rng(0)


def test_nearest_is_that_of_all_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    samples, data = RNG.random((7, 3)), RNG.random((11, 3))
    monkeypatch.setattr(pictures, "CHUNK", 22)  # two samples at a time
    found = pictures.nearest(samples, data)
    every = np.linalg.norm(samples[:, None] - data, axis=-1)
    assert (found.index == every.argmin(1)).all()
    assert found.distance == pytest.approx(every.min(1))
    own = np.linalg.norm(data[:, None] - data, axis=-1) + np.diag(np.full(11, np.inf))
    assert found.between == pytest.approx(own.min(1))


def test_copies_are_counted() -> None:
    data = RNG.random((100, 5))
    assert pictures.nearest(np.concatenate([data[:5], data[:5] + 9]), data).copies == 0.5


def test_a_row_that_is_there_twice_is_its_own_neighbour() -> None:
    assert pictures.nearest(np.ones((1, 2)), np.ones((3, 2))).between.tolist() == [0, 0, 0]


def test_sharpness_of_noise_is_twenty_times_its_variance() -> None:
    noise = RNG.normal(0, 0.5, (400, 20 * 20))
    assert pictures.sharpness(noise, (20, 20)).mean() == pytest.approx(20 * 0.25, rel=0.03)


def test_blurring_loses_sharpness() -> None:
    x = zoo.model("vae").data()["x"][:50].reshape(-1, 8, 8)
    blurred = (x + np.roll(x, 1, 1) + np.roll(x, 1, 2) + np.roll(x, (1, 1), (1, 2))) / 4
    assert (pictures.sharpness(blurred.reshape(50, 64), (8, 8)) < pictures.sharpness(x.reshape(50, 64), (8, 8))).all()


def test_coverage_of_the_data_by_itself_is_whole() -> None:
    labels = zoo.models.vae.data.labels("digits")[:300]  # type: ignore[attr-defined]
    x = zoo.model("vae").data()["x"][:300]
    found = pictures.coverage(x, x, labels, k=1)
    assert (found.voted == labels).all()
    assert found.distance == 0
    sixes = pictures.coverage(x[labels == 6], x, labels, k=1)
    assert sixes.share.tolist() == [0, 0, 0, 0, 0, 0, 1, 0, 0, 0]
    assert sixes.distance == pytest.approx(1 - np.mean(labels == 6))


def test_a_tied_vote_goes_to_the_nearest() -> None:
    data, labels = np.array([[1.0], [2.0], [3.0], [4.0]]), np.array(["b", "a", "a", "b"])
    assert pictures.coverage(np.array([[0.9]]), data, labels, k=2).voted.tolist() == ["b"]
    assert pictures.coverage(np.array([[0.9]]), data, labels, k=3).voted.tolist() == ["a"]


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: pictures.nearest(np.ones((2, 3)), np.ones((2, 4))), "one length"),
        (lambda: pictures.nearest(np.ones((2, 3)), np.ones((1, 3))), "two rows"),
        (lambda: pictures.sharpness(np.ones((2, 3)), (2, 2)), "3 × 3"),
        (lambda: pictures.coverage(np.ones((2, 3)), np.ones((4, 3)), np.ones(3)), "labels"),
        (lambda: pictures.coverage(np.ones((2, 3)), np.ones((4, 3)), np.ones(4), k=5), "k=5"),
    ],
)
def test_what_does_not_go_together_is_said(call, words) -> None:
    with pytest.raises(UserError, match=words):
        call()


@pytest.fixture(scope="module", params=["numpyro", "pyro"])
def line(request):
    """Return a run of a linear decoder, whose means are known."""
    return zoo.fit("ppca", backend=request.param, num_steps=5, latent=3)


def known(run, codes):
    return codes @ run.params["weight"].T + run.params["loc"]


def test_codes_are_decoded_to_their_means(line) -> None:
    codes = RNG.normal(size=(6, 3))
    assert pictures.decode(line, codes) == pytest.approx(known(line, codes), abs=1e-5)


def test_novel_rows_are_those_of_sample(line) -> None:
    new = pictures.novel(line, 8, seed=3)
    assert new.draws == pytest.approx(line.sample(8, seed=3)["x"])
    assert new.means == pytest.approx(known(line, new.codes), abs=1e-5)


def test_a_line_goes_along_one_axis(line) -> None:
    walk = pictures.traversal(line, 5, axis=1)
    assert walk.codes[:, 1] == pytest.approx(pictures.quantiles(5))
    assert not walk.codes[:, [0, 2]].any()
    assert walk.means == pytest.approx(known(line, walk.codes), abs=1e-5)


def test_a_square_has_its_first_row_at_the_top() -> None:
    walk = pictures.traversal(zoo.fit("ppca", num_steps=2), 3)
    low, _, high = pictures.quantiles(3)
    assert walk.codes[[0, 2, 8]].tolist() == [[low, high], [high, high], [high, low]]
    assert walk.means.shape == (9, 4)


def test_what_has_no_code_is_refused(line) -> None:
    with pytest.raises(UserError, match="no code"):
        pictures.traversal(zoo.fit("gmm", num_steps=2))
    with pytest.raises(UserError, match="axis=3"):
        pictures.traversal(line, 3, axis=3)
    with pytest.raises(UserError, match="rows of 3"):
        pictures.decode(line, np.ones((2, 2)))
