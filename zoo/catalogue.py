"""Find the models by their folders, and hand out one with its options, data, exact answers and functions."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any, TypedDict

import numpy as np

from guides.local import treatment
from guides.start import Start
from guides.supplied import Supplied
from zoo import backends
from zoo.card import DATA_PLATE, Card, DataSet
from zoo.checks import check_data, check_options, read_names, read_table
from zoo.errors import UserError, unknown

Data = dict[str, np.ndarray]


class Written(TypedDict):
    """What a saved run records of a user's own model: its plate over rows, and a hash of each function's source."""

    plate: str
    functions: dict[str, str]


def names() -> list[str]:
    """Return the models' names.

    >>> {"gmm", "vae"} <= set(names())
    True
    """
    path = importlib.import_module("zoo.models").__path__
    return sorted(m.name for m in pkgutil.iter_modules(path) if m.ispkg)


def model(name: str, **options: Any) -> Model:
    """Return one model of the zoo.

    Args:
        name: of the model; see `names()`.
        **options: the model's own, such as K=3.

    Raises:
        UserError: an unknown model or option, or a value that the option does not take.

    >>> model("gmm", K=3).options["K"]
    3
    """
    if name not in names():
        raise unknown("model", name, names())
    card: Card = importlib.import_module(f"zoo.models.{name}").CARD
    return Model(card, check_options(card, options))


@dataclass(frozen=True)
class Model:
    """One model of the zoo with its options.

    Args:
        card: what the model declares.
        given: the options that were asked for.
        derived: options computed from the data, once bound.
        columns: names of the columns of the data that it is bound to, by array, where they have some.
        plate: name of the plate over rows.
    """

    card: Card
    given: dict[str, Any] = field(default_factory=dict)
    derived: dict[str, Any] | None = None
    columns: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    plate: str = DATA_PLATE

    @property
    def name(self) -> str:
        """The model's name."""
        return self.card.name

    @property
    def options(self) -> dict[str, Any]:
        """Every option's value; one that comes from the data is None until the model is bound."""
        start = {o.name: None if o.derive else o.default for o in self.card.options}
        return {**start, **(self.derived or {}), **self.given}

    @property
    def written(self) -> Written | None:
        """What a saved run records of a model that is not in the zoo, to recognise it by; None for the zoo's."""
        return None

    @property
    def backends(self) -> list[str]:
        """The backends that it is written in."""
        return backends.names()

    @property
    def exact(self) -> ModuleType:
        """The module of exact answers, NumPy and SciPy only."""
        return self._module("exact")

    @property
    def pyro(self) -> Callable[..., Any]:
        """The Pyro function, with the options asked for; use it without the zoo."""
        return self.function("pyro")

    @property
    def numpyro(self) -> Callable[..., Any]:
        """The NumPyro function, with the options asked for; use it without the zoo."""
        return self.function("numpyro")

    def function(self, backend: str) -> Callable[..., Any]:
        """Return the model function of one backend.

        Raises:
            UserError: the backend is unknown or not installed.
        """
        backends.get(backend)
        plain = self._module(f"model_{backend}").model
        return partial(plain, **self.given) if self.given else plain

    def data(self, name: str | None = None) -> Data:
        """Load a data set of the card's; the first one that suits the options unless named."""
        found: Data = self._module("data").load(name or self.card.data_set(self.options).name)
        return found

    def reads(self, path: str | Path) -> bool:
        """Whether the model's own `data.py` reads a file of this name, such as images in IDX format."""
        is_idx = getattr(self._module("data"), "is_idx", None)
        return is_idx is not None and bool(is_idx(str(path)))

    def simulate(self, seed: int, size: int) -> Data:
        """Draw a data set from the model at `truth`."""
        return self._module("data").simulate(seed, size, **self._said)

    def truth(self, seed: int) -> Data:
        """Return the params and global latents that `simulate` draws with for this seed."""
        return self._module("data").truth(seed, **self._said)

    @property
    def _said(self) -> dict[str, Any]:
        return {name: value for name, value in self.options.items() if value is not None}

    def log_likelihood(self, data: Data, values: Mapping[str, np.ndarray]) -> np.ndarray | None:
        """Return the exact log density of each row at given params and global latents (n,); None where not known.

        A model of one array takes it as its `exact.log_likelihood`'s first argument, one of several the mapping.

        Args:
            data: arrays by name.
            values: params and global latents.
        """
        first = data if len(self.card.inputs) > 1 else data[next(iter(self.card.inputs))]
        return self.exact.log_likelihood(first, values, **self.options)

    def supplied(self, local: Any, backend: str) -> Supplied | None:
        """Return the model's own q of its continuous local latents under a treatment; None where it brings none."""
        if not (isinstance(local, str) and treatment(local).supplied):
            return None
        try:
            module = self._module(f"{local}_{backend}")
        except ModuleNotFoundError:
            return None
        given = self.options
        draw, size = partial(module.draw, **given), module.noise_size(**given)
        if local == "exact":
            return Supplied(size, lambda values, data, phi, noise: draw(values, data, noise))
        return Supplied(
            size,
            lambda values, data, phi, noise: draw(phi, noise),
            module.phi_size(**given),
            partial(module.phi, **given),
            partial(module.bounds, **given),
        )

    def start(self, data: Data, rng: np.random.Generator) -> dict[str, Start]:
        """Return where learning starts, for every param and global latent."""
        return self._module("start").start(data, rng, **self.options)

    def bind(
        self, data: Data, columns: Mapping[str, Sequence[str]] | None = None, held_out: Data | None = None
    ) -> Model:
        """Return the model with the options that come from the data.

        Args:
            data: arrays by name.
            columns: names of their columns; see `column_names`.
            held_out: rows that belong to the data but are not learnt from. What is counted, such as the labels that
                there are, is counted in them too; what is measured, such as columns' means, is not.

        Raises:
            UserError: the data do not fit the card, or disagree with an option.
        """
        check_data(self.card, data)
        whole = {name: np.concatenate([x, held_out[name]]) for name, x in data.items()} if held_out else data
        derived = {
            o.name: o.derive(whole if isinstance(o.default, int) else data) for o in self.card.options if o.derive
        }
        for option in self.card.options:
            asked = self.given.get(option.name, derived.get(option.name))
            if option.fixed_by_data and asked != derived[option.name]:
                raise UserError(
                    f"{self.name}: option {option.name}={asked} disagrees with the data, which say "
                    f"{derived[option.name]}; leave it out"
                )
        named = {name: tuple(words) for name, words in (columns or {}).items()}
        return replace(self, derived=derived, columns=named)

    def _module(self, name: str) -> ModuleType:
        return importlib.import_module(f"zoo.models.{self.card.name}.{name}")


def load_data(model: Model, data: Any = None) -> Data:
    """Load the data that a user names.

    Args:
        model: whose data they are to be.
        data: None for the card's first data set, a data set's name, a path to a CSV or npz file, a mapping
            of arrays, or one array for the model's first input.

    Raises:
        UserError: there is no such data set or file, or it does not fit the card.
    """
    known = [d.name for d in model.card.datasets]
    if data is None:
        found = model.data()
    elif isinstance(data, str) and data in known:
        found = model.data(data)
    elif isinstance(data, (str, Path)) and model.reads(data):
        found = model.data(str(data))
    elif isinstance(data, (str, Path)):
        if Path(data).suffix not in {".csv", ".npz"}:
            raise unknown("data set", str(data), known, f"model {model.name!r}; or give a .csv or .npz file")
        found = read_table(Path(data), model.card)
    elif isinstance(data, Mapping):
        found = dict(data)
    else:
        found = {next(iter(model.card.inputs)): data}
    return check_data(model.card, found)


def column_names(model: Model, data: Any = None) -> dict[str, tuple[str, ...]]:
    """Return the names of the columns of the data that a user names: a CSV file's header, or what the card says.

    Args:
        model: whose data they are.
        data: as `load_data` takes it; arrays and npz files name no columns.
    """
    if isinstance(data, (str, Path)) and Path(data).suffix == ".csv":
        return read_names(Path(data), model.card)
    found = data_set(model, data) if data is None or isinstance(data, str) else None
    return {next(iter(model.card.inputs)): found.columns} if found and found.columns else {}


def data_set(model: Model, data: Any) -> DataSet | None:
    """Return the card's description of the data that a user names, where they are the card's."""
    return (
        model.card.data_set(model.options)
        if data is None and model.card.datasets
        else next((d for d in model.card.datasets if d.name == data), None)
    )
