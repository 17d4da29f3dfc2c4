"""`zoo gaps`: what it prints and writes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from zoo.cli_options import literal, new_path, pair
from zoo.errors import UserError

PATH = click.Path(path_type=Path)


@click.command()
@click.argument("folder", metavar="RUN", type=PATH)
@click.option("--local", "locals_", multiple=True, metavar="HOW", help="Once a treatment. [default: the run's]")
@click.option(
    "--local-guide", "--guide", "guides", multiple=True, metavar="FAMILY", help="Once a family. [default: the run's]"
)
@click.option("--local-option", "options", multiple=True, metavar="NAME=VALUE", help="Of the arms: depth=2.")
@click.option("--rows", type=click.IntRange(min=1), default=200, show_default=True, help="Rows that are looked at.")
@click.option("--data", metavar="NAME|FILE", help="Held-out rows. [default: the run's own]")
@click.option("--num-draws", type=click.IntRange(min=20), default=5000, show_default=True, help="Draws a row.")
@click.option("--num-steps", type=int, help="Steps of each arm's fit. [default: the card's]")
@click.option("--learning-rate", type=float, help="Of each arm's fit. [default: the card's]")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of the draws.")
@click.option("--json", "path", type=PATH, help="A JSON file of all numbers by row. [default: in the folder]")
@click.option("--out", type=PATH, help="Folder for the numbers and figures. [default: RUN/gaps]")
def gaps(
    folder: Path,
    locals_: tuple[str, ...],
    guides: tuple[str, ...],
    options: tuple[str, ...],
    path: Path | None,
    out: Path | None,
    **words: Any,
) -> None:
    """Measure what inference loses on a run's frozen model: evidence, approximation and amortization gaps, k-hat.

    Each pair of a treatment and a family is an arm, fitted to the frozen model if it is not the run's own. An arm that
    still rises has no amortization gap, and the table says so.
    """
    import zoo

    where = new_path(out or folder / "gaps", replace=out is None)
    if path is not None and (path.suffix != ".json" or path.exists()):
        raise UserError(f"--json {path} must end in .json, and must not exist; name another file")
    file = path or where / "gaps.json"
    given = {name: value for name, value in words.items() if value is not None}
    if options:
        given["local_options"] = {name: literal(text) for name, text in map(pair, options)}
    print_gaps(zoo.load_run(folder), locals_, guides, file, where, given)


def print_gaps(
    run: Any, locals_: Sequence[str], guides: Sequence[str], path: Path, folder: Path, words: dict[str, Any]
) -> None:
    """Measure a run's gaps, print them, and write the numbers and figures.

    Args:
        run: the frozen run.
        locals_, guides: treatments and families.
        path: of the JSON file.
        folder: of the figures.
        words: of `zoo.gaps.gaps`.
    """
    from zoo.cli_output import counter, emit
    from zoo.cli_runs import write_json
    from zoo.gaps import gaps as measure
    from zoo.report.gaps import gap_bars, k_hats
    from zoo.report.style import save

    with counter("arms fitted") as count:
        found = measure(run, locals_, guides, on_arm=lambda name: count(), **words)
    emit(found.text())
    write_json(path, found.as_dict())
    for name, figure in (("gaps.png", gap_bars(found)), ("k_hat.png", k_hats(found))):
        if figure is not None:
            folder.mkdir(parents=True, exist_ok=True)
            save(figure, folder / name)
    emit(f"\n{folder}")
