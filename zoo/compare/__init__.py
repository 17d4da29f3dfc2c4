"""Swap guides, treatments and backends, and see: a grid of fits side by side.

Cells run in parallel, one core each. A cell that fails is a row that says why.
"""

from __future__ import annotations

import csv
import io
import json
import math
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import guides as guides_package
from zoo import backends as zoo_backends
from zoo import catalogue
from zoo.compare.cells import KEYS, cell
from zoo.compare.reference import Reference, find, plain
from zoo.compare.table import lines, over_seeds
from zoo.errors import UserError, unknown
from zoo.own import Named, resolved
from zoo.storage import array_hash

__all__ = ["Comparison", "Reference", "compare"]


@dataclass(frozen=True)
class Comparison:
    """A grid's outcome.

    Args:
        model: the model's name.
        options: its options, derived ones included.
        data_hash: of the data that every cell saw.
        request: what was asked.
        reference: where the reference moments come from; empty where there are none.
        versions: of the libraries, by backend.
        rows: a cell each. `elbo`, `evidence` and `gap` in nats with `elbo_error` and `gap_error`; `k_hat`;
            `worst_mean_error` and `worst_sd_error` in reference posterior sds; None where there is none;
            `error` says why a cell failed.
    """

    model: str
    options: dict[str, Any]
    data_hash: str
    request: dict[str, Any]
    reference: str
    versions: dict[str, dict[str, str]]
    rows: list[dict[str, Any]]

    @property
    def summary(self) -> list[dict[str, Any]]:
        """A row for each guide, treatment and backend: means over seeds, and the worst k̂ and errors."""
        groups: dict[tuple, list[dict[str, Any]]] = {}
        for row in self.rows:
            groups.setdefault(tuple(str(row[key]) for key in KEYS[:-1]), []).append(row)
        return [over_seeds(rows) for rows in groups.values()]

    def text(self, width: int | None = None) -> str:
        """Return a plain table of `summary`, with notes below it.

        Args:
            width: most characters of a row; the least important columns give way. None: every column is there.
        """
        table = lines(self.summary, width)
        if self.reference:
            table += ["", f"off by: the worst scalar, in posterior sds of the reference ({self.reference})"]
        for row in self.summary:
            name = "/".join(str(row[key]) for key in KEYS[:-1] if row[key])
            table += [f"{name}: {note}" for note in row["notes"]]
        return "\n".join(table)

    def save(self, folder: str | Path) -> Path:
        """Write comparison.json and comparison.csv into a folder.

        Raises:
            UserError: the folder holds a comparison already.
        """
        folder = Path(folder)
        content = {key: value for key, value in vars(self).items() if key != "rows"}
        text = json.dumps(_finite({**content, "rows": self.rows, "summary": self.summary}), indent=1)
        table = io.StringIO()
        writer = csv.DictWriter(table, list(self.rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(self.rows)
        if (folder / "comparison.json").exists():
            raise UserError(f"{folder} holds a comparison already; name another folder")
        folder.mkdir(parents=True, exist_ok=True)
        for name, written in (("comparison.csv", table.getvalue()), ("comparison.json", text + "\n")):
            part = folder / f".{name}.part"
            part.write_text(written, encoding="utf-8")
            os.replace(part, folder / name)
        return folder


def compare(
    model: Named,
    *,
    guides: str | Sequence[str] = (),
    backends: str | Sequence[str] = (),
    seeds: int | Sequence[int] = 3,
    local: str | Sequence[str] | None = None,
    data: Any = None,
    jobs: int | None = None,
    reference: str | Reference | None = "auto",
    on_row: Callable[[dict[str, Any]], None] | None = None,
    **options: Any,
) -> Comparison:
    """Fit a model under every combination of guide, local treatment, backend and seed.

    Args:
        model: a name, with the model's options among the others; a `zoo.model(...)`; or your own, as for `zoo.fit`.
        guides: families of the global latents; default: all.
        backends: default: all that are installed and that the model is written in.
        seeds: how many, 0 …; or which.
        local: treatments of the local latents; default: the card's.
        data: a data set's name, arrays by name, or a file; default: the card's first.
        jobs: cells at once; default: one a core.
        reference: "auto" takes the exact moments or the model's stored ones; None compares with none.
        on_row: called with each row as it is done.
        **options: the model's options, and other words of `zoo.fit`, such as num_steps.

    Returns:
        A `Comparison`: `.rows`, `.summary`, `.text()`, `.save(folder)`.

    Raises:
        UserError: a name is unknown or the data do not fit the model; found before anything is fitted.
    """
    known = {o.name for o in catalogue.model(model).card.options} if isinstance(model, str) else set()
    given = {name: value for name, value in options.items() if name in known}
    words = {name: value for name, value in options.items() if name not in known}
    chosen = resolved(model, data, (_listed(backends) or ["numpyro"])[0], given)
    arrays = catalogue.load_data(chosen, data)
    bound = chosen.bind(arrays)
    axes: dict[str, list[Any]] = {
        "guide": _listed(guides) or (guides_package.names() if _has_globals(bound) else [None]),
        "local": _listed(local) or [next(iter(chosen.card.local), None)],
        "backend": _listed(backends) or [name for name in zoo_backends.installed() if name in chosen.backends],
        "seed": list(range(seeds)) if isinstance(seeds, int) else list(seeds),
    }
    for guide in axes["guide"]:
        if guide is not None and guide not in guides_package.names():
            raise unknown("guide", guide, guides_package.names())
    if not axes["seed"]:
        raise UserError("seeds is 0: a comparison needs at least one")
    versions = {name: zoo_backends.versions(name) for name in axes["backend"]}
    found = find(bound, arrays) if reference == "auto" else reference
    if isinstance(found, str):
        raise UserError(f"reference {found!r} is neither 'auto' nor None nor a Reference")
    grid = [dict(zip(axes, values, strict=True)) | words for values in product(*axes.values())]
    rows = []
    for row in _run(grid, (chosen, arrays, found), jobs):
        rows.append(row)
        if on_row:
            on_row(row)
    return Comparison(
        chosen.name,
        plain(bound.options),
        array_hash(arrays),
        plain({**axes, **words}),
        found.source if found else "",
        versions,
        rows,
    )


def _run(grid: list[dict[str, Any]], shared: tuple, jobs: int | None) -> Iterator[dict[str, Any]]:
    """Yield a row a cell, in the grid's order."""
    # Imported here, so that `import zoo.compare` stays quick.
    from joblib import Parallel, cpu_count, delayed, parallel_config

    model, data, reference = shared
    num = min(jobs or cpu_count(), len(grid))
    with parallel_config(backend="loky", inner_max_num_threads=1) if num > 1 else parallel_config():
        tasks = (delayed(cell)(model, data, reference, words, num > 1) for words in grid)
        yield from Parallel(n_jobs=num, return_as="generator")(tasks)


def _has_globals(bound: Any) -> bool:
    return any(s.kind == "latent" and not s.local for s in bound.card.active_sites(bound.options))


def _listed(words: str | Sequence[str] | None) -> list[Any]:
    return [words] if isinstance(words, str) else list(words or ())


def _finite(value: Any) -> Any:
    """Return a value for JSON: it has no infinities, so they become null and `k_hat_note` keeps the sense."""
    if isinstance(value, Mapping):
        return {str(k): _finite(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(v) for v in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
