"""The skeletons of the docs work as they are printed, in both backends; what the docs name is there."""

import importlib
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from click.testing import CliRunner

import guides
import guides.families
import zoo
import zoo.models
from guides.families import family, generator
from zoo.cli import main

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = sorted(DOCS.glob("*.md"))
FILE = re.compile(r"^`(?P<path>[\w/]+\.py)`\n```python\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[[^]]*\]\(([^)#\s]+)(?:#[^)]*)?\)")
NAMED = re.compile(r"`((?:zoo|guides|tests|benchmarks|docs)/[\w./*-]+)`")
COMMAND = re.compile(r"^(?:\$ )?zoo ([a-z][a-z]+\b[^|\n]*)", re.MULTILINE)
NUMBER = re.compile(r"-?\d+(?:\.\d*)?(?:e-?\d+)?")
# Seconds and Monte Carlo errors; the means of 600 draws of a waiting time have an error of 0.02.
TOLERANCE = 0.12


def copied(page: str, folder: Path) -> list[str]:
    """Write a page's files below a folder, without the two folders of their package; return their names."""
    found = FILE.findall((DOCS / page).read_text(encoding="utf-8"))
    for path, text in found:
        target = folder / Path(*Path(path).parts[2:])
        target.parent.mkdir(exist_ok=True)
        target.write_text(text, encoding="utf-8")
    return [path for path, _ in found]


def planted(package: ModuleType, name: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(package, "__path__", [*package.__path__, str(folder)])
    monkeypatch.delattr(package, name, raising=False)
    importlib.invalidate_caches()


def forget(package: ModuleType, name: str) -> None:
    vars(package).pop(name, None)
    for module in [m for m in sys.modules if f"{m}.".startswith(f"{package.__name__}.{name}.")]:
        del sys.modules[module]


@pytest.fixture
def new_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    files = copied("adding-a-model.md", tmp_path)
    planted(zoo.models, "kicks", tmp_path, monkeypatch)
    yield files
    forget(zoo.models, "kicks")


@pytest.fixture
def new_family(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    files = copied("adding-a-guide.md", tmp_path)
    planted(guides.families, "skewed", tmp_path, monkeypatch)
    yield files
    forget(guides.families, "skewed")


def test_the_new_model_has_the_files_of_every_model(new_model: list[str]) -> None:
    ours = {p.name for p in (ROOT / "zoo/models/height_bayes").glob("*.py")}
    assert {Path(path).name for path in new_model} == ours
    assert "kicks" in zoo.names()


def test_its_exact_answers_are_exact(new_model: list[str]) -> None:
    model = zoo.model("kicks", a0=2.0, b0=3.0)
    data, rates = model.data(), np.linspace(1e-3, 3.0, 4001)
    joint = np.array([sum(model.exact.log_joint({"rate": r}, data, a0=2.0, b0=3.0).values()) for r in rates])
    top = joint.max()
    density = np.exp(joint - top)
    mass = np.trapezoid(density, rates)
    assert model.exact.evidence(data, **model.options) == pytest.approx(top + np.log(mass), rel=1e-8)
    found = model.exact.posterior(data, **model.options)["rate"]
    assert found["mean"] == pytest.approx(np.trapezoid(rates * density, rates) / mass, rel=1e-6)
    assert len(data["x"]) == 200


def test_the_new_model_learns_in_each_backend(new_model: list[str], backend: str, tmp_path: Path) -> None:
    run = zoo.fit("kicks", backend=backend, num_steps=600, out=tmp_path / "run")
    gap = run.gap()
    assert gap is not None
    assert abs(float(gap.value)) < 0.01 + 4 * float(gap.error)
    exact = run.model.exact.posterior(run.data)["rate"]
    assert run.flat["rate"].mean() == pytest.approx(float(exact["mean"]), abs=0.3 * float(exact["sd"]))
    assert zoo.load_run(tmp_path / "run").params.keys() == run.params.keys()
    assert run.sample(3)["x"].shape == (3,)


@pytest.mark.needs("pyro", "numpyro")
def test_the_new_model_is_one_model(new_model: list[str]) -> None:
    check = zoo.crosscheck("kicks")
    assert check.ok, check.text()
    assert any("exact.py" in row.what for row in check.rows)


@pytest.mark.parametrize("size", [1, 3])
def test_the_new_family_is_a_density(new_family: list[str], backend: str, size: int) -> None:
    from zoo import backends

    rng = np.random.default_rng(0)
    sites = family("skewed").initial(size, generator(0, "globals"))
    moved = {s.name: np.asarray(s.value) * np.exp(0.2 * rng.standard_normal(size)) + 0.1 for s in sites}
    noise, step = rng.standard_normal(size), 1e-5
    draw = importlib.import_module(f"guides.families.skewed.guide_{backend}").draw
    array = importlib.import_module("torch" if backend == "pyro" else "jax.numpy").asarray
    with backends.get(backend).precision("float64"):
        held = {name: array(value) for name, value in moved.items()}
        ends = [np.asarray(draw(held, array(noise + s * step))[0]) for s in (1, -1)]
        log_q = float(draw(held, array(noise))[1])
    slope = (ends[0] - ends[1]) / (2 * step)
    expected = (-0.5 * (noise**2 + np.log(2 * np.pi)) - np.log(slope)).sum()
    assert log_q == pytest.approx(expected, rel=1e-7)


def test_the_new_family_learns_in_each_backend(new_family: list[str], backend: str) -> None:
    assert "skewed" in guides.names()
    gaps = {}
    for name in ("mean_field", "skewed"):
        gap = zoo.fit("height_bayes", guide=name, backend=backend, num_steps=1000).gap(4000)
        assert gap is not None
        gaps[name] = gap
    slack = 4 * (float(gaps["skewed"].error) + float(gaps["mean_field"].error))
    assert -slack < float(gaps["skewed"].value) < float(gaps["mean_field"].value) + slack


# --- the examples of the pages -------------------------------------------------------------------------


def numbers(text: str) -> list[float]:
    """Return a text's numbers in order of size, since components have no order."""
    return sorted(float(word) for word in NUMBER.findall(text))


@pytest.mark.long
@pytest.mark.needs("pyro", "numpyro")
@pytest.mark.parametrize("name", ["choosing-a-guide.md", "first-steps.md"])
def test_python_prints_what_the_page_shows(name: str, refresh: ModuleType, tmp_path: Path) -> None:
    shown = [e for e in refresh.examples((DOCS / name).read_text(encoding="utf-8")) if e.kind == "python"]
    assert len(shown) > 1
    session: dict[str, object] = {}
    for example in shown:
        found = refresh.run(example, session, tmp_path)
        assert NUMBER.sub("", found).split() == NUMBER.sub("", example.output).split()
        assert numbers(found) == pytest.approx(numbers(example.output), abs=TOLERANCE)


def test_refresh_runs_python_files_and_commands(refresh: ModuleType, tmp_path: Path) -> None:
    page = (
        "`a.py`\n```python\nprint(6 * 7)\n```\n\n```python\nx = 2\nprint(x)\n```\n\n```text\nold\n```\n"
        "```console\n$ python a.py\nold\n```\n```python\nno output\n```\nend\n"
    )
    made = refresh.refresh(page, tmp_path)
    assert made == page.replace("text\nold", "text\n2").replace("a.py\nold", "a.py\n42")


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_every_command_line_parses(page: Path, new_model: list[str], new_family: list[str]) -> None:
    for line in COMMAND.findall(page.read_text(encoding="utf-8")):
        name, *arguments = line.split("  ")[0].split()
        assert CliRunner().invoke(main, [name, "--help"]).exit_code == 0, line
        main.commands[name].make_context(name, list(arguments))  # raises where the command line would refuse


# --- what the pages name -------------------------------------------------------------------------------


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_links_and_files_are_there(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for target in LINK.findall(text):
        if "://" not in target:
            assert (page.parent / target).exists(), target
    for path in NAMED.findall(FILE.sub("", text)):
        if "kicks" not in path and "skewed" not in path:
            assert list(ROOT.glob(path.rstrip("/"))), path


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_no_page_names_a_machine(page: Path) -> None:
    for line in page.read_text(encoding="utf-8").splitlines():
        assert not re.search(r"/(home|root|work|tmp|Users)/", line), line


def test_every_pitfall_test_is_on_the_page_and_none_is_made_up() -> None:
    text = (DOCS / "pitfalls.md").read_text(encoding="utf-8")
    tests = set()
    for name in ("pyro", "numpyro"):
        assert f"`tests/test_pitfalls_{name}.py`" in text
        source = (ROOT / f"tests/test_pitfalls_{name}.py").read_text(encoding="utf-8")
        tests |= set(re.findall(r"^def (test_\w+)", source, re.MULTILINE))
    named = set(re.findall(r"`(test_\w+)`", text))
    assert named <= tests, named - tests
    library = {"test_two_of_them_work", "test_our_guide_works_in_stock_svi"}  # they show what does work
    assert tests - named <= library, tests - named - library
