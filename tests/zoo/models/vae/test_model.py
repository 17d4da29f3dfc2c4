"""Both files against exact.py, in every form of the likelihood, and a size and a batch that are what they say."""

import numpy as np
import pytest

import zoo
from guides.nets import mlp
from zoo.models.vae import exact
from zoo.models.vae.layers import sizes

D, N = 5, 4
FORMS = [
    {},
    {"covariance": "low_rank", "rank": 3},
    {"likelihood": "bernoulli"},
    {"depth": 2, "activation": "silu"},
    {"latent": 1, "activation": "tanh"},
]


def setting(form):
    options = {"latent": 3, "hidden": 6, "D": D, "floor": 0.2, **form}
    full = {"depth": 1, "likelihood": "gaussian", "covariance": "diagonal", "rank": 2, **options}
    shape = sizes(*(full[o] for o in ("latent", "hidden", "depth", "likelihood", "covariance", "rank")), D)
    rng = np.random.default_rng(1)
    values = {name: v + 0.3 * rng.normal(size=v.shape) for name, v in mlp.initial("decoder", shape, 9).items()}
    x = rng.normal(size=(N, D))
    x = (x > 0).astype(float) if full["likelihood"] == "bernoulli" else x
    return options, values | {"z": rng.normal(size=(N, options["latent"]))}, x


@pytest.mark.parametrize("form", FORMS, ids=str)
def test_log_density_is_exact(library, plain, form):
    options, values, x = setting(form)
    sites = library.sites(plain("vae"), values, x, **options)
    assert {name: site[0].shape for name, site in sites.items()} == {"z": (N,), "x": (N,)}
    answer = exact.log_joint(values, {"x": x}, **options)
    assert {name: site[0].sum() for name, site in sites.items()} == pytest.approx(answer, rel=1e-10)


@pytest.mark.parametrize("form", FORMS[:3], ids=str)
def test_a_batch_is_scaled_by_the_rows_it_stands_for(library, plain, form):
    options, values, x = setting(form)
    sites = library.sites(plain("vae"), values, x, size=12, **options)
    assert {name: site[1] for name, site in sites.items()} == pytest.approx({"z": 3.0, "x": 3.0})


@pytest.mark.parametrize("form", FORMS[:4], ids=str)
def test_without_data_it_draws_rows_of_the_initial_decoder(library, plain, form):
    options, _, _ = setting(form)
    drawn = library.draw(plain("vae"), 0, size=7, **options)
    assert drawn["x"].shape == (7, D)
    assert drawn["z"].shape == (7, 3)
    start = mlp.shared("decoder", (3, *[6] * form.get("depth", 1), drawn["x"].shape[1] * width(form)))
    assert {name: v.shape for name, v in start.items()} == {
        name: v.shape for name, v in drawn.items() if name not in "xz"
    }
    assert all(drawn[name] == pytest.approx(v) for name, v in start.items())


def width(form):
    return 1 if "likelihood" in form else 2 + form.get("rank", 0)


@pytest.mark.needs("pyro", "numpyro")
@pytest.mark.parametrize("form", FORMS[:3], ids=str)
def test_both_are_one_model(form):
    check = zoo.crosscheck(zoo.model("vae", latent=3, hidden=5, D=4, **form), num_points=16, num_tail=4)
    assert check.ok, check.text()
