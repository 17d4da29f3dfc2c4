"""The command line: `zoo list`, `show`, `fit`, `sample`, `diagnose`, `gaps`, `compare`, `crosscheck`, `tour`.

Commands import what they need when they run, so that `zoo --help` and `zoo list` start at once.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from zoo.cli_gaps import gaps
from zoo.cli_options import (
    ZooGroup,
    fit_options,
    is_run,
    model_options,
    new_path,
    next_folder,
    said,
)

PATH = click.Path(path_type=Path)


@click.group(cls=ZooGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="ppl-zoo", prog_name="zoo", message="%(prog)s %(version)s")
def main() -> None:
    """Generative models in Pyro and NumPyro, and guides that fit any of them."""


@main.command("list")
@click.argument("text", default="")
@click.option("--exact", metavar="WORD", help="Only models of which this is known exactly, such as evidence.")
@click.option("--local", metavar="HOW", help="Only models with this local treatment, such as marginal.")
@click.option("--backend", metavar="pyro|numpyro", help="Only models written for this backend.")
def list_models(text: str, exact: str | None, local: str | None, backend: str | None) -> None:
    """List the models, or those that TEXT and the filters leave."""
    from zoo.cli_show import print_list

    print_list(text, exact=exact, local=local, backend=backend)


@main.command()
@click.argument("name")
@click.option("-o", "pairs", multiple=True, metavar="NAME=VALUE", help="An option of the model.")
@click.option("--code", is_flag=True, help="Print the model in both backends, side by side.")
@click.option("--graph", is_flag=True, help="Draw the plate diagram: NAME.svg, and a sketch here.")
@click.option("--backend", metavar="pyro|numpyro", help="Which backend's trace is drawn. [default: one installed]")
@click.option("--out", type=PATH, help="Where the diagram goes. [default: NAME.svg]")
def show(name: str, pairs: tuple[str, ...], code: bool, graph: bool, backend: str | None, out: Path | None) -> None:
    """Show a model's card: story, generative process, sites, options, what is exact, references."""
    import zoo
    from zoo.cli_show import print_card, print_code, print_graph

    model = zoo.model(name, **model_options(zoo.model(name).card, pairs))
    if code:
        print_code(model)
    if graph:
        print_graph(model, backend, new_path(out or Path(f"{model.card.name}.svg"), replace=out is None))
    if not code and not graph:
        print_card(model)


@main.command()
@click.argument("target", metavar="NAME|RUN")
@click.option("-o", "pairs", multiple=True, metavar="NAME=VALUE", help="An option of the model.")
@fit_options
@click.option("--out", type=PATH, help="Folder of the run; must not exist. [default: runs/NAME-001, …]")
def fit(target: str, pairs: tuple[str, ...], out: Path | None, **words: Any) -> None:
    """Fit a model; or, given a RUN's folder, another guide on that run's frozen model."""
    import zoo
    from zoo.cli_runs import print_fit

    given = said(words) | {"progress": sys.stderr.isatty()}
    if is_run(target):
        if pairs:
            raise click.UsageError(f"the model of {target} is frozen, so -o cannot change it; leave -o out")
        run = zoo.load_run(target)
        folder = new_path(out or next_folder(run.model.name))
        found = run.refit(out=folder, **given)
    else:
        model = zoo.model(target, **model_options(zoo.model(target).card, pairs))
        folder = new_path(out or next_folder(model.name))
        found = zoo.fit(model, out=folder, **given)
    print_fit(found, folder, source=target if is_run(target) else "")


@main.command()
@click.argument("folder", metavar="RUN", type=PATH)
@click.option("-n", "size", type=click.IntRange(min=1), default=10, show_default=True, help="Number of rows.")
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--out", type=PATH, help="A .csv or .npz file. [default: CSV on stdout]")
def sample(folder: Path, size: int, seed: int, out: Path | None) -> None:
    """Draw novel data from a run's model."""
    import zoo
    from zoo.cli_runs import write_sample

    path = new_path(out, suffixes=(".csv", ".npz")) if out else None
    write_sample(zoo.load_run(folder), size, seed, path)


@main.command()
@click.argument("folder", metavar="RUN", type=PATH)
@click.option("--out", type=PATH, help="Folder for the plots and numbers. [default: RUN/diagnosis]")
def diagnose(folder: Path, out: Path | None) -> None:
    """Judge a run by ArviZ: summary, R-hat, ESS and MCSE of chains, LOO, predictive checks, k-hat, plots."""
    import zoo
    from zoo.cli_runs import print_diagnosis

    print_diagnosis(zoo.load_run(folder), new_path(out or folder / "diagnosis", replace=out is None))


@main.command()
@click.argument("name")
@click.option("-o", "pairs", multiple=True, metavar="NAME=VALUE", help="An option of the model.")
@click.option("--data", metavar="NAME|FILE", help="A data set of the card's, or your CSV or npz file.")
@click.option("--guide", "guides", multiple=True, metavar="FAMILY", help="Once a guide. [default: every family]")
@click.option("--local", "locals_", multiple=True, metavar="HOW", help="Once a treatment. [default: the card's]")
@click.option("--backend", "backends", multiple=True, metavar="pyro|numpyro", help="[default: both]")
@click.option("--seeds", type=click.IntRange(min=1), default=3, show_default=True, help="Fits a cell.")
@click.option("--num-steps", type=int, help="Steps of SVI. [default: the card's]")
@click.option("--jobs", type=click.IntRange(min=1), help="Cells at once. [default: one a core]")
@click.option("--out", type=PATH, help="Folder; must not exist. [default: runs/compare-NAME-001, …]")
def compare(name: str, pairs: tuple[str, ...], **words: Any) -> None:
    """Fit a grid of guides, treatments, backends and seeds, and set their numbers side by side."""
    from zoo.cli_runs import print_comparison

    print_comparison(name, pairs, **words)


@main.command()
@click.argument("targets", nargs=-1, metavar="NAME… | A.py:model B.py:model")
@click.option("-o", "pairs", multiple=True, metavar="NAME=VALUE", help="An option of the model.")
@click.option("--all", "everything", is_flag=True, help="Every model of the zoo.")
@click.option("--data", metavar="NAME|FILE", help="What is observed: rows in a CSV or npz file. [default: simulated]")
@click.option("--out", type=PATH, help="A JSON file for the findings.")
def crosscheck(
    targets: tuple[str, ...], pairs: tuple[str, ...], everything: bool, data: str | None, out: Path | None
) -> None:
    """Prove that two implementations are one model: sites, supports, edges, log density and gradient."""
    from zoo.cli_runs import print_crosschecks

    if bool(targets) == everything:
        raise click.UsageError("give model names, two files A.py:model B.py:model, or --all")
    path = new_path(out, suffixes=(".json",)) if out else None
    if not print_crosschecks(targets, pairs, data, path):
        raise click.exceptions.Exit(1)


@main.command()
@click.option("--quick", is_flag=True, help="Fewer guides, steps and draws; the numbers are rougher.")
@click.option("--out", type=PATH, default=Path("tour"), show_default=True, help="Folder of the page.")
def tour(quick: bool, out: Path) -> None:
    """Learn the lecture's first models in both backends, and write one HTML page."""
    from zoo.tour import tour as take

    click.echo(take(quick=quick, out=out))


main.add_command(gaps)
