"""A model of one's own: a Pyro or a NumPyro function, or one of each, with a card that is read off its trace."""

from __future__ import annotations

import hashlib
import importlib
import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
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
from zoo import backends, own_exact
from zoo.card import DATA_PLATE, ROW, Card, Data, Site
from zoo.catalogue import Model
from zoo.errors import UserError, unknown
from zoo.models.seeding import MOST_ROWS

Function = Callable[..., Any]


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
    def written(self) -> dict[str, Any]:
        """Its plate over rows, and a hash of each function's text, so that another one is told from it."""
        return {"plate": self.plate, "functions": {name: text_hash(f) for name, f in self.functions.items()}}

    @property
    def exact(self) -> ModuleType:
        """Nothing is known exactly of it."""
        return own_exact

    def function(self, backend: str) -> Function:
        """Return the function of one backend as the zoo calls it: with some rows, and the number of all.

        Raises:
            UserError: there is none for this backend.
        """
        backends.get(backend)
        if backend not in self.functions:
            raise UserError(
                f"model {self.name!r} is a function of {', '.join(self.functions)} alone; give "
                f"{{'pyro': …, 'numpyro': …}} to fit it in {backend!r}"
            )
        module = importlib.import_module(f"zoo.backends.{backend}_minibatch")
        called: Function = module.called_with_rows(self.functions[backend], self.plate, self.row_shapes)
        return called

    def data(self, name: str | None = None) -> dict[str, np.ndarray]:
        """Refuse: the zoo has no data set for it."""
        raise UserError(f"model {self.name!r} is your own; give its data=")

    def reads(self, path: Any) -> bool:
        """Whether it reads files of its own: it does not."""
        return False

    def simulate(self, seed: int, size: int) -> dict[str, np.ndarray]:
        """Refuse: nothing says at which parameters."""
        raise UserError(f"model {self.name!r} is your own, and has no truth to draw data from")

    def truth(self, seed: int) -> dict[str, np.ndarray]:
        """Refuse, as `simulate`."""
        return self.simulate(seed, 0)

    def supplied(self, local: Any, backend: str) -> Supplied | None:
        """Return None: it brings no q of its own."""
        return None

    def start(self, data: Data, rng: np.random.Generator) -> dict[str, Start]:
        """Return where the posterior of some rows is found to lie; see `guides.locate`."""
        backend = next(iter(self.functions))
        function, size = self.function(backend), len(next(iter(data.values())))
        index = np.sort(rng.permutation(size)[:MOST_ROWS])
        located = importlib.import_module(f"guides.locate_{backend}").located
        module = backends.get(backend)
        some = {name: x[index] for name, x in data.items()}
        with module.precision("float64"):
            arrays = module.arguments(some, {"size": size})
            try:
                params = {s.name: s for s in module.inspect(function, some, {"size": size}) if s.kind == "param"}
            except UserError as error:
                # Pyro writes the trace below whatever is raised inside of a model.
                raise UserError(f"{self.name}: {str(error).splitlines()[0]}") from None
            found: dict[str, Start] = located(function, (), arrays, self.plate, int(rng.integers(2**31)), fine=True)
        return {**{name: Start(np.asarray(site.value)) for name, site in params.items()}, **found}


def own(
    function: Function | Mapping[str, Function],
    data: Any,
    *,
    backend: str = "numpyro",
    rows: str | None = None,
) -> Own:
    """Return a model of one's own, its card read off one trace.

    Args:
        function: a model function of `backend`, or {"pyro": f, "numpyro": g}. It takes the data's arrays as keywords,
            and has a plate over their rows, as long as the arrays that it is called with: `plate("data", len(x))`.
            Observed sites have the names of arrays; the other arrays are covariates.
        data: arrays by name, rows first; or one array, for the function's first argument.
        backend: of a single function.
        rows: name of the plate over rows. Default: "data", or the only plate as long as the arrays.

    Raises:
        UserError: the function fails on the data, or something that is needed cannot be read off it.
    """
    functions = dict(function) if isinstance(function, Mapping) else {backend: function}
    for name in functions:
        if name not in backends.names():
            raise unknown("backend", name, backends.names())
    backend = backend if backend in functions else next(iter(functions))
    name = getattr(functions[backend], "__name__", type(functions[backend]).__name__)
    arrays = _arrays(name, functions[backend], data)
    sites = _sites(name, functions[backend], backend, arrays)
    count = len(next(iter(arrays.values())))
    plate = _row_plate(name, sites, count, rows)
    card = _card(name, sites, arrays, plate)
    shapes = {key: x.shape[1:] for key, x in arrays.items() if key not in card.covariates}
    return Own(card, functions=functions, plate=plate, row_shapes=shapes)


def text_hash(function: Function) -> str:
    """Return a hash of a function's text; empty if the text is not to be had."""
    try:
        text = inspect.getsource(inspect.unwrap(function))
    except (OSError, TypeError):
        return ""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _arrays(name: str, function: Function, data: Any) -> dict[str, np.ndarray]:
    if data is None:
        raise UserError(f"model {name!r} is your own; give its data=, arrays by name")
    if isinstance(data, str):
        raise UserError(f"model {name!r} is your own; give its data as arrays by name, not the name {data!r}")
    if not isinstance(data, Mapping):
        code = getattr(function, "__code__", None)
        if code is None or not code.co_varnames:
            raise UserError(f"model {name!r}: give its data by name, data={{'x': …}}")
        data = {code.co_varnames[0]: data}
    if not data:
        raise UserError(f"model {name!r}: the data are empty; give at least one array")
    try:
        arrays = {key: np.asarray(x) for key, x in data.items()}
        # As of the zoo's models, numbers are in double precision; the program rounds them to its own.
        arrays = {key: x.astype(np.float64) if x.dtype.kind == "f" else x for key, x in arrays.items()}
    except (TypeError, ValueError):
        raise UserError(f"model {name!r}: the data are not all arrays of numbers") from None
    for key, x in arrays.items():
        if x.dtype.kind not in "biuf":
            raise UserError(f"model {name!r}: data {key!r} are not numbers; encode them")
        if not x.ndim or not len(x):
            raise UserError(f"model {name!r}: data {key!r} have no rows; give arrays with rows first")
    first, count = next((key, len(x)) for key, x in arrays.items())
    for key, x in arrays.items():
        if len(x) != count:
            raise UserError(
                f"model {name!r}: data {key!r} have {len(x)} rows, and {first!r} has {count}; what is not by row goes "
                "into the function, by functools.partial"
            )
    return arrays


def _sites(name: str, function: Function, backend: str, arrays: Mapping[str, np.ndarray]) -> tuple[TracedSite, ...]:
    module = backends.get(backend)
    try:
        check_call(function, (), arrays)
        with module.precision("float64"):
            sites: tuple[TracedSite, ...] = module.inspect(function, arrays, {})
    except GuideError as error:
        raise UserError(f"{name}: {error}") from None
    except Exception as error:  # whatever a user's function raises
        words = str(error).strip().splitlines()
        raise UserError(
            f"model {name!r} fails on these data in {backend}: {type(error).__name__}: {words[0] if words else ''}"
        ) from error
    if not any(s.kind == "observed" for s in sites):
        raise UserError(
            f"model {name!r} has no observed site in {backend}; is it a function of the other library? Say backend="
        )
    return sites


def _row_plate(name: str, sites: Sequence[TracedSite], count: int, asked: str | None) -> str:
    plates = {p.name: p.size for s in sites for p in s.plates}
    known = ", ".join(f"{plate!r} of {size}" for plate, size in plates.items()) or "none"
    if asked is not None and asked not in plates:
        raise UserError(f"model {name!r} has no plate {asked!r}; its plates: {known}")
    fitting = [plate for plate, size in plates.items() if size == count]
    found = asked or (DATA_PLATE if DATA_PLATE in plates else fitting[0] if len(fitting) == 1 else None)
    if found is None:
        raise UserError(f"model {name!r} does not say which plate is over the {count} rows ({known}); say rows=")
    if plates[found] != count:
        raise UserError(
            f"model {name!r}: plate {found!r} has size {plates[found]}, and the data have {count} rows; write "
            f"plate({found!r}, len(x))"
        )
    return found


def _card(name: str, sites: Sequence[TracedSite], arrays: Mapping[str, np.ndarray], plate: str) -> Card:
    observed = [s.name for s in sites if s.kind == "observed"]
    lost = next((site for site in observed if site not in arrays), None)
    if lost:
        raise UserError(f"model {name!r}: observed site {lost!r} has not the name of an array; call both by one name")
    sizes: dict[str, int] = {}
    declared = tuple(_site(s, plate, sizes) for s in sites)
    inputs = {}
    for key, x in arrays.items():
        inputs[key] = (ROW, *(f"{key}_{axis}" for axis in range(1, x.ndim)))
        sizes |= {f"{key}_{axis}": x.shape[axis] for axis in range(1, x.ndim)}
    local = [s for s in sites if s.kind == "latent" and s.inside(plate)]
    return Card(
        name=name,
        title="a model of one's own",
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
        local=_treatments(local),
        no_reference="nobody has run chains of it",
    )


def _site(site: TracedSite, plate: str, sizes: dict[str, int]) -> Site:
    """Return what a card says of a site; its dimensions' sizes are added to `sizes`."""
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
    # Discrete latents alone are summed out; a continuous one needs numbers of its own.
    summed = [] if any(not s.discrete for s in local) else [n for n in treatments() if treatment(n).enumerated]
    by_row = [n for n in treatments() if treatment(n).by_row]
    return (*summed, *sorted(by_row, key=lambda n: (not treatment(n).encodes or treatment(n).table, n)))
