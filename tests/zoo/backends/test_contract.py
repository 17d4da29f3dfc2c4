"""Each backend's program answers what learning asks of it."""

from types import SimpleNamespace
from typing import Any

import pytest

import zoo
from zoo.backends.contract import Guide, Program, Rows


@pytest.mark.parametrize(
    ("name", "words"),
    [("height", {}), ("gmm", {"K": 2}), ("ppca", {"local": "per_datapoint"}), ("vqvae", {}), ("hmm", {})],
    ids=str,
)
def test_a_program_answers_what_learning_asks(name: str, words: dict[str, Any], backend: str) -> None:
    program = zoo.fit(name, backend=backend, num_steps=1, num_draws=2, restarts=1, **words).program
    assert isinstance(program, Program)
    assert isinstance(program.guide, Guide)
    assert program.guide.table is None or isinstance(program.guide.rows, Rows)


def test_what_lacks_an_answer_is_no_program() -> None:
    answers = dict.fromkeys(
        ["dtype", "guide", "learn", "objective", "point", "fit_rows", "evaluate", "noise_shape"], len
    )
    assert isinstance(SimpleNamespace(**answers), Program)
    del answers["point"]
    assert not isinstance(SimpleNamespace(**answers), Program)
