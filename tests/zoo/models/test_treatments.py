"""Every model under every treatment and family that serves it: one ELBO and one gradient in both backends."""

from typing import Any

import numpy as np
import pytest

import zoo
from zoo import backends


@pytest.mark.long
@pytest.mark.needs("pyro", "numpyro")
def test_a_run_has_the_same_elbo_and_gradient_in_both_backends(case_served, small_model, tmp_path):
    """After three steps, saved in NumPyro and opened in Pyro; double precision, 1e-9 and 1e-8 of what is largest."""
    name, local, family = case_served
    model = small_model(name)
    data = {key: value[:30] for key, value in model.data().items()}
    run = zoo.fit(
        model, data=data, local=local, local_guide=family, num_steps=3, num_draws=20, restarts=1, dtype="float64"
    )
    there = zoo.load_run(run.save(tmp_path / "run"), backend="pyro")
    here = run.elbo(num_draws=3)
    assert there.elbo(num_draws=3).value == pytest.approx(here.value, rel=1e-9)
    if not run.params:
        return  # nothing to learn, such as a walk served by its exact posterior

    rng, guide = np.random.default_rng(2), run.program.guide
    shapes = {"_noise": (guide.noise_size,), "_local_noise": run.program.noise_shape(run.program.size)}
    noise = {site: rng.standard_normal(shape) for site, shape in shapes.items()}
    ours, theirs = numpyro_gradient(run, noise), pyro_gradient(there, noise)
    assert set(ours) == set(theirs) == set(run.params)
    largest = max(np.abs(slope).max() for slope in ours.values() if slope.size)
    assert largest > 0
    for param, slope in ours.items():
        np.testing.assert_allclose(slope, theirs[param], rtol=1e-8, atol=1e-8 * largest, err_msg=param)


def numpyro_gradient(run: Any, noise: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return the gradient of the loss by every param, at the run's values and given noise."""
    import jax
    from numpyro.handlers import substitute

    program = run.program
    with backends.get("numpyro").precision("float64"):
        drawn = program.arrays(noise)

        def loss(values: Any) -> Any:
            guide = substitute(program.guide, data=drawn)
            words = {"size": program.size, **program.data, **program.options}
            return program.elbo.loss(jax.random.key(0), values, program.model, guide, **words)

        found = jax.jit(jax.grad(loss))(program.arrays(run.params))
        return {param: np.asarray(slope) for param, slope in found.items()}


def pyro_gradient(run: Any, noise: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return the gradient of the loss by every param, at the run's values and given noise."""
    import torch

    from guides.trace_pyro import Hold

    program = run.program
    with backends.get("pyro").precision("float64"):
        leaves = {param: value.requires_grad_() for param, value in program.arrays(run.params).items()}
        # The plate's rows in their order: Pyro would draw a permutation.
        hold = Hold({**leaves, **program.arrays(noise), program.guide.data_plate: torch.arange(program.size)})
        words = {"size": program.size, **program.data, **program.options}
        program.elbo.differentiable_loss(hold(program.model), hold(program.guide), **words).backward()
    return {p: np.zeros(v.shape) if v.grad is None else v.grad.numpy() for p, v in leaves.items()}
