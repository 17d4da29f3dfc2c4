"""Every model under every treatment and family that serves it: one ELBO in both backends, at the same noise."""

import pytest

import zoo


@pytest.mark.long
@pytest.mark.needs("pyro", "numpyro")
def test_a_run_has_the_same_elbo_in_both_backends(case_served, small_model, tmp_path):
    """Parameters after three steps, saved in NumPyro and opened in Pyro; double precision, 1e-9 of the ELBO's size."""
    name, local, family = case_served
    model = small_model(name)
    data = {key: value[:30] for key, value in model.data().items()}
    run = zoo.fit(
        model, data=data, local=local, local_guide=family, num_steps=3, num_draws=20, restarts=1, dtype="float64"
    )
    there = zoo.load_run(run.save(tmp_path / "run"), backend="pyro")
    here = run.elbo(num_draws=3)
    assert there.elbo(num_draws=3).value == pytest.approx(here.value, rel=1e-9)
