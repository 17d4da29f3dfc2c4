"""What every test shares: few threads, no screen, and which backends this environment claims to have.

The main environment has both backends. A leg with one backend alone says so in ZOO_TEST_BACKENDS; there the
tests that use the other one are left out. They are counted as deselected, never skipped, since the main
environment runs them; a backend that is claimed and missing, or present and not claimed, stops the run.
"""

import ast
import atexit
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import pytest

os.environ.setdefault("OMP_NUM_THREADS", "1")
# Most tests take few steps, and compiling them well takes longer than they do; `make test-long` compiles as users do.
os.environ.setdefault("JAX_DISABLE_MOST_OPTIMIZATIONS", "1")
if os.environ["JAX_DISABLE_MOST_OPTIMIZATIONS"] == "1" and find_spec("jaxlib") and version("jaxlib") < "0.11":
    # A third less to compile. Later releases have no such flag, and stop at one that they do not know.
    os.environ.setdefault("XLA_FLAGS", "--xla_cpu_use_fusion_emitters=false")
os.environ.setdefault("MPLBACKEND", "agg")
# Most of a test's time is compiling: what one worker has compiled, the others, and commands that tests run, reuse.
if "JAX_COMPILATION_CACHE_DIR" not in os.environ:
    os.environ["JAX_COMPILATION_CACHE_DIR"] = tempfile.mkdtemp(prefix="zoo-tests-")
    os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0"
    atexit.register(shutil.rmtree, os.environ["JAX_COMPILATION_CACHE_DIR"], ignore_errors=True)

LIBRARY = {"pyro": ("pyro", "torch"), "numpyro": ("numpyro", "jax")}
ASKED = os.environ.get("ZOO_TEST_BACKENDS")
HERE = tuple(ASKED.split(",")) if ASKED else tuple(LIBRARY)


def pytest_sessionstart() -> None:
    """Stop unless the backends that are here are those that this run claims."""
    for backend, libraries in LIBRARY.items():
        found = [name for name in libraries if find_spec(name)]
        if backend in HERE and len(found) < len(libraries):
            pytest.exit(f"this run needs {backend}: install ppl-zoo[{backend}]", returncode=3)
        if backend not in HERE and found:
            pytest.exit(f"a run without {backend} proves nothing while {found[0]} is installed", returncode=3)


def backends_of_file(path: Path) -> set[str]:
    """Return the backends without which a file cannot be imported, by its name and its top-level imports."""
    dotted = [path.stem]
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.Import):
            dotted += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            dotted += [f"{node.module}.{alias.name}" for alias in node.names]
    words = {word for name in dotted for part in name.split(".") for word in part.split("_")}
    return {backend for backend, libraries in LIBRARY.items() if words & {backend, *libraries}}


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    """Leave out files whose import needs a backend that this leg is without."""
    if collection_path.suffix == ".py" and backends_of_file(collection_path) - set(HERE):
        return True
    return None


def backends_of_item(item: pytest.Item) -> set[str]:
    """Return the backends that a test uses, by its marks and its parameters."""
    used = {name for mark in item.iter_markers("needs") for name in mark.args}
    callspec = getattr(item, "callspec", None)
    for name, value in callspec.params.items() if callspec else ():
        if name != "missing":
            used |= {word for word in LIBRARY if value == word or (isinstance(value, tuple) and word in value)}
    return used


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect the tests that use a backend this leg is without."""
    away = [item for item in items if backends_of_item(item) - set(HERE)]
    if away:
        config.hook.pytest_deselected(items=away)
        items[:] = [item for item in items if item not in set(away)]


@pytest.fixture(scope="session")
def backends_here() -> tuple[str, ...]:
    """Return the backends of this environment."""
    return HERE


@pytest.fixture(params=HERE)
def backend(request: pytest.FixtureRequest) -> str:
    """Return each backend of this environment in turn."""
    return request.param


@pytest.fixture(autouse=True)
def figures_closed() -> Iterator[None]:
    """Close what a test drew, so that no figure lives on into the next."""
    yield
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")
