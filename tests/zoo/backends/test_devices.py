"""Right for a GPU without having one: tensors of another device find stray CPU ones, and JAX steps lower for CUDA."""

from typing import Any

import pytest

from guides.families import generator
from zoo.backends.state import Values
from zoo.request import Request
from zoo.run import Run

ROWS, BATCH = 12, 6
# In `make test`; `make test-long` takes every model under every treatment and family that serves it.
SHORT = [
    ("vae", "amortized", {}),
    ("vae", "semi_amortized", {}),
    ("vae", "per_datapoint", {}),
    ("vqvae", "nearest", {"prior": "autoregressive"}),
    ("binary_latent", "amortized", {}),
    ("gmm", "per_datapoint", {}),
    ("gmm", "marginal", {}),
    ("random_walk", "amortized", {}),
    ("hierarchical_normal", "constant", {}),
]


def program(backend: str, model: Any, local: str | None, family: str | None = None) -> Any:
    """Return the program of a fit of a few rows, before its first step."""
    data: Values = {name: x[:ROWS] for name, x in model.data().items()}
    bound = model.bind(data)
    asked = Request(backend=backend, local=local, local_guide=family).checked(bound, data, {})
    return Run(bound, data, asked, bound.start(data, generator(asked.seed, "start 0")), {}).program


def step_elsewhere(ready: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Take a step on another device, and look at the device of all that it leaves.

    Torch refuses to mix "meta" tensors with others, as it refuses to mix CUDA's; a loss and gradient need no values.
    Fake CUDA tensors do not serve here: without CUDA's library torch cannot index them, nor differentiate.
    """
    import torch
    from pyro.infer import trace_elbo, traceenum_elbo

    from zoo.backends.pyro_bound import scoped

    shapes = {n: (min(BATCH, len(x)), *x.shape[1:]) for n, x in ready.data.items()}
    k, size = (ready.guide.table.shape[1] if ready.guide.table else 0), ready.coordinates.size

    @scoped
    def step(self: Any) -> list[torch.Tensor]:
        self.constants = self.arrays(self.frozen)
        batch = {n: torch.empty(s) for n, s in shapes.items()}
        lines = torch.empty(len(next(iter(batch.values()))), 3 * k + 1) if k else None
        parts, gradient = self._leaves(torch.empty(size))
        loss, moved = self._step(parts, lines, batch, 0.1, (0, 0))
        self._follow_rule(parts, batch)
        return [loss, gradient, *([] if moved is None else [moved])]

    for objective in (trace_elbo, traceenum_elbo):
        monkeypatch.setattr(objective, "warn_if_nan", lambda *_: None)
        monkeypatch.setattr(objective, "torch_item", lambda value: value, raising=False)
    # The enumerating objective asks whether a mask is whole, and this one has no values.
    monkeypatch.setattr(torch.Tensor, "__bool__", lambda _: True)
    ready.device = "meta"
    for tensor in step(ready):
        assert tensor.device.type == "meta"


def lower_for_cuda(ready: Any) -> None:
    """Lower a step of learning for CUDA, which needs none."""
    import jax
    import jax.numpy as jnp

    k, size = (ready.guide.table.shape[1] if ready.guide.table else 0), ready.coordinates.size
    v = jnp.zeros(size)
    table = jnp.zeros((ready.size, 3 * k + 1)) if k else None
    carry = (v, v, v, jnp.asarray(0), table, jnp.asarray(True))
    rows = jnp.arange(min(BATCH, ready.size))
    step = jax.jit(lambda c: ready._step(jax.random.key(0), ready.data, c, (jnp.asarray(0.1), jnp.asarray(0.1), rows)))
    exported = jax.export.export(step, platforms=["cuda"])(carry)
    assert exported.platforms == ("cuda",)


@pytest.mark.parametrize(("name", "local", "options"), SHORT)
@pytest.mark.needs("pyro")
def test_a_pyro_step_leaves_no_tensor_on_the_cpu(name, local, options, small_model, monkeypatch):
    step_elsewhere(program("pyro", small_model(name, **options), local), monkeypatch)


@pytest.mark.parametrize(("name", "local", "options"), SHORT)
@pytest.mark.needs("numpyro")
def test_a_numpyro_step_lowers_for_cuda(name, local, options, small_model):
    lower_for_cuda(program("numpyro", small_model(name, **options), local))


@pytest.mark.long
@pytest.mark.needs("pyro")
def test_every_pyro_step_leaves_no_tensor_on_the_cpu(case_served, small_model, monkeypatch):
    name, local, family = case_served
    ready = program("pyro", small_model(name), local, family)
    step_elsewhere(ready, monkeypatch)


@pytest.mark.long
@pytest.mark.needs("numpyro")
def test_every_numpyro_step_lowers_for_cuda(case_served, small_model):
    name, local, family = case_served
    lower_for_cuda(program("numpyro", small_model(name), local, family))
