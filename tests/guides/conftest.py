"""One library at a time, in float64, and a model with every constrained support in it."""

from collections.abc import Callable, Iterator
from importlib import import_module
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest


def namespace(name: str) -> SimpleNamespace:
    """Return the words in which a test's model is written, for one library."""
    if name == "pyro":
        import torch

        return SimpleNamespace(
            name=name,
            ppl=import_module("pyro"),
            dist=import_module("pyro.distributions"),
            xp=torch,
            array=torch.as_tensor,
            numpy=lambda t: t.detach().numpy(),
        )
    import jax.numpy as jnp

    return SimpleNamespace(
        name=name,
        ppl=import_module("numpyro"),
        dist=import_module("numpyro.distributions"),
        xp=jnp,
        array=jnp.asarray,
        numpy=np.asarray,
    )


@pytest.fixture
def lib(backend: str) -> Iterator[SimpleNamespace]:
    """One library, computing in double precision."""
    from zoo import backends

    with backends.get(backend).precision("float64"):
        yield filled(backend)


@pytest.fixture
def lib_named() -> Callable[[str], SimpleNamespace]:
    """Return a library by its name, for tests that hold one against the other."""
    return filled


def filled(name: str) -> SimpleNamespace:
    """Return a library's words with the model of every support."""
    lib = namespace(name)
    lib.supports_model = supports_model(lib)
    return lib


def supports_model(lib: SimpleNamespace) -> Callable[..., Any]:
    """Return a mixture whose globals have every constrained support, on unequal sizes otherwise."""
    P, dist, xp = lib.ppl, lib.dist, lib.xp

    def model(x: Any = None, *, size: int | None = None) -> None:
        weights = P.sample("weights", dist.Dirichlet(xp.ones(2) * 2.0))
        rate = P.sample("rate", dist.Gamma(2.0, 3.0))
        share = P.sample("share", dist.Beta(2.0, 5.0))
        shift = P.sample("shift", dist.Uniform(-1.0, 4.0))
        steps = dist.TransformedDistribution(
            dist.Normal(xp.zeros(4), 1.0).to_event(1), dist.transforms.OrderedTransform()
        )
        cuts = P.sample("cuts", steps)
        with P.plate("components", 2):
            loc = P.sample("loc", dist.Normal(xp.zeros(3), 3.0).to_event(1))
            scale = P.sample("scale", dist.HalfNormal(xp.ones(3)).to_event(1))
            corr = P.sample("corr", dist.LKJCholesky(3, 1.5))
        tril = scale[..., None] * corr
        loc = loc + share * shift + cuts.sum() / (5.0 + rate)
        n = size if x is None else len(x)
        with P.plate("data", size or n, subsample_size=n):
            z = P.sample("z", dist.Categorical(weights), infer={"enumerate": "parallel"})
            P.sample("x", dist.MultivariateNormal(loc[z], scale_tril=tril[z]), obs=x)

    return model


@pytest.fixture
def rows() -> np.ndarray:
    """Six rows of three columns."""
    return np.random.default_rng(5).normal(size=(6, 3))
