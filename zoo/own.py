"""A user's own model: a Pyro or NumPyro function, or one of each, whose card is derived from a trace."""

from __future__ import annotations

import functools
import hashlib
import importlib
import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from guides.errors import GuideError
from guides.guide import check_call
from guides.local import names as treatments
from guides.local import treatment
from guides.sites import TracedSite, row_axis
from guides.start import Start
from guides.supplied import Supplied
from zoo import backends, catalogue, own_exact
from zoo.backends.minibatch import called_with_rows
from zoo.card import DATA_PLATE, ROW, Card, Data, Site
from zoo.catalogue import Model, Written
from zoo.errors import UserError, unknown
from zoo.models.seeding import MOST_ROWS

Function = Callable[..., object]
Named = str | Model | Function | Mapping[str, Function]  # what a user may call a model by

FEW = 2  # rows of a minibatch that a function is tried with
SAME = 1e-4  # relative: far above rounding in single precision, far below what another value of an array changes


@dataclass(frozen=True)
class Own(Model):
    """A user's own model: what `own` returns.

    Args:
        functions: by backend.
        row_shapes: the shape of one row of each observed array, by name.
    """

    functions: Mapping[str, Function] = field(default_factory=dict)
    row_shapes: Mapping[str, tuple[int, ...]] = field(default_factory=dict)

    @property
    def written(self) -> Written:
        """The plate over rows and a hash of each function's source, by which a saved run tells another model."""
        return {"plate": self.plate, "functions": {name: source_hash(f) for name, f in self.functions.items()}}

    @property
    def backends(self) -> list[str]:
        """The backends that it has a function for."""
        return sorted(self.functions)

    @property
    def exact(self) -> ModuleType:
        """Answers None to every question."""
        return own_exact

    def function(self, backend: str) -> Function:
        """Return the function of one backend as the zoo calls it; see `called_with_rows`.

        Raises:
            UserError: there is none for this backend.
        """
        backends.get(backend)
        if backend not in self.functions:
            raise UserError(
                f"model {self.name!r} has a function for {' and '.join(self.functions)} only; give "
                f"{{'pyro': …, 'numpyro': …}} to fit it in {backend!r}"
            )
        return _called(self.functions[backend], backend, self.plate, self.row_shapes)

    def data(self, name: str | None = None) -> dict[str, np.ndarray]:
        """Refuse: the zoo has no data for it."""
        raise UserError(f"model {self.name!r} is your own; give its data=")

    def reads(self, path: str | Path) -> bool:
        """Return False: it has no file format of its own."""
        return False

    def simulate(self, seed: int, size: int) -> dict[str, np.ndarray]:
        """Refuse: no true parameters are known."""
        raise UserError(f"model {self.name!r} is your own, and no true parameters are known to draw data with")

    def truth(self, seed: int) -> dict[str, np.ndarray]:
        """Refuse, as `simulate`."""
        return self.simulate(seed, 0)

    def supplied(self, local: str | Mapping[str, str] | None, backend: str) -> Supplied | None:
        """Return None: it supplies no q of its own."""
        return None

    def start(self, data: Data, rng: np.random.Generator) -> dict[str, Start]:
        """Return the initial values of the params, and what `guides.locate` finds for the latents, on a subsample."""
        backend = next(iter(self.functions))
        module, function, size = backends.get(backend), self.function(backend), len(next(iter(data.values())))
        index = np.sort(rng.permutation(size)[:MOST_ROWS])
        some = {name: x[index] for name, x in data.items()}
        located = importlib.import_module(f"guides.locate_{backend}").located
        with _failing(self.name, backend):
            with module.precision("float32"):
                sites = module.inspect(function, some, {"size": size})
            with module.precision("float64"):
                arrays = module.arguments(some, {"size": size})
            seed = int(rng.integers(2**31))
            found: dict[str, Start] = located(function, (), arrays, self.plate, seed, any_precision=True)
        return {s.name: Start(np.asarray(s.value)) for s in sites if s.kind == "param"} | found


def own(
    function: Function | Mapping[str, Function],
    data: object,
    *,
    backend: str = "numpyro",
    rows: str | None = None,
) -> Own:
    """Return a user's own model, its card derived from a trace on the data.

    Args:
        function: a model function for `backend`, or {"pyro": f, "numpyro": g}. It takes the arrays of the data as
            keywords, and has a plate over their rows whose size is the number of rows that it is called with:
            `plate("data", len(x))`. Every observed site lies in that plate, rows first, and has the name of the array
            that it observes; the other arrays are covariates.
        data: arrays by name, rows first; or one array, for the function's first argument. Integers and booleans keep
            their type, so that they can index.
        backend: of a single function.
        rows: name of the plate over rows. If not given, "data", or the only plate whose size is the number of rows.

    Raises:
        UserError: a function fails on the data, the functions have different sites, or the card cannot be derived.
    """
    functions = dict(function) if isinstance(function, Mapping) else {backend: function}
    if not functions:
        raise UserError("no function is given; give one, or {'pyro': …, 'numpyro': …}")
    for name in functions:
        if name not in backends.names():
            raise unknown("backend", name, backends.names())
    first = backend if backend in functions else next(iter(functions))
    name = _plain(functions[first]).__name__
    arrays = _arrays(name, functions[first], data)
    sites = _sites(name, functions[first], first, arrays)
    plate = _row_plate(name, sites, len(next(iter(arrays.values()))), rows)
    observed = [s.name for s in sites if s.kind == "observed"]
    shapes = {key: arrays[key].shape[1:] for key in observed if key in arrays}
    for other in functions:
        if other == first or other in backends.installed():
            _check_function(name, functions[other], other, sites, arrays, plate, shapes)
    _check_observed(name, sites, arrays, plate)
    return Own(_card(name, sites, arrays, plate), functions=functions, plate=plate, row_shapes=shapes)


def resolved(model: Named, data: object, backend: str, options: Mapping[str, object]) -> Model:
    """Return the model that a user names: of the zoo, by its name and options, or the user's own.

    Args:
        model: a name, what `zoo.model` or `own` returned, or what `own` takes.
        data: for a model of the user's own.
        backend: of a single function.
        options: of a model of the zoo.

    Raises:
        UserError: as `catalogue.model` and `own`; or options with a model that takes none here.
    """
    if isinstance(model, str):
        return catalogue.model(model, **options)
    if options and isinstance(model, Model):
        raise UserError(f"options {', '.join(options)} are given twice; give them to zoo.model alone")
    if options:
        raise UserError(f"option {next(iter(options))!r}: bind arguments of your own model with functools.partial")
    return model if isinstance(model, Model) else own(model, data, backend=backend)


def source_hash(function: Function) -> str:
    """Return a hash of a function's source; empty if there is none to read."""
    try:
        source = inspect.getsource(_plain(function))
    except (OSError, TypeError):
        return ""
    return hashlib.sha256(source.encode()).hexdigest()[:16]


def _plain(function: Any) -> Any:
    """Return the function inside partials and decorators; the class of an object that is called."""
    function = inspect.unwrap(function)
    while isinstance(function, functools.partial):
        function = inspect.unwrap(function.func)
    return function if hasattr(function, "__name__") else type(function)


def _called(function: Function, backend: str, plate: str, shapes: Mapping[str, tuple[int, ...]]) -> Function:
    module = importlib.import_module(f"zoo.backends.{backend}_minibatch")
    return called_with_rows(function, plate, shapes, module.Scaled, module.zeros)


@contextmanager
def _failing(name: str, backend: str) -> Iterator[None]:
    """Turn whatever a user's function raises into one line.

    Raises:
        UserError: with the model, the backend and the first line of the error.
    """
    try:
        yield
    except Exception as error:
        words = (str(error).strip().splitlines() or [""])[0]  # Pyro appends the shapes of the trace
        if isinstance(error, UserError | GuideError):
            raise UserError(f"{name}: {words}") from None
        raise UserError(f"model {name!r} fails on these data in {backend}: {type(error).__name__}: {words}") from error


def _arrays(name: str, function: Function, data: object) -> dict[str, np.ndarray]:
    if data is None:
        raise UserError(f"model {name!r} is your own; give its data=, arrays by name")
    if isinstance(data, str | Path):
        raise UserError(f"model {name!r} is your own; give its data as arrays by name, not the name {str(data)!r}")
    if not isinstance(data, Mapping):
        arguments = list(inspect.signature(function).parameters)
        if not arguments:
            raise UserError(f"model {name!r} takes no argument, and so no data; give it one for each array")
        data = {arguments[0]: data}
    if not data or "size" in data:
        why = "has the name 'size', which the zoo gives the number of all rows; rename it" if data else "is missing"
        raise UserError(f"model {name!r}: an array of the data {why}")
    found: dict[str, np.ndarray] = {}
    for key, value in data.items():
        try:
            array = np.asarray(value)
        except (TypeError, ValueError):
            raise UserError(f"model {name!r}: data {key!r} are no array; give numbers, rows first") from None
        if array.dtype.kind not in "biuf":
            raise UserError(f"model {name!r}: data {key!r} are not numbers; encode them")
        if not array.ndim or not array.size:
            raise UserError(f"model {name!r}: data {key!r} have no rows; give arrays with rows first")
        # Floats in double precision, as in `check_data`; the program rounds them to its own.
        found[key] = array.astype(np.float64) if array.dtype.kind == "f" else array
        first, count = next((k, len(x)) for k, x in found.items())
        if len(array) != count:
            raise UserError(
                f"model {name!r}: data {key!r} have {len(array)} rows, and {first!r} has {count}; bind what has no "
                "rows with functools.partial"
            )
    return found


def _sites(name: str, function: Function, backend: str, arrays: Mapping[str, np.ndarray]) -> tuple[TracedSite, ...]:
    module = backends.get(backend)
    with _failing(name, backend):
        check_call(function, (), arrays)
        with module.precision("float32"):
            sites: tuple[TracedSite, ...] = module.inspect(function, arrays, {})
    if not any(s.kind == "observed" for s in sites):
        raise UserError(
            f"model {name!r} has no observed site in {backend}; if it is a function of the other library, give backend="
        )
    return sites


def _row_plate(name: str, sites: Sequence[TracedSite], count: int, asked: str | None) -> str:
    plates = {p.name: p.size for s in sites for p in s.plates}
    known = ", ".join(f"{plate!r} of size {size}" for plate, size in plates.items()) or "none"
    if asked is not None and asked not in plates:
        raise UserError(f"model {name!r} has no plate {asked!r}; its plates: {known}")
    fitting = [plate for plate, size in plates.items() if size == count]
    found = asked or (DATA_PLATE if DATA_PLATE in plates else fitting[0] if len(fitting) == 1 else None)
    if found is None:
        raise UserError(f"model {name!r}: which plate is over the {count} rows? Its plates: {known}; give rows=")
    if plates[found] != count:
        raise UserError(
            f"model {name!r}: plate {found!r} has size {plates[found]}, and the data have {count} rows; write "
            f"plate({found!r}, len(x))"
        )
    return found


def _check_observed(name: str, sites: Sequence[TracedSite], arrays: Mapping[str, np.ndarray], plate: str) -> None:
    for site in sites:
        if site.kind != "observed":
            continue
        if site.name not in arrays:
            raise UserError(
                f"model {name!r}: observed site {site.name!r} does not have the name of an array; give both one name"
            )
        if not site.inside(plate) or row_axis(site, plate) != 0 or site.shape != arrays[site.name].shape:
            raise UserError(
                f"model {name!r}: observed site {site.name!r} of shape {site.shape} is not array {site.name!r} of "
                f"shape {arrays[site.name].shape}, row by row in plate {plate!r}; a minibatch would change its meaning"
            )


def _check_function(
    name: str,
    function: Function,
    backend: str,
    sites: Sequence[TracedSite],
    arrays: Mapping[str, np.ndarray],
    plate: str,
    shapes: Mapping[str, tuple[int, ...]],
) -> None:
    """Refuse a function that cannot be called as the zoo calls it, or that is another model than the card says.

    Raises:
        UserError: it fails on a minibatch; it has other sites than `sites`, or one outside the plate whose shape
            depends on the number of rows; or it reads an observed array for more than the value of its site.
    """
    module, called = backends.get(backend), _called(function, backend, plate, shapes)
    count = len(next(iter(arrays.values())))
    few, some = ({key: x[:rows] for key, x in arrays.items()} for rows in (FEW, MOST_ROWS))
    with _failing(name, backend), module.precision("float32"):
        check_call(function, (), arrays)
        found = {s.name: _of_a_row(s, plate) for s in module.inspect(called, few, {"size": count})}
        expected = {s.name: _of_a_row(s, plate) for s in sites}
        for site in expected | found:
            here, there = expected.get(site, "absent"), found.get(site, "absent")
            if here != there:
                raise UserError(
                    f"site {site!r} is {here} on all rows, and {there} on {FEW} of them in {backend}; the functions "
                    f"must have the same sites, and what belongs to a row lies in plate {plate!r}"
                )
        given, drawn = importlib.import_module(f"zoo.backends.{backend}_minibatch").log_densities_given_and_drawn(
            called, module.arguments(some, {}), tuple(shapes)
        )
    for site, value in given.items():
        if np.isfinite([value, drawn[site]]).all() and not np.isclose(value, drawn[site], rtol=SAME, atol=SAME):
            raise UserError(
                f"model {name!r} computes site {site!r} from an observed array, so that none could be drawn; give what "
                "it computes with, such as earlier values of a series, as an array of its own"
            )


def _of_a_row(site: TracedSite, plate: str) -> str:
    """Describe a site in words that do not depend on the number of rows."""
    shape = list(site.shape)
    if site.kind != "param" and site.inside(plate):
        del shape[row_axis(site, plate)]
        return f"{site.kind} of shape {tuple(shape)} per row"
    return f"{site.kind} of shape {tuple(shape)}"


def _card(name: str, sites: Sequence[TracedSite], arrays: Mapping[str, np.ndarray], plate: str) -> Card:
    observed = [s.name for s in sites if s.kind == "observed"]
    sizes: dict[str, int] = {}
    declared = tuple(_site(s, plate, sizes) for s in sites)
    inputs = {}
    for key, x in arrays.items():
        inputs[key] = (ROW, *(f"{key}_{axis}" for axis in range(1, x.ndim)))
        sizes |= {f"{key}_{axis}": x.shape[axis] for axis in range(1, x.ndim)}
    local = [s for s in sites if s.kind == "latent" and s.inside(plate)]
    return Card(
        name=name,
        title="a user's own model",
        lecture="",
        process="",
        formula="",
        sites=declared,
        inputs=inputs,
        datasets=(),
        exact={},
        hard="",
        references=(),
        dims=lambda data, options: {**sizes, ROW: len(next(iter(data.values())))},
        covariates=tuple(key for key in arrays if key not in observed),
        whole=tuple(key for key, x in arrays.items() if x.dtype.kind != "f"),
        local=_treatments(local),
        no_reference="no chains of it are stored",
    )


def _site(site: TracedSite, plate: str, sizes: dict[str, int]) -> Site:
    """Return a site as a card declares it, and add the sizes of its dimensions to `sizes`."""
    batch = len(site.shape) - site.event_dim
    named = {batch + p.dim: p.name for p in site.plates}
    shape = [named.get(axis, f"{site.name}_{axis}") for axis in range(len(site.shape))]
    sizes |= dict(zip(shape, site.shape, strict=True))
    if site.kind != "param" and site.inside(plate):
        shape[row_axis(site, plate)] = ROW
    return Site(site.name, site.kind, tuple(shape), str(site.support), "")


def _treatments(local: Sequence[TracedSite]) -> tuple[str, ...]:
    """Return the treatments that can serve these latents, the default first."""
    if not local:
        return ()
    # Only discrete latents can be summed out; with a continuous one, every row needs variational parameters.
    summed = [] if any(not s.discrete for s in local) else [n for n in treatments() if treatment(n).enumerated]
    by_row = [n for n in treatments() if treatment(n).by_row]
    return (*summed, *sorted(by_row, key=lambda n: (not treatment(n).encodes or treatment(n).table, n)))
