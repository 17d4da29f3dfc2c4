"""What the commands share: errors as one line, the words of `zoo.fit`, options typed by the card."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import click

from guides.errors import GuideError
from zoo.card import Card, Option
from zoo.errors import FitError, UserError, unknown
from zoo.schedule import AUTO

MISTAKE, FAILURE, INTERRUPTED = 2, 1, 130
KINDS = {int: "an integer", float: "a finite number", bool: "true or false"}
WORDS = {"true": True, "false": False, "none": None}

Command = TypeVar("Command", bound=Callable[..., Any])


class ZooGroup(click.Group):
    """Commands whose errors are one line on stderr and whose exit codes mean something.

    0: done; 1: the computation failed; 2: a mistake in what was asked; 130: interrupted.
    """

    def main(self, *args: Any, standalone_mode: bool = True, **extra: Any) -> Any:
        """Run a command; in standalone mode, turn every expected error into its line and exit code."""
        run: Callable[..., Any] = super().main
        if not standalone_mode:
            return run(*args, standalone_mode=False, **extra)
        try:
            code = run(*args, standalone_mode=False, **extra)
        except click.exceptions.NoArgsIsHelpError as error:
            click.echo(error.format_message())
            sys.exit(0)
        except click.ClickException as error:
            fail(error.format_message(), MISTAKE)
        except (UserError, GuideError) as error:
            fail(str(error), MISTAKE)
        except FitError as error:
            fail(str(error), FAILURE)
        except OSError as error:
            if error.filename is None:
                raise
            fail(f"{error.filename}: {error.strerror}", FAILURE)
        except click.Abort:
            fail("interrupted", INTERRUPTED)
        sys.exit(code if isinstance(code, int) else 0)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find a command, or say which is nearest."""
        if args and not args[0].startswith("-") and args[0] not in self.commands:
            raise unknown("command", args[0], self.commands)
        return super().resolve_command(ctx, args)


def fail(message: str, code: int) -> NoReturn:
    """Print one line on stderr and exit."""
    click.echo(f"zoo: error: {' '.join(message.split())}", err=True)
    sys.exit(code)


class Steps(click.ParamType):
    """A whole number of steps, or "auto"."""

    name = "steps"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int | str:
        """Return the number, or "auto".

        Raises:
            BadParameter: it is neither.
        """
        if value == AUTO:
            return AUTO
        try:
            return int(value)
        except ValueError:
            self.fail(f"{value!r} is neither a whole number nor auto", param, ctx)


def literal(text: str) -> Any:
    """Read a number, true, false or none; all else is text.

    >>> [literal(text) for text in ("3", "0.5", "1e-3", "none", "full")]
    [3, 0.5, 0.001, None, 'full']
    """
    if text.lower() in WORDS:
        return WORDS[text.lower()]
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def typed(option: Option, text: str) -> Any:
    """Convert an option's text to the type of its default; where that is None, to what it looks like.

    >>> typed(Option("K", 2, "components"), "3")
    3
    >>> typed(Option("center", None, "column means"), "3.5, 70")
    [3.5, 70]

    Raises:
        UserError: the text is not of the option's type.
    """
    kind = type(option.default)
    if kind is str:
        return text
    if "," in text:
        return [typed(option, part.strip()) for part in text.split(",")]
    value = literal(text)
    if kind is float and type(value) is int:
        value = float(value)
    fits = option.default is None or type(value) is kind
    if not fits or (isinstance(value, float) and not math.isfinite(value)):
        wanted = KINDS.get(kind, "a finite number")
        raise UserError(f"option {option.name}={text} is not {wanted}; its default is {option.default}")
    return value


def pair(word: str) -> tuple[str, str]:
    """Split NAME=VALUE.

    Raises:
        UserError: the word is not of that form.
    """
    name, _, text = (part.strip() for part in word.partition("="))
    if not name or not text:
        raise UserError(f"option {word!r} is not NAME=VALUE, such as K=3")
    return name, text


def model_options(card: Card, pairs: Iterable[str]) -> dict[str, Any]:
    """Turn `-o K=3` words into the model's keywords.

    Raises:
        UserError: a word is not NAME=VALUE, comes twice, is no option of the model, or is of the wrong type.
    """
    found: dict[str, Any] = {}
    known = {option.name: option for option in card.options}
    for name, text in map(pair, pairs):
        if name not in known:
            raise unknown("option", name, known, where=f"model {card.name!r}")
        if name in found:
            raise UserError(f"option {name!r} is given twice; give it once")
        found[name] = typed(known[name], text)
    return found


def local_words(words: Iterable[str]) -> str | dict[str, str] | None:
    """Turn `--local exact`, or `--local z=exact` once a site, into what `zoo.fit` takes.

    >>> local_words(["z=exact"]), local_words(["marginal"]), local_words([])
    ({'z': 'exact'}, 'marginal', None)
    """
    given = list(words)
    if not given:
        return None
    if len(given) == 1 and "=" not in given[0]:
        return given[0]
    pairs = [word.partition("=") for word in given]
    if any(not site or not value for site, _, value in pairs) or len({p[0] for p in pairs}) < len(pairs):
        raise UserError(f"--local {' '.join(given)}: say it once, or once a site as SITE=TREATMENT")
    return {site: value for site, _, value in pairs}


FIT_OPTIONS = (
    click.option("--data", metavar="NAME|FILE", help="A data set of the card's, or your CSV or npz file."),
    click.option("--guide", metavar="FAMILY", help="Family of the global latents. [default: mean_field]"),
    click.option("--guide-option", "guide_options", multiple=True, metavar="NAME=VALUE", help="Of the family: rank=2."),
    click.option("--local", multiple=True, metavar="[SITE=]HOW", help="Treatment of the local latents."),
    click.option("--local-guide", metavar="FAMILY", help="Family of the local latents."),
    click.option("--local-option", "local_options", multiple=True, metavar="NAME=VALUE", help="Of both: depth=2."),
    click.option("--method", metavar="svi|nuts", help="How to learn. [default: svi]"),
    click.option("--backend", metavar="pyro|numpyro", help="Which library runs it. [default: numpyro]"),
    click.option("--num-steps", metavar="N|auto", type=Steps(), help="Steps of SVI. [default: auto, until it arrives]"),
    click.option("--finish/--no-finish", default=None, help="L-BFGS after SVI. [default: with auto steps]"),
    click.option("--batch-size", type=int, help="Rows per step. [default: the card's; all up to 2,000, 1,000 of more]"),
    click.option("--learning-rate", type=float, help="Of SVI. [default: the card's]"),
    click.option("--optimizer", metavar="NAME", help="Of SVI. [default: adam]"),
    click.option("--num-particles", type=int, help="Draws of the guide a step. [default: 1]"),
    click.option("--restarts", type=int, help="Starts of which the best is kept. [default: the card's]"),
    click.option("--held-out", type=float, metavar="SHARE", help="Of the rows, kept back: 0.1. [default: none]"),
    click.option("--seed", type=int, help="Everything random follows from it. [default: 0]"),
    click.option("--device", metavar="cpu|cuda", help="Where it runs. [default: cpu]"),
    click.option("--dtype", metavar="float32|float64", help="Precision. [default: float32]"),
    click.option("--num-chains", type=int, help="Chains of NUTS. [default: 4]"),
    click.option("--num-warmup", type=int, help="Draws of a chain that tune it. [default: 500]"),
    click.option("--num-draws", type=int, help="Draws of a chain that are kept. [default: 1000]"),
)


def fit_options(command: Command) -> Command:
    """Give a command all the words of `zoo.fit`."""
    for option in reversed(FIT_OPTIONS):
        command = option(command)
    return command


def said(words: Mapping[str, Any]) -> dict[str, Any]:
    """Return the words of `zoo.fit` that were said; `local` in the form that it takes."""
    given = {name: value for name, value in words.items() if value is not None and value != ()}
    if "local" in given:
        given["local"] = local_words(given["local"])
    for kind in {"guide_options", "local_options"} & set(given):
        given[kind] = {name: literal(text) for name, text in map(pair, given[kind])}
    return given


def next_folder(name: str, parent: Path = Path("runs")) -> Path:
    """Return the next free folder runs/<name>-001, -002, …; the highest number that is there counts."""
    taken = [p.name.rpartition("-")[2] for p in parent.glob(f"{name}-*")]
    return parent / f"{name}-{max((int(t) for t in taken if t.isdigit()), default=0) + 1:03d}"


def is_run(target: str) -> bool:
    """Return whether a word names a run's folder rather than a model."""
    return Path(target).is_dir()


def new_path(path: Path, suffixes: tuple[str, ...] = (), replace: bool = False) -> Path:
    """Return a path that output may go to.

    Raises:
        UserError: something is there already and may not be replaced, or the file's ending is another one.
    """
    if suffixes and path.suffix not in suffixes:
        raise UserError(f"--out {path} must end in {' or '.join(suffixes)}")
    if path.exists() and not replace:
        raise UserError(f"--out {path} exists; choose another, or remove it")
    return path
