"""The plain model functions in each library, without the zoo's backends: the library's own word for word."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from typing import Any

import numpy as np
import pytest

Arrays = Mapping[str, np.ndarray]


class PyroLibrary:
    """Trace, draw and enumerate a model in Pyro, in float64."""

    name = "pyro"

    def __init__(self) -> None:
        self.pyro = import_module("pyro")
        self.torch = import_module("torch")

    @contextmanager
    def _quiet(self) -> Iterator[None]:
        before = self.torch.get_default_dtype()
        self.torch.set_default_dtype(self.torch.float64)
        try:
            with self.pyro.get_param_store().scope(), self.torch.no_grad():
                yield
        finally:
            self.torch.set_default_dtype(before)

    def _fixed(self, model: Callable, values: Arrays) -> Callable:
        tensors = {k: self.torch.tensor(np.asarray(v)) for k, v in values.items()}
        # A parameter that the store already knows is not initialised again; a latent is conditioned on.
        for name, value in tensors.items():
            if value.is_floating_point():
                self.pyro.get_param_store()[name] = value
        return self.pyro.poutine.condition(model, tensors)

    def sites(self, model: Callable, values: Arrays, x: np.ndarray | None, **options: Any) -> dict[str, Any]:
        """Trace at fixed values: site name to its log density by row or plate member, and its scale."""
        with self._quiet():
            data = None if x is None else self.torch.as_tensor(x)
            trace = self.pyro.poutine.trace(self._fixed(model, values)).get_trace(data, **options)
            return {
                name: (site["fn"].log_prob(site["value"]).numpy(), float(site["scale"]))
                for name, site in trace.nodes.items()
                if site["type"] == "sample" and type(site["fn"]).__name__ != "_Subsample"
            }

    def draw(self, model: Callable, seed: int, **options: Any) -> dict[str, np.ndarray]:
        """Draw every site."""
        with self._quiet():
            self.pyro.set_rng_seed(seed)
            trace = self.pyro.poutine.trace(model).get_trace(**options)
            return {
                name: site["value"].numpy()
                for name, site in trace.nodes.items()
                if site["type"] in ("sample", "param") and type(site["fn"]).__name__ != "_Subsample"
            }

    def marginal(self, model: Callable, values: Arrays, x: np.ndarray, **options: Any) -> float:
        """Return the log joint with discrete sites summed out by the library's enumeration."""
        elbo = self.pyro.infer.TraceEnum_ELBO(max_plate_nesting=1)
        with self._quiet():
            data = self.torch.as_tensor(x)
            return -elbo.loss(self._fixed(model, values), lambda *a, **k: None, data, **options)


class NumPyroLibrary:
    """Trace, draw and enumerate a model in NumPyro, in float64."""

    name = "numpyro"

    def __init__(self) -> None:
        self.numpyro = import_module("numpyro")
        self.jax = import_module("jax")
        self.handlers = import_module("numpyro.handlers")

    def _fixed(self, model: Callable, values: Arrays) -> Callable:
        arrays = {k: self.jax.numpy.asarray(np.asarray(v)) for k, v in values.items()}
        return self.handlers.condition(self.handlers.substitute(model, data=arrays), data=arrays)

    def sites(self, model: Callable, values: Arrays, x: np.ndarray | None, **options: Any) -> dict[str, Any]:
        """Trace at fixed values: site name to its log density by row or plate member, and its scale."""
        with self.jax.enable_x64(True):
            fixed = self.handlers.seed(self._fixed(model, values), 0)
            trace = self.handlers.trace(fixed).get_trace(None if x is None else self.jax.numpy.asarray(x), **options)
            return {
                name: (np.asarray(site["fn"].log_prob(site["value"])), float(site["scale"] or 1.0))
                for name, site in trace.items()
                if site["type"] == "sample"
            }

    def draw(self, model: Callable, seed: int, **options: Any) -> dict[str, np.ndarray]:
        """Draw every site."""
        with self.jax.enable_x64(True):
            trace = self.handlers.trace(self.handlers.seed(model, seed)).get_trace(**options)
            return {
                name: np.asarray(site["value"]) for name, site in trace.items() if site["type"] in ("sample", "param")
            }

    def marginal(self, model: Callable, values: Arrays, x: np.ndarray, **options: Any) -> float:
        """Return the log joint with discrete sites summed out by the library's enumeration."""
        with self.jax.enable_x64(True):
            elbo = import_module("numpyro.infer").TraceEnum_ELBO(max_plate_nesting=1)
            data, key = self.jax.numpy.asarray(x), self.jax.random.key(0)
            fixed = self._fixed(model, values)
            return -float(elbo.loss(key, {}, fixed, lambda *a, **k: None, data, **options))


@pytest.fixture
def library(backend: str) -> PyroLibrary | NumPyroLibrary:
    """Each library of this environment in turn."""
    return {"pyro": PyroLibrary, "numpyro": NumPyroLibrary}[backend]()


@pytest.fixture
def plain(library: PyroLibrary | NumPyroLibrary) -> Callable[[str], Callable]:
    """The plain model function of that name in this library."""
    return lambda name: import_module(f"zoo.models.{name}.model_{library.name}").model
