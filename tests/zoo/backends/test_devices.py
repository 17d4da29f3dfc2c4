"""Right for a GPU without having one: tensors of another device find stray CPU ones, and JAX steps lower for CUDA."""

from typing import Any

import pytest

import zoo

CASES = [
    ("vae", "amortized", {"hidden": 8, "latent": 2}),
    ("vae", "semi_amortized", {"hidden": 8, "latent": 2}),
    ("vae", "per_datapoint", {"hidden": 8, "latent": 2}),
    ("vqvae", "nearest", {"hidden": 8, "K": 4, "positions": 2, "prior": "autoregressive"}),
    ("binary_latent", "amortized", {"latent": 5}),
    ("gmm", "per_datapoint", {}),
    ("gmm", "marginal", {}),
    ("random_walk", "amortized", {}),
    ("hierarchical_normal", "constant", {}),
]


def program(backend: str, name: str, local: str, options: dict[str, Any]) -> Any:
    """Return the program of a short fit."""
    return zoo.fit(name, backend=backend, local=local, num_steps=1, restarts=1, **options).program


# Pyro's enumerating objective reads values of its loss, and tensors without values have none.
@pytest.mark.parametrize(("name", "local", "options"), [case for case in CASES if case[0] != "gmm"])
@pytest.mark.needs("pyro")
def test_a_pyro_step_leaves_no_tensor_on_the_cpu(name, local, options, monkeypatch):
    """Torch refuses to mix "meta" tensors with others, as it refuses to mix CUDA's; a loss and gradient need no values.

    Fake CUDA tensors do not serve here: without CUDA's library torch cannot index them, nor differentiate.
    """
    import torch
    from pyro.infer import trace_elbo, traceenum_elbo

    from zoo.backends.pyro_bound import scoped

    ready = program("pyro", name, local, options)
    shapes = {n: (6, *x.shape[1:]) for n, x in ready.data.items()}
    k, size = (ready.guide.table.shape[1] if ready.guide.table else 0), ready.coordinates.size

    @scoped
    def step(self: Any) -> list[torch.Tensor]:
        self.constants = self.arrays(self.frozen)
        lines = torch.empty(6, 3 * k + 1) if k else None
        parts, gradient = self._leaves(torch.empty(size))
        batch = {n: torch.empty(s) for n, s in shapes.items()}
        loss, moved = self._step(parts, lines, batch, 0.1, (0, 0))
        self._follow_rule(parts, batch)
        return [loss, gradient, *([] if moved is None else [moved])]

    for objective in (trace_elbo, traceenum_elbo):
        monkeypatch.setattr(objective, "warn_if_nan", lambda *_: None)
        monkeypatch.setattr(objective, "torch_item", lambda value: value, raising=False)
    ready.device = "meta"
    for tensor in step(ready):
        assert tensor.device.type == "meta"


@pytest.mark.parametrize(("name", "local", "options"), CASES)
@pytest.mark.needs("numpyro")
def test_a_numpyro_step_lowers_for_cuda(name, local, options):
    import jax
    import jax.numpy as jnp

    ready = program("numpyro", name, local, options)
    k, size = (ready.guide.table.shape[1] if ready.guide.table else 0), ready.coordinates.size
    v = jnp.zeros(size)
    table = jnp.zeros((ready.size, 3 * k + 1)) if k else None
    carry = (v, v, v, jnp.asarray(0), table, jnp.asarray(True))
    step = jax.jit(lambda c: ready._step(jax.random.key(0), ready.data, c, (jnp.asarray(0.1), jnp.arange(6))))
    exported = jax.export.export(step, platforms=["cuda"])(carry)
    assert exported.platforms == ("cuda",)
