"""The README does what it says: its example prints what it shows, its paths, commands and links are there."""

import contextlib
import io
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

import guides
from guides.families import family
from zoo.cli import main

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
EXAMPLE, OUTPUT = re.findall(r"```(?:python|text)\n(.*?)```", TEXT, re.DOTALL)
SECTIONS = {part.splitlines()[0]: part for part in TEXT.split("\n## ")[1:]}
COMMANDS = re.findall(r"^(?:zoo) ([a-z].*?)(?:\s+#.*)?$", TEXT, re.MULTILINE)
NUMBER = re.compile(r"-?\d+(?:\.\d*)?(?:e-?\d+)?")
# Monte Carlo errors of a thousand draws are below 0.01 here; another library version draws other numbers.
TOLERANCE = 0.04


def numbers(text: str) -> list[float]:
    return [float(word) for word in NUMBER.findall(text)]


def words(text: str) -> list[str]:
    return NUMBER.sub("", text).split()


@pytest.mark.needs("pyro", "numpyro")
@pytest.mark.slow
def test_the_example_prints_what_the_readme_shows() -> None:
    assert len(EXAMPLE.strip().splitlines()) <= 10
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(EXAMPLE, "README.md", "exec"), {})  # noqa: S102
    found = printed.getvalue()
    assert words(found) == words(OUTPUT)
    assert numbers(found) == pytest.approx(numbers(OUTPUT), abs=TOLERANCE)


def test_the_comparison_of_outputs_can_fail() -> None:
    assert numbers("gap 0.05 ± 1e-3, [[2. 54.5]]") == [0.05, 1e-3, 2.0, 54.5]
    assert words("gap 0.05 nats") != words("gap 0.05 bits")


def test_every_path_of_the_table_is_there() -> None:
    paths = re.findall(r"`((?:zoo|guides|benchmarks)/[^`]*)`", SECTIONS["Where does X live?"])
    assert len(paths) > 15
    for path in paths:
        assert (ROOT / path).exists(), path
        assert (ROOT / path).is_dir() == path.endswith("/"), path


def test_every_package_is_in_the_table() -> None:
    table = SECTIONS["Where does X live?"]
    for folder in (p.parent for p in ROOT.glob("zoo/*/__init__.py")):
        assert f"`zoo/{folder.name}/" in table, folder.name


@pytest.mark.parametrize("line", COMMANDS)
def test_every_command_line_parses(line: str) -> None:
    name, *arguments = line.split()
    done = CliRunner().invoke(main, [name, "--help"])
    assert done.exit_code == 0, done.output
    command = main.commands[name]
    command.make_context(name, list(arguments))  # raises where the command line would refuse


def test_all_commands_are_shown() -> None:
    assert {line.split()[0] for line in COMMANDS} == set(main.commands)


def test_every_guide_has_its_row() -> None:
    families, treatments = (
        [
            name
            for line in part.splitlines()
            for name in re.findall(r"`(\w+)`", line.split("|")[1] if "|" in line else "")
        ]
        for part in SECTIONS["Which guide?"].split("`local=`", 1)
    )
    assert sorted(families) == guides.names()
    assert sorted(treatments) == guides.local_names()
    assert all(family(name).summary for name in families)


def test_every_extra_is_one_of_the_projects() -> None:
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    extras = re.findall(r'pip install (?:-e )?"\.\[(\w+)\]"', SECTIONS["Installation"])
    assert extras
    for extra in extras:
        assert re.search(rf"^{extra} = \[", project, re.MULTILINE), extra


def test_the_make_targets_exist() -> None:
    targets = re.findall(r"^make (\w+)", TEXT, re.MULTILINE)
    assert targets == ["tour", "test"]
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in targets:
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_links_resolve_and_the_picture_is_small() -> None:
    targets = [t for t in re.findall(r"\]\(([^)#\s]+)", TEXT) if "://" not in t]
    assert targets
    for target in targets:
        assert (ROOT / target).exists(), target
    assert (ROOT / "docs/images/old-faithful.png").stat().st_size < 150_000
