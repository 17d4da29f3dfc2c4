"""Run the examples of the README and the docs again, and put what they print in its place.

    python docs/refresh.py README.md docs/first-steps.md

An example is a block of Python followed by a block of text, or a `console` block, whose lines that begin with
"$ " are commands and whose other lines are what they print. A block of Python below a file's name is that
file. The examples of a page share one empty folder and one Python session, and run in their order. A figure that
they leave there, and that the page shows, takes the place of the old one.
"""

import contextlib
import io
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

BLOCK = re.compile(
    r"^`(?P<file>\w+\.py)`\n```python\n(?P<source>.*?)```"
    r"|```python\n(?P<code>(?:(?!```).)*?)```\n\n(?:[a-z]+\n\n)?```text\n(?P<text>.*?)```"
    r"|```console\n(?P<console>.*?)```",
    re.DOTALL | re.MULTILINE,
)
FIGURE = re.compile(r"!\[[^]]*\]\(([^)]+\.png)\)")


@dataclass(frozen=True)
class Example:
    """One example of a page.

    Args:
        kind: "python", "console" or "file".
        code: the Python code, the commands, or the file's text.
        output: what it prints.
        span: where the output is on the page.
        name: of the file.
    """

    kind: str
    code: str
    output: str
    span: tuple[int, int]
    name: str = ""


def examples(text: str) -> Iterator[Example]:
    """Yield a page's examples in their order."""
    for found in BLOCK.finditer(text):
        if found["file"]:
            yield Example("file", found["source"], "", (found.end(), found.end()), found["file"])
        elif found["console"]:
            yield Example("console", found["console"], found["console"], found.span("console"))
        else:
            yield Example("python", found["code"], found["text"], found.span("text"))


def run_python(code: str, session: dict[str, Any]) -> str:
    """Run code in a session that goes on, and return what it prints."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(code, "the page", "exec"), session)  # noqa: S102
    return printed.getvalue()


def run_console(block: str, folder: Path) -> str:
    """Run a block's commands in a folder, and return the block with what they print."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    lines = []
    for command in re.findall(r"^\$ (.*)$", block, re.MULTILINE):
        done = subprocess.run(
            command,
            shell=True,
            cwd=folder,
            env={**os.environ, "PATH": path, "COLUMNS": "100"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        lines += [f"$ {command}", *done.stdout.rstrip().splitlines(), ""]
    return "\n".join(line.rstrip() for line in lines[:-1]) + "\n"


def refresh(text: str, folder: Path) -> str:
    """Return a page with the outputs that its examples have today."""
    session: dict[str, Any] = {}
    parts, done = [], 0
    for example in examples(text):
        parts += [text[done : example.span[0]], run(example, session, folder)]
        done = example.span[1]
    return "".join([*parts, text[done:]])


def run(example: Example, session: dict[str, Any], folder: Path) -> str:
    """Run one example in the page's session and folder, and return its output."""
    if example.kind == "file":
        (folder / example.name).write_text(example.code, encoding="utf-8")
        return ""
    if example.kind == "console":
        return run_console(example.code, folder)
    with contextlib.chdir(folder):
        return run_python(example.code, session)


def keep_figures(page: Path, folder: Path) -> None:
    """Copy the figures that the examples left in the folder to where the page shows them, in 128 colours."""
    for target in FIGURE.findall(page.read_text(encoding="utf-8")):
        drawn = folder / Path(target).name
        if drawn.exists():
            with Image.open(drawn) as image:
                image.convert("RGB").quantize(128).save(page.parent / target, optimize=True)


if __name__ == "__main__":
    for page in map(Path, sys.argv[1:]):
        with tempfile.TemporaryDirectory() as empty:
            made = refresh(page.read_text(encoding="utf-8"), Path(empty))
            keep_figures(page, Path(empty))
        page.write_text(made, encoding="utf-8")
