"""What comes next in a series, against the chain's exact predictions; errors in one line."""

import pytest

import zoo
from zoo.forecast import forecast
from zoo.models.hmm import exact


@pytest.fixture(scope="module")
def made():
    """Return backend -> a short run on four simulated series of unequal lengths, in double precision."""
    runs = {}

    def fit(backend):
        if backend not in runs:
            model = zoo.model("hmm", K=2)
            data = model.simulate(1, 4)
            runs[backend] = zoo.fit(model, data=data, backend=backend, num_steps=5, restarts=1, dtype="float64")
        return runs[backend]

    return fit


def test_the_steps_to_come_are_the_chains(made, backend):
    run = made(backend)
    options = {name: value for name, value in run.model.options.items() if value is not None}
    known = exact.forecast(run.data["x"], run.params, 3, **options)
    found = forecast(run, 3)
    assert len(set(exact.lengths(run.data["x"]))) > 1
    assert found.states == pytest.approx(known, abs=1e-10)
    assert found.mean == pytest.approx(known @ run.params["rate"], rel=1e-9)
    again = forecast(run, 3, {"x": run.data["x"][1:2]})
    assert again.states == pytest.approx(known[1:2], abs=1e-10)


def test_errors_are_one_line(made, backend):
    with pytest.raises(zoo.UserError, match="at least 1"):
        forecast(made(backend), 0)
    other = zoo.fit("height", backend=backend, num_steps=2)
    with pytest.raises(zoo.UserError, match="no chain of states"):
        forecast(other, 2)
