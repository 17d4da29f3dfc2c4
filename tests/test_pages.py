"""Pages of a program each, of the models and of the lectures' claims: links, pictures, style, and what is printed."""

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

import zoo

ROOT = Path(__file__).parents[1]
MODELS = ROOT / "docs/models"
NAMES = zoo.names()
PAGES = [*(MODELS / f"{name}.md" for name in NAMES), *sorted((ROOT / "docs/lectures").glob("*.md"))]
BLOCK = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")
NUMBER = re.compile(r"-?\d[\d,]*(?:\.\d*)?")


def test_every_model_has_a_page_and_every_page_a_model() -> None:
    assert {p.stem for p in MODELS.glob("*.md")} == {*NAMES, "README"}
    shown = set(LINK.findall((MODELS / "README.md").read_text(encoding="utf-8")))
    assert {f"{name}.md" for name in NAMES} <= shown


@pytest.mark.parametrize("name", NAMES)
def test_a_models_page_has_the_cards_process_and_the_models_files(name: str) -> None:
    text, card = (MODELS / f"{name}.md").read_text(encoding="utf-8"), zoo.model(name).card
    assert text.startswith(f"# {card.title} (`{name}`)\n")
    assert f"```\n{card.process}\n```" in text
    for file in ("model_pyro.py", "model_numpyro.py", "exact.py"):
        assert f"(../../zoo/models/{name}/{file})" in text, file


@pytest.mark.parametrize("page", [*PAGES, MODELS / "README.md"], ids=lambda p: p.stem)
def test_links_and_pictures_are_there(page: Path, refresh: ModuleType) -> None:
    text = page.read_text(encoding="utf-8")
    pictures = refresh.FIGURE.findall(text)
    assert pictures
    for target in LINK.findall(BLOCK.sub("", text)):
        if "://" not in target:
            assert (page.parent / target).exists(), target
    for target in pictures:
        assert (page.parent / target).stat().st_size < 150_000
    assert not re.search(r"/(home|root|work|tmp|Users)/", text)


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.stem)
def test_a_program_is_in_the_houses_style(page: Path, code: Callable[[Path], str]) -> None:
    words = ["--stdin-filename", str(page.with_suffix(".py"))]
    for command in (["check", "--ignore", "D100"], ["format", "--diff"]):
        done = subprocess.run(
            [Path(sys.executable).parent / "ruff", *command, *words, "-"],
            input=code(page),
            capture_output=True,
            text=True,
            cwd=ROOT,
        )
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.long
@pytest.mark.needs("pyro", "numpyro")
@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.stem)
def test_a_program_prints_what_its_page_shows(page: Path, refresh: ModuleType, tmp_path: Path) -> None:
    text = page.read_text(encoding="utf-8")
    (example,) = [e for e in refresh.examples(text) if e.kind == "python"]
    found = refresh.run(example, {}, tmp_path)
    assert NUMBER.sub("", found).split() == NUMBER.sub("", example.output).split()
    numbers = [[float(word.replace(",", "")) for word in NUMBER.findall(part)] for part in (found, example.output)]
    # What is drawn and learnt differs between machines; a table that is out of date differs by more.
    assert numbers[0] == pytest.approx(numbers[1], rel=0.25, abs=0.05)
    for target in refresh.FIGURE.findall(text):
        assert (tmp_path / Path(target).name).stat().st_size > 5000


def test_refresh_keeps_the_figures_that_a_page_shows(refresh: ModuleType, tmp_path: Path) -> None:
    from PIL import Image

    page, folder = tmp_path / "page.md", tmp_path / "run"
    folder.mkdir()
    page.write_text("![one](one.png) ![two](two.png)")
    for name in ("one", "other"):
        Image.new("RGB", (3, 2), "white").save(folder / f"{name}.png")
    refresh.keep_figures(page, folder)
    assert [p.name for p in tmp_path.glob("*.png")] == ["one.png"]
    with Image.open(tmp_path / "one.png") as kept:
        assert kept.size == (3, 2)
