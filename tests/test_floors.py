"""Imports go down only, and a file knows at most the backend that its name says."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
# From the ground up; a name stands for all that lies in it, and names on one floor may import each other.
FLOORS = (
    ("guides",),
    ("zoo.errors", "zoo.card", "zoo.estimators", "zoo.labels"),
    ("zoo.distributions", "zoo.models", "zoo.datasets", "zoo.backends"),
    ("zoo.checks",),
    ("zoo.catalogue", "zoo.checks"),
    ("zoo.own", "zoo.own_exact"),
    ("zoo.posterior", "zoo.schedule", "zoo.finish", "zoo.learnt"),
    ("zoo.request", "zoo.verdict", "zoo.progress", "zoo.settle"),
    ("zoo.finishing",),
    ("zoo.learning",),
    # A Run answers refit, inference_data and save by asking these, when asked.
    (
        "zoo.run",
        "zoo.fitted",
        "zoo.bounds",
        "zoo.rows",
        "zoo.svi",
        "zoo.held_out",
        "zoo.inference",
        "zoo.inference_data",
        "zoo.storage",
    ),
    ("zoo.gaps", "zoo.compare", "zoo.crosscheck", "zoo.diagnose", "zoo.pictures"),
    ("zoo.codes", "zoo.forecast", "zoo.tagging", "zoo.topics"),
    ("zoo.__init__",),
    ("zoo.report",),
    ("zoo.tour",),
    ("zoo.cli", "zoo.cli_gaps", "zoo.cli_options", "zoo.cli_output", "zoo.cli_runs", "zoo.cli_show"),
    ("benchmarks",),
)
# A run begins further work when it is asked to, by an import inside the method.
BEGINS = {("zoo.run", "zoo.inference"), ("zoo.run", "zoo.inference_data")}
LIBRARY = {"torch": "pyro", "pyro": "pyro", "jax": "numpyro", "numpyro": "numpyro", "funsor": "numpyro"}
FILES = sorted(p for top in ("zoo", "guides", "benchmarks") for p in (ROOT / top).rglob("*.py"))


def named(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts)


def floor(module: str) -> int:
    """Return the height of a module; one that has no place in FLOORS is a KeyError."""
    heights = {name: height for height, names in enumerate(FLOORS) for name in names}
    parts = (module if module != "zoo" else "zoo.__init__").split(".")
    return heights[next((n for n in (".".join(parts[:2]), parts[0]) if n in heights), module)]


def imports(path: Path, source: str) -> Iterator[str]:
    """Yield what a file imports anywhere in its code, submodules by their full names."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = named(path).split(".")[: -node.level] if node.level else []
            stem = ".".join([*above, *([node.module] if node.module else [])])
            for alias in node.names:
                inside = ROOT.joinpath(*stem.split("."), alias.name)
                yield (f"{stem}.{alias.name}" if inside.is_dir() or inside.with_suffix(".py").exists() else stem)


def faults(path: Path, source: str) -> list[str]:
    """Return the imports of a file that the house forbids."""
    here, words = named(path), set(path.stem.split("_"))
    found = []
    for module in imports(path, source):
        top = module.partition(".")[0]
        if top in ("zoo", "guides", "benchmarks", "tests") and (top == "tests" or floor(module) > floor(here)):
            found.append(f"{here} imports {module}, which lies above it")
        if LIBRARY.get(top, top) not in words and top in LIBRARY:
            found.append(f"{here} imports {module}; only files named after {LIBRARY[top]} may")
    return found


@pytest.mark.parametrize("path", FILES, ids=named)
def test_a_file_imports_only_what_lies_below_it(path: Path) -> None:
    assert faults(path, path.read_text()) == []


@pytest.mark.parametrize(
    ("file", "source"),
    [
        ("guides/start.py", "from zoo.card import Card"),
        ("guides/start.py", "import zoo"),
        ("zoo/card.py", "def f():\n    from . import cli"),
        ("zoo/catalogue.py", "from zoo import inference"),
        ("zoo/backends/pyro_backend.py", "import jax.numpy as jnp"),
        ("zoo/models/gmm/exact.py", "import torch"),
        ("benchmarks/scaling.py", "from tests import test_floors"),
    ],
)
def test_a_planted_import_is_caught(file: str, source: str) -> None:
    assert len(faults(ROOT / file, source)) == 1


@pytest.mark.parametrize("module", ["zoo", "zoo.cli", "zoo.catalogue", "guides"])
def test_the_front_desks_import_no_heavy_library(module: str) -> None:
    heavy = ["torch", "pyro", "jax", "numpyro", "arviz", "matplotlib", "sklearn", "scipy", "pandas"]
    code = f"import sys, {module}; print(*(set({heavy}) & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.split() == []
