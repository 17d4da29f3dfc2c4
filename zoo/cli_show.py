"""What `zoo list` and `zoo show` print."""

from __future__ import annotations

import importlib
import inspect
import sys
import textwrap
from collections.abc import Collection
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from zoo import backends, catalogue
from zoo.card import Card, Option, Site
from zoo.cli_output import console, described, emit, hanging, head, prose, table
from zoo.errors import UserError, unknown

if TYPE_CHECKING:
    from rich.console import RenderableType

    from zoo.catalogue import Model

CODE_WIDTH = 75  # a column narrower than this breaks more lines than it shows


def package(name: str) -> ModuleType:
    """Return a model's package: its docstring is the story, and its folder has the code."""
    return importlib.import_module(f"zoo.models.{name}")


def story(name: str) -> str:
    """Return a model's docstring up to its references, which the card has too."""
    return (inspect.getdoc(package(name)) or "").partition("\nReferences:")[0]


def files(name: str) -> dict[str, Path]:
    """Return the model's files by backend."""
    folder = Path(inspect.getfile(package(name))).parent
    return {b: path for b in backends.names() if (path := folder / f"model_{b}.py").exists()}


def print_list(text: str, exact: str | None, local: str | None, backend: str | None) -> None:
    """Print the models that the filters leave, as a table.

    Raises:
        UserError: a filter's word is unknown, or no model is left.
    """
    cards = {name: catalogue.model(name).card for name in catalogue.names()}
    if exact:
        _known("exact answer", exact, {word for card in cards.values() for word in card.exact})
    if local:
        _known("local treatment", local, {word for card in cards.values() for word in card.local})
    if backend:
        _known("backend", backend, backends.names())
    rows = []
    for name, card in cards.items():
        written = list(files(name))
        words = " ".join([name, card.title, card.lecture, card.process, card.hard]).lower()
        kept = (not exact or exact in card.exact) and (not local or local in card.local)
        if kept and (not backend or backend in written) and text.lower() in words:
            row = {"model": name, "title": card.title, "backends": ", ".join(written)}
            rows.append(row | {"local": ", ".join(card.local) or "—", "exact": ", ".join(card.exact)})
    if not rows:
        raise UserError(f"no model fits; 'zoo list' without a filter shows all {len(cards)}")
    emit(table(rows, spare=("backends",)))


def _known(kind: str, word: str, words: Collection[str]) -> None:
    if word not in words:
        raise unknown(kind, word, words)


def print_card(model: Model) -> None:
    """Print a model's card."""
    card = model.card
    parts: list[RenderableType] = [head(f"{card.name}: {card.title}"), prose(card.lecture), ""]
    parts += [
        prose(story(card.name)),
        head("Generative process"),
        textwrap.indent(card.process, "  "),
    ]
    parts += [head("Sites"), table([site_row(s) for s in card.sites])]
    if card.covariates:
        parts += [head("Given, not modelled"), *(given_line(card, name) for name in card.covariates)]
    if card.options:
        parts += [head("Options, -o NAME=VALUE"), table([option_row(o) for o in card.options])]
    parts += [head("Data, --data NAME"), described(data_rows(card))]
    if card.local:
        parts += [
            head("Local treatments, --local HOW"),
            f"  {', '.join(card.local)}; the first is the default",
        ]
    parts += [head("Exact"), *(hanging(f"  {name}: ", words) for name, words in card.exact.items())]
    parts += [head("Hard"), prose(card.hard)]
    parts += [head("References"), *(hanging(f"  {n}. ", words) for n, words in enumerate(card.references, 1))]
    emit(*parts)


def site_row(site: Site) -> dict[str, str]:
    """Return a site as a row."""
    when = "; ".join(f"{name} is {' or '.join(map(_word, values))}" for name, values in site.when.items())
    return {
        "site": site.name,
        "kind": site.kind if site.kind != "latent" else f"{'local' if site.local else 'global'} latent",
        "shape": " × ".join(site.shape) or "scalar",
        "support": site.support,
        "unit": site.unit,
        "meaning": site.meaning + (f" (when {when})" if when else ""),
    }


def given_line(card: Card, name: str) -> str:
    """Return what is to be said of a covariate."""
    seen = "; NaN was not seen" if name in card.missing else ""
    return f"  {name}, {' × '.join(card.inputs[name])}{seen}"


def option_row(option: Option) -> dict[str, str]:
    """Return an option as a row."""
    allowed = [" | ".join(map(str, option.choices))] if option.choices else []
    allowed += [f"at least {option.at_least:g}"] if option.at_least is not None else []
    allowed += [f"above {option.above:g}"] if option.above is not None else []
    default = "from the data" if option.derive else _word(option.default)
    return {
        "option": option.name,
        "default": default,
        "allowed": ", ".join(allowed),
        "meaning": option.meaning,
    }


def data_rows(card: Card) -> list[dict[str, str]]:
    """Return what is to be said of the data sets; the first is the default."""
    return [{"data set": d.name, "what": d.meaning, "source": d.source, "licence": d.licence} for d in card.datasets]


def _word(value: Any) -> str:
    return "none" if value is None else str(value)


def print_code(model: Model) -> None:
    """Print the model's files: side by side where the screen is wide enough, else one after the other."""
    from rich.syntax import Syntax
    from rich.table import Table

    paths = list(files(model.name).values())
    texts = [path.read_text(encoding="utf-8").rstrip() for path in paths]
    if not sys.stdout.isatty():
        emit(*(f"# {path.name}\n{text}\n" for path, text in zip(paths, texts, strict=True)))
        return
    views = [Syntax(text, "python", word_wrap=True, background_color="default") for text in texts]
    if console().width < CODE_WIDTH * len(paths):
        for path, view in zip(paths, views, strict=True):
            emit(head(path.name), view)
        return
    grid = Table.grid(padding=(0, 2), expand=True)
    for _ in paths:
        grid.add_column(ratio=1)
    grid.add_row(*(head(path.name) for path in paths))
    grid.add_row(*views)
    emit(grid)


def installed(wanted: str | None) -> str:
    """Return the backend that is asked for, else the first one that is installed."""
    found = [wanted] if wanted else backends.installed()
    if found:
        return found[0]
    raise UserError('drawing needs a backend to trace with: pip install "ppl-zoo[numpyro]" or "ppl-zoo[pyro]"')


def print_graph(model: Model, backend: str | None, path: Path) -> None:
    """Write the plate diagram of the model's trace as SVG, and print a sketch of it."""
    from zoo.report import plates

    name = installed(backend)
    runner = backends.get(name)
    data = model.data()
    bound = model.bind(data)
    function = getattr(bound, name)
    sites = runner.inspect(function, data, bound.options)
    edges = runner.edges(function, data, bound.options)
    path.write_text(plates.diagram(sites, edges, model.card), encoding="utf-8")
    emit(plates.text(sites, edges), f"\n{path}")
