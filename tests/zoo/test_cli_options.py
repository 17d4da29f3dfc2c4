"""Errors are one line with an exit code; options are typed by the card."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from guides.errors import GuideError
from zoo import cli_options as m
from zoo.card import Card, Option
from zoo.errors import FitError, UserError

CARD = Card(
    name="gmm",
    title="",
    lecture="",
    process="",
    formula="",
    sites=(),
    inputs={},
    datasets=(),
    exact={},
    hard="",
    references=(),
    dims=lambda data, options: {},
    options=(
        Option("K", 2, "components"),
        Option("alpha", 1.0, "concentration"),
        Option("covariance", "diagonal", "form", choices=("diagonal", "full")),
        Option("center", None, "column means"),
        Option("flat", False, "no prior"),
    ),
)


@pytest.mark.parametrize(
    ("pair", "value"),
    [
        ("K=3", 3),
        ("alpha=2", 2.0),
        ("alpha=1e-3", 1e-3),
        ("covariance=full", "full"),
        ("center=none", None),
        ("center=3.5,70", [3.5, 70]),
        ("flat=true", True),
        (" K = 3 ", 3),
    ],
)
def test_options_get_the_type_of_their_default(pair: str, value: Any) -> None:
    (found,) = m.model_options(CARD, [pair]).values()
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("pairs", "words"),
    [
        (["K"], "'K' is not NAME=VALUE"),
        (["K="], "'K=' is not NAME=VALUE"),
        (["K=2.5"], "K=2.5 is not an integer; its default is 2"),
        (["K=two"], "K=two is not an integer"),
        (["K=true"], "K=true is not an integer"),
        (["alpha=nan"], "alpha=nan is not a finite number"),
        (["alpha=inf"], "alpha=inf is not a finite number"),
        (["flat=1"], "flat=1 is not true or false"),
        (["K=3", "K=4"], "'K' is given twice"),
        (["covarianc=full"], "did you mean 'covariance'?"),
    ],
)
def test_a_wrong_option_is_refused_with_the_remedy(pairs: list[str], words: str) -> None:
    with pytest.raises(UserError, match="option") as caught:
        m.model_options(CARD, pairs)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_guide_options_are_read_by_their_look() -> None:
    found = m.said({"guide": "low_rank", "guide_options": ("rank=2",), "local": (), "seed": None})
    assert found == {"guide": "low_rank", "guide_options": {"rank": 2}}


@pytest.mark.parametrize("words", [["z=exact", "marginal"], ["z=", "y=exact"], ["z=a", "z=b"]])
def test_mixed_words_of_local_are_refused(words: list[str]) -> None:
    with pytest.raises(UserError, match="SITE=TREATMENT"):
        m.local_words(words)


def raising(error: BaseException) -> click.Group:
    @click.group(cls=m.ZooGroup)
    def group() -> None: ...

    @group.command()
    def go() -> None:
        raise error

    return group


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (UserError("model 'gm' is unknown"), 2, "model 'gm' is unknown"),
        (GuideError("flow cannot\n serve"), 2, "flow cannot serve"),
        (click.UsageError("give a name"), 2, "give a name"),
        (FitError("step 7: the loss is NaN", 7, "x", None), 1, "step 7: the loss is NaN"),
        (PermissionError(13, "Permission denied", "runs"), 1, "runs: Permission denied"),
        (KeyboardInterrupt(), 130, "interrupted"),
    ],
)
def test_an_expected_error_is_one_line_and_an_exit_code(error: BaseException, code: int, line: str) -> None:
    result = CliRunner().invoke(raising(error), ["go"])
    assert result.exit_code == code
    assert result.stderr.strip() == f"zoo: error: {line}"
    assert result.stdout == ""


def test_a_bug_keeps_its_traceback() -> None:
    result = CliRunner().invoke(raising(KeyError("bug")), ["go"])
    assert isinstance(result.exception, KeyError)


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["og"], "did you mean 'go'?"),
        (["go", "--nope"], "No such option"),
        (["go", "extra"], "unexpected extra"),
    ],
)
def test_wrong_usage_is_one_line_too(args: list[str], words: str) -> None:
    result = CliRunner().invoke(raising(KeyError()), args)
    assert result.exit_code == 2
    assert words in result.stderr
    assert result.stderr.count("\n") == 1


def test_runs_are_numbered_past_the_highest(tmp_path: Path) -> None:
    assert m.next_folder("gmm", tmp_path).name == "gmm-001"
    for name in ("gmm-002", "gmm-notes", "gmm-1000", "height-005", "gmm_bayes-2000"):
        (tmp_path / name).mkdir()
    assert m.next_folder("gmm", tmp_path).name == "gmm-1001"


@pytest.mark.parametrize(("name", "exists"), [("x.csv", True), ("x.txt", False)])
def test_output_goes_only_where_it_may(name: str, exists: bool, tmp_path: Path) -> None:
    path = tmp_path / name
    if exists:
        path.touch()
    with pytest.raises(UserError, match="exists; choose another" if exists else "must end in .csv or .npz"):
        m.new_path(path, (".csv", ".npz"))
    assert m.new_path(tmp_path / "new.csv", (".csv",)).name == "new.csv"


def test_fit_options_are_the_words_of_fit(words_of_fit: Callable[[], set[str]]) -> None:
    command = click.command()(m.fit_options(lambda **words: None))
    assert {p.name for p in command.params} == words_of_fit()


@pytest.fixture
def words_of_fit() -> Callable[[], set[str]]:
    """Return the keywords of `zoo.fit` that the command line leaves to options of their own."""
    import inspect

    from zoo.inference import fit

    def words() -> set[str]:
        kinds = {p.name for p in inspect.signature(fit).parameters.values() if p.kind is p.KEYWORD_ONLY}
        return kinds - {"out", "progress"}

    return words


def test_steps_are_a_number_or_auto() -> None:
    assert (m.Steps().convert("auto", None, None), m.Steps().convert("20", None, None)) == ("auto", 20)
    with pytest.raises(click.BadParameter, match="neither a whole number nor auto"):
        m.Steps().convert("2.5", None, None)
