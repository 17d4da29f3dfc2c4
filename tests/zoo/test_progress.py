"""What a progress bar says: read back from a terminal that is none."""

import io

import numpy as np
import pytest
from rich.console import Console

from zoo import progress
from zoo.backends.state import Drawn
from zoo.learnt import Progressed


@pytest.fixture
def screen(monkeypatch):
    """A terminal of 120 columns whose text is kept."""
    kept = io.StringIO()
    console = Console(file=kept, force_terminal=True, width=120, _environ={"TERM": "xterm"})
    monkeypatch.setattr("rich.console.Console", lambda **_: console)
    return kept


def said(screen, tell) -> str:
    with progress.Progress("height numpyro", shown=True) as bar:
        assert bar.visible
        tell(bar)
    return screen.getvalue()


def test_steps_say_the_elbo_with_its_error_and_the_rate(screen):
    text = said(screen, lambda bar: bar.update(Progressed("svi", 200, 1000, -12.345, 0.078, 3e-3)))
    assert "height numpyro" in text
    assert "200/1000" in text
    assert "ELBO -12.35 ± 0.078 nats, rate 3.0e-03" in text or "ELBO -12.34 ± 0.078 nats, rate 3.0e-03" in text


def test_a_finish_says_so_and_how_many_iterations_there_were(screen):
    text = said(screen, lambda bar: bar.update(Progressed("finish", 203, 0, -12.0, 0.0, 0.0)))
    assert "203/?" in text
    assert "ELBO -12.00 nats, finish" in text


def test_chains_say_their_draws_step_sizes_and_divergences(screen):
    drawn = Drawn(10, 30, np.array([30, 14]), np.array([0.25, 0.5]), np.array([2, 0]))
    text = said(screen, lambda bar: bar.update_chains(drawn))
    assert "44/60" in text
    assert "drawing, step sizes 0.25 0.5, divergences 2 0" in text


def test_a_chain_that_has_not_begun_has_no_step_size(screen):
    drawn = Drawn(10, 30, np.array([7, 0]), np.array([0.25, np.nan]), np.array([0, 0]))
    assert "warm-up, step sizes 0.25 –, divergences 0 0" in said(screen, lambda bar: bar.update_chains(drawn))


def test_without_a_terminal_nothing_is_said(capsys):
    with progress.Progress("height", shown=True) as bar:
        assert not bar.visible
        bar.update(Progressed("svi", 1, 2, 0.0, 0.0, 1.0))
    out = capsys.readouterr()
    assert out.out == out.err == ""
