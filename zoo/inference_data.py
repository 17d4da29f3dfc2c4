"""A run's draws as ArviZ data, and what ArviZ says of them; the one file that names ArviZ's converters.

ArviZ 0.23 (Python 3.11) keeps groups in an `InferenceData`, 1.x (Python 3.12 and newer) in an xarray
`DataTree`; their `from_dict` have different signatures, defaults and intervals. So groups are built here from
plain arrays with the card's dimension names, every shape is checked against the card, and intervals are
computed here, so that both versions print the same numbers.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import math
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from zoo.card import ROW, Site
from zoo.errors import UserError
from zoo.estimators import TRUSTED_K_HAT

if TYPE_CHECKING:
    from zoo.run import Run

INTERVAL = 0.94  # the equal-tailed interval of `summary`
NUM_PREDICTIVE = 200

_SAMPLE = ("chain", "draw")


@dataclass(frozen=True)
class Loo:
    """Leave-one-out cross-validation by Pareto smoothed importance sampling.

    Args:
        elpd: expected log predictive density, nats, summed over rows; larger is better.
        se: its standard error over rows.
        p_loo: effective number of parameters.
        pareto_k: k̂ of each row, (n,).
        note: in words, whether the estimate is to be trusted.
    """

    elpd: float
    se: float
    p_loo: float
    pareto_k: np.ndarray
    note: str


def arviz() -> ModuleType:
    """Import ArviZ without 0.23's daily notice that a newer major version exists."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "\nArviZ is undergoing a major refactor", FutureWarning)
        return importlib.import_module("arviz")


def inference_data(run: Run, num_predictive: int = NUM_PREDICTIVE, groups: tuple[str, ...] = ()) -> Any:
    """Return a run's draws as ArviZ data.

    Args:
        run: what a fit left.
        num_predictive: draws of the prior and of both predictive distributions.
        groups: only these; empty for all that the run has.

    Returns:
        An `InferenceData` (ArviZ 0.23) or `DataTree` (1.x) with groups posterior (labels aligned),
        posterior_raw (as drawn; only where labels are exchangeable), posterior_predictive, prior,
        prior_predictive, log_likelihood, sample_stats, observed_data and, of covariates, constant_data. Dimensions
        are chain, draw and the card's. A model without global latents has no posterior, and one whose rows' density
        at given global latents is not known has no log_likelihood.

    Raises:
        ValueError: an array disagrees with the card's shape.
    """
    xarray = importlib.import_module("xarray")
    sizes = run.model.card.dims(run.data, run.model.options)
    made = {}
    for name, arrays in _groups(run, num_predictive, sizes, groups):
        used = [dim for dims, _ in arrays.values() for dim in dims]
        lengths = {d: n for dims, values in arrays.values() for d, n in zip(dims, values.shape, strict=True)}
        coords = {dim: np.arange(lengths[dim]) for dim in dict.fromkeys(used)}
        made[name] = xarray.Dataset(arrays, coords=coords, attrs=_attributes(run))
    if _is_old():
        return arviz().InferenceData(**made, warn_on_custom_groups=False)
    return xarray.DataTree.from_dict(made)


def summary(run: Run) -> list[dict[str, Any]]:
    """Summarise each scalar of the posterior, labels aligned.

    Returns:
        Rows with `site`, `index` (a tuple), `name`, `mean`, `sd`, `low` and `high` (the equal-tailed 94 %
        interval), `mcse` of the mean, and for chains `ess_bulk`, `ess_tail` and `r_hat`. These are None for
        draws from a guide, which are independent, and for entries that do not vary.
    """
    chains = run.method == "nuts"
    rows = []
    for site in _latents(run):
        values = np.asarray(run.relabelled[site.name], dtype=np.float64)
        for index in np.ndindex(*values.shape[2:]):
            scalar = values[(slice(None), slice(None), *index)]
            name = site.name + (f"[{', '.join(map(str, index))}]" if index else "")
            rows.append({"site": site.name, "index": index, "name": name} | _describe(scalar, chains))
    return rows


def loo(run: Run) -> Loo | None:
    """Estimate out-of-sample accuracy by leaving out one row at a time; None where rows' densities are not known.

    None as well of a single row, such as one series: without it there is nothing left.

    Raises:
        UserError: the model has no global latents, so that there are no draws to reweight.
    """
    if not _latents(run):
        raise UserError(
            f"leave-one-out needs draws of a posterior, and {run.model.name!r} learns its parameters by "
            "maximum likelihood; take its Bayesian twin"
        )
    data = inference_data(run, groups=("log_likelihood",))
    if "log_likelihood" not in data:
        return None
    (values,) = (v.values for v in data["log_likelihood"].data_vars.values())
    if values.shape[-1] == 1:
        return None
    relative = _relative_efficiency(values) if run.method == "nuts" else 1.0
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Estimated shape parameter of Pareto distribution", UserWarning)
        result = arviz().loo(data, pointwise=True, reff=relative)
    elpd, p_loo = (result.elpd_loo, result.p_loo) if _is_old() else (result.elpd, result.p)
    pareto_k = np.asarray(result.pareto_k, dtype=np.float64)
    bad = int(np.sum(~(pareto_k <= TRUSTED_K_HAT)))
    note = f"not to be trusted: k̂ > {TRUSTED_K_HAT} at {bad} of {len(pareto_k)} rows" if bad else "good"
    return Loo(float(elpd), float(result.se), float(p_loo), pareto_k, note)


def _groups(
    run: Run, num_predictive: int, sizes: Mapping[str, int], wanted: tuple[str, ...]
) -> Iterator[tuple[str, dict[str, tuple[tuple[str, ...], np.ndarray]]]]:
    """Yield each group's name and variables: name to (dimensions, values)."""
    card = run.model.card
    sites = {s.name: s for s in card.active_sites(run.model.options)}
    observed = {s.name: s for s in sites.values() if s.kind == "observed"}
    latents = {s.name: s for s in sites.values() if s.kind == "latent"}

    def want(*names: str) -> bool:
        return not wanted or any(name in wanted for name in names)

    def pack(arrays: Mapping[str, np.ndarray], known: Mapping[str, Site], lead: tuple[str, ...]) -> dict:
        shapes = {name: site.shape for name, site in known.items() if name in arrays}
        return {n: (lead + _distinct(d), _checked(arrays[n], n, d, lead, sizes)) for n, d in shapes.items()}

    found: dict[str, dict] = {}
    if want("posterior"):
        found["posterior"] = pack(run.relabelled, latents, _SAMPLE)
    if want("posterior_raw") and any(card.exchangeable in s.shape for s in latents.values() if s.name in run.draws):
        found["posterior_raw"] = pack(run.draws, latents, _SAMPLE)
    if want("posterior_predictive"):
        drawn = {name: values[None] for name, values in run.posterior_predictive(num_predictive).items()}
        found["posterior_predictive"] = pack(drawn, observed, _SAMPLE)
    if want("prior", "prior_predictive"):
        prior = {name: values[None] for name, values in run.prior(num_predictive).items()}
        found["prior"] = pack(prior, latents, _SAMPLE) if want("prior") else {}
        found["prior_predictive"] = pack(prior, observed, _SAMPLE) if want("prior_predictive") else {}
    if want("log_likelihood"):
        (name,), values = observed, run.log_likelihood_draws()
        if values is not None:
            found["log_likelihood"] = {name: ((*_SAMPLE, ROW), _checked(values, name, (ROW,), _SAMPLE, sizes))}
    if want("sample_stats"):
        found["sample_stats"] = {
            name: (_SAMPLE, _checked(values, name, (), _SAMPLE, sizes)) for name, values in run.sample_stats.items()
        }
    if want("observed_data"):
        found["observed_data"] = pack(run.data, observed, ())
    if want("constant_data"):
        dims = {name: card.inputs[name] for name in card.covariates}
        found["constant_data"] = {n: (dims[n], _checked(run.data[n], n, dims[n], (), sizes)) for n in dims}
    yield from ((name, arrays) for name, arrays in found.items() if arrays)


def _distinct(dims: tuple[str, ...]) -> tuple[str, ...]:
    """Return dimensions of one name under names of their own, as ArviZ wants them: a second "state" is "state2"."""
    return tuple(dim + str(dims[: i + 1].count(dim)) * (dim in dims[:i]) for i, dim in enumerate(dims))


def _checked(
    values: np.ndarray, name: str, dims: tuple[str, ...], lead: tuple[str, ...], sizes: Mapping[str, int]
) -> np.ndarray:
    values = np.asarray(values)
    shape = tuple(sizes[dim] for dim in dims)
    if values.ndim != len(lead) + len(dims) or values.shape[len(lead) :] != shape:
        expected = ", ".join([*lead, *(f"{dim} = {size}" for dim, size in zip(dims, shape, strict=True))])
        raise ValueError(f"site {name!r} has values of shape {values.shape}; the card says ({expected})")
    return values


def _latents(run: Run) -> list[Site]:
    sites = run.model.card.active_sites(run.model.options)
    return [s for s in sites if s.kind == "latent" and s.name in run.relabelled]


def _describe(scalar: np.ndarray, chains: bool) -> dict[str, Any]:
    tail = (1 - INTERVAL) / 2
    low, high = np.quantile(scalar, [tail, 1 - tail])
    sd = float(scalar.std(ddof=1))
    row = {"mean": float(scalar.mean()), "sd": sd, "low": float(low), "high": float(high)}
    varies = sd > 1e-12 * max(1.0, abs(row["mean"]))
    if not chains or not varies:
        mcse = sd / math.sqrt(scalar.size)
        return row | {"mcse": mcse, "ess_bulk": None, "ess_tail": None, "r_hat": None}
    az = arviz()
    return row | {
        "mcse": float(az.mcse(scalar, method="mean")),
        "ess_bulk": float(az.ess(scalar, method="bulk")),
        "ess_tail": float(az.ess(scalar, method="tail", prob=(0.05, 0.95))),
        "r_hat": float(az.rhat(scalar, method="rank")),
    }


def _relative_efficiency(log_likelihood: np.ndarray) -> float:
    """Return the rows' mean effective share of draws, (0, 1], of (chain, draw, n)."""
    az = arviz()
    shares = [az.ess(row, method="mean", relative=True) for row in np.moveaxis(log_likelihood, 2, 0)]
    return float(min(1.0, np.mean(shares)))


def _attributes(run: Run) -> dict[str, str | int]:
    return {
        "model": run.model.name,
        "options": json.dumps({k: v for k, v in run.model.options.items() if np.ndim(v) == 0}, default=str),
        "guide": run.guide,
        "method": run.method,
        "inference_library": run.backend,
        "inference_library_version": run.versions.get(run.backend, ""),
        "seed": run.seed,
    }


def _is_old() -> bool:
    return arviz().__version__.startswith("0.")


def write(run: Run, path: Path) -> None:
    """Write a run's ArviZ data as netCDF, which either version of ArviZ reads."""
    inference_data(run).to_netcdf(str(path), engine="h5netcdf")


def read_chains(path: Path) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Read back the draws as they came, and their statistics, each (chain, draw, …)."""
    xarray = importlib.import_module("xarray")

    def group(*names: str) -> dict[str, np.ndarray]:
        for name in names:
            with (
                contextlib.suppress(OSError, KeyError),
                xarray.open_dataset(path, group=name, engine="h5netcdf") as data,
            ):
                return {str(n): v.values for n, v in data.data_vars.items()}
        return {}

    return group("posterior_raw", "posterior"), group("sample_stats")
