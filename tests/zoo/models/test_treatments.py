"""Every model under every treatment and family that serves it: one ELBO in both backends, at the same noise."""

from typing import Any

import pytest

import zoo
from guides.local import treatment
from zoo import catalogue

FAMILIES = ("mean_field", "full_rank", "low_rank", "flow")
SMALL: dict[str, dict[str, Any]] = {
    "vae": {"hidden": 8, "latent": 2},
    "binary_latent": {"latent": 5},
    "lda": {"K": 4},
}


def cases() -> list[tuple[str, str, str | None]]:
    """Return (model, treatment, family) of all that a card says make sense."""
    found: list[tuple[str, str, str | None]] = []
    for name in catalogue.names():
        card = catalogue.model(name).card
        continuous = any(s.kind == "latent" and s.local and not s.discrete for s in card.sites)
        for local in card.local:
            by_row = continuous and treatment(local).by_row
            found += [(name, local, family) for family in (FAMILIES if by_row else (None,))]
    return found


@pytest.mark.long
@pytest.mark.parametrize(("name", "local", "family"), cases())
@pytest.mark.needs("pyro", "numpyro")
def test_a_run_has_the_same_elbo_in_both_backends(name, local, family, tmp_path):
    """Parameters after three steps, saved in NumPyro and opened in Pyro; double precision, 1e-9 of the ELBO's size."""
    if name == "random_walk" and family == "full_rank" and "amortized" in local:
        with pytest.raises(zoo.UserError, match="local_guide='mean_field'"):
            zoo.fit(name, local=local, local_guide=family, num_steps=3)
        return
    model = zoo.model(name, **SMALL.get(name, {}))
    data = {key: value[:30] for key, value in model.data().items()}
    run = zoo.fit(
        model, data=data, local=local, local_guide=family, num_steps=3, num_draws=20, restarts=1, dtype="float64"
    )
    there = zoo.load_run(run.save(tmp_path / "run"), backend="pyro")
    here = run.elbo(num_draws=3)
    assert there.elbo(num_draws=3).value == pytest.approx(here.value, rel=1e-9)
