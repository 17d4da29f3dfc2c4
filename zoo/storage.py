"""A run on disk: a JSON manifest, safetensors, and netCDF draws. Opening one never runs code."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from guides.start import Start
from zoo.backends.state import Chains, State
from zoo.catalogue import Model
from zoo.catalogue import model as find
from zoo.errors import UserError
from zoo.learnt import Phase
from zoo.own import Function, own
from zoo.request import Request

if TYPE_CHECKING:
    from zoo.run import Run

FORMAT = 1
MANIFEST, PARAMS, OPTIMISER, DATA, HELD_OUT, DRAWS = (
    "run.json",
    "params.safetensors",
    "optimiser.safetensors",
    "data.safetensors",
    "held_out.safetensors",
    "draws.nc",
)


def array_hash(arrays: Mapping[str, np.ndarray]) -> str:
    """Return a short hash of named arrays: their names, types, shapes and bytes.

    >>> array_hash({"a": np.zeros(2)}) == array_hash({"a": np.zeros(2)})
    True
    """
    digest = hashlib.sha256()
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        digest.update(f"{name} {array.dtype.str} {array.shape}\n".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()[:16]


def save(run: Run, folder: Path) -> Path:
    """Write a run beside its final place, then rename it there whole.

    Raises:
        UserError: the folder exists.
    """
    from safetensors.numpy import save_file

    from zoo.inference_data import write

    if folder.exists():
        raise UserError(f"output folder {str(folder)!r} exists; name one that does not")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as beside:
        made = Path(beside) / "run"
        made.mkdir()
        (made / MANIFEST).write_text(json.dumps(manifest(run), indent=2, default=_plain) + "\n", encoding="utf-8")
        save_file(_arrays(run.params), made / PARAMS)
        save_file(_arrays(run.data), made / DATA)
        if run.held_out:
            save_file(_arrays(run.held_out), made / HELD_OUT)
        starts = {f"start.{n}.{part}": getattr(s, part) for n, s in run.starts.items() for part in ("value", "spread")}
        held = {f"frozen.{name}": v for name, v in run.frozen.items()}
        moments = {part: getattr(run.state, part) for part in ("v", "mean", "square")} if run.state else {}
        if run.state and run.state.table is not None:
            moments["table"] = run.state.table
        save_file(_arrays({"losses": run.losses, **moments, **starts, **held}), made / OPTIMISER)
        if run.latents and not run.status.startswith("stopped"):
            write(run, made / DRAWS)
        made.rename(folder)
    return folder


def manifest(run: Run) -> dict[str, Any]:
    """Return what the manifest says: what was asked, of what, by what, and how it ended."""
    return {
        "format": FORMAT,
        "model": run.model.name,
        "written": run.model.written,
        "options": run.model.given,
        "derived_options": run.model.derived,
        "request": run.request.words(),
        "status": run.status,
        "phases": [asdict(phase) for phase in run.phases],
        "steps": run.state.count if run.state else 0,
        "seconds": run.seconds,
        "data": {name: list(v.shape) for name, v in run.data.items()},
        "columns": run.model.columns,
        "data_hash": array_hash(run.data),
        "held_out_hash": array_hash(run.held_out) if run.held_out else None,
        "model_hash": run.model_hash,
        "versions": run.versions,
    }


def load(folder: Path, backend: str | None = None, model: Function | Mapping[str, Function] | None = None) -> Run:
    """Read a run back; see `zoo.load_run`."""
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    from zoo.inference_data import read_chains
    from zoo.run import Run

    if not (folder / MANIFEST).is_file():
        raise UserError(f"{str(folder)!r} is not a run: it has no {MANIFEST}; give a folder that zoo fit wrote")
    try:
        said = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        params, data, rest = (load_file(folder / name) for name in (PARAMS, DATA, OPTIMISER))
        if said["format"] != FORMAT:
            raise UserError(f"run {str(folder)!r} has format {said['format']}, and this version reads {FORMAT}")
        request = Request(**said["request"])
        # Runs of versions that held no rows out say nothing of them.
        held_out = load_file(folder / HELD_OUT) if said.get("held_out_hash") else {}
    except (SafetensorError, OSError, KeyError, TypeError, json.JSONDecodeError) as error:
        raise UserError(f"run {str(folder)!r} is damaged: {str(error).splitlines()[0]}; fit it again") from None
    if array_hash(data) != said["data_hash"] or (held_out and array_hash(held_out) != said["held_out_hash"]):
        raise UserError(
            f"run {str(folder)!r} is damaged: its data do not have the hash it was fitted with; fit it again"
        )
    names = {key.split(".", 1)[1].rsplit(".", 1)[0] for key in rest if key.startswith("start.")}
    starts = {n: Start(rest[f"start.{n}.value"], rest[f"start.{n}.spread"]) for n in names}
    frozen = {key.removeprefix("frozen."): v for key, v in rest.items() if key.startswith("frozen.")}
    chosen = _model(folder, said, data, model)
    run = Run(
        chosen.bind(data, said.get("columns"), held_out),
        data,
        replace(request, backend=backend or request.backend),
        starts,
        frozen,
        held_out,
    )
    run.params, run.losses, run.seconds, run.status = params, rest["losses"], said["seconds"], said["status"]
    run.phases = tuple(Phase(**phase) for phase in said.get("phases", ()))
    run.versions |= said["versions"]
    if "v" in rest:
        run.state = State(rest["v"], rest["mean"], rest["square"], said["steps"], rest.get("table"))
    if run.method == "nuts" and (folder / DRAWS).is_file():
        run.chains = Chains(*read_chains(folder / DRAWS))
    return run


def _model(
    folder: Path, said: Mapping[str, Any], data: dict[str, np.ndarray], given: Function | Mapping[str, Function] | None
) -> Model:
    written, name = said.get("written"), said["model"]
    if written is None:
        if given is not None:
            raise UserError(f"run {str(folder)!r} is a fit of the zoo's {name!r}; leave model= out")
        return find(name, **said["options"])
    if given is None:
        raise UserError(
            f"run {str(folder)!r} is a fit of your own model {name!r}, and opening a file runs no code; give the model "
            "in Python: zoo.load_run(…, model=…)"
        )
    found = own(given, data, backend=said["request"]["backend"], rows=written["plate"])
    for backend, source in found.written["functions"].items():
        before = written["functions"].get(backend, source)
        if source and before and source != before:
            raise UserError(f"run {str(folder)!r} was fitted to another source of {name!r}; fit it again")
    return found


def _arrays(values: Mapping[str, Any]) -> dict[str, np.ndarray]:
    return {name: np.array(v, order="C") for name, v in values.items()}  # 0-d stays 0-d


def _plain(value: Any) -> Any:
    return value.tolist() if isinstance(value, (np.ndarray, np.generic)) else str(value)
