"""A user with one backend uses that one, and is told which extra the other one needs.

In a leg with one backend the other is truly absent; elsewhere its import is blocked.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

LIBRARY = {"pyro": "torch", "numpyro": "jax"}
HERE = os.environ.get("ZOO_TEST_BACKENDS", "").split(",")
ABSENT = [name for name in LIBRARY if name not in HERE]
# The legs, in which a backend is absent indeed, are part of `make test`.
pytestmark = [] if len(ABSENT) == 1 else pytest.mark.long

BLOCK = """
import sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name in {names!r}:
            raise ModuleNotFoundError("No module named " + repr(name), name=name)
sys.meta_path.insert(0, Absent())
"""


def run_without(missing: str, code: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run code in a new process in which a backend's libraries cannot be imported."""
    block = BLOCK.format(names=(missing, LIBRARY[missing]))
    return subprocess.run([sys.executable, "-c", block + code], capture_output=True, text=True, cwd=folder)


def command(*args: str) -> str:
    return f"sys.argv = {['zoo', *args]!r}\nfrom zoo.cli import main\nmain(prog_name='zoo')"


@pytest.mark.parametrize("missing", ABSENT)
@pytest.mark.parametrize(
    "args",
    [
        ("fit", "height", "--backend", "{}"),
        ("show", "height", "--graph", "--backend", "{}"),
        ("compare", "height_bayes", "--backend", "{}"),
        ("crosscheck", "height"),
    ],
    ids=lambda args: args[0],
)
def test_a_missing_backend_is_an_error_that_names_the_extra(
    missing: str, args: tuple[str, ...], tmp_path: Path
) -> None:
    done = run_without(missing, command(*(word.format(missing) for word in args)), tmp_path)
    assert done.returncode == 2, done.stderr
    assert done.stderr.startswith("zoo: error: ")
    assert done.stderr.count("\n") == 1
    assert f'pip install "ppl-zoo[{missing}]"' in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("missing", ABSENT)
def test_guides_say_the_same(missing: str, tmp_path: Path) -> None:
    code = (
        f"import guides\ntry:\n    guides.build(print, backend={missing!r})\n"
        "except guides.GuideError as e:\n    print(e)"
    )
    done = run_without(missing, code, tmp_path)
    assert f'pip install "ppl-zoo[{missing}]"' in done.stdout, done.stderr


@pytest.mark.parametrize("missing", ABSENT)
def test_all_else_works_without_it(missing: str, tmp_path: Path) -> None:
    there = next(name for name in LIBRARY if name != missing)
    # The legs of one backend run all of test_cli.py.
    for args in (("show", "gmm", "--graph"), ("fit", "height", "--backend", there, "--num-steps", "20")):
        done = run_without(missing, command(*args), tmp_path)
        assert done.returncode == 0, done.stderr
        assert done.stdout
