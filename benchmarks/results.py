"""Write a benchmark's result as the program made it: the command, the versions, the device and the day beside it."""

from __future__ import annotations

import datetime
import json
import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "results"
OURS = ("ppl-zoo", "numpy", "scikit-learn", "pyro-ppl", "torch", "numpyro", "jax", "arviz")
PEERS = ("dynamax", "hmmlearn", "lda", "sklearn-crfsuite")


def write(name: str, rows: list[dict[str, Any]], asked: dict[str, Any], device: str = "cpu") -> Path:
    """Write benchmarks/results/NAME.json and return its path.

    Args:
        name: of the file, without its ending.
        rows: what was measured.
        asked: the options of the command.
        device: that every figure was measured on.
    """
    FOLDER.mkdir(exist_ok=True)
    program = Path(sys.argv[0])
    found = {
        "command": " ".join(["python", "-m", f"{program.parent.name}.{program.stem}", *sys.argv[1:]]),
        "options": asked,
        "day": datetime.datetime.now(tz=datetime.UTC).date().isoformat(),
        "device": f"{device}, {platform.machine()}, {_cores()} cores",
        "versions": {"python": platform.python_version(), **{p: v for p in (*OURS, *PEERS) if (v := _version(p))}},
        "rows": rows,
    }
    path = FOLDER / f"{name}.json"
    path.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    return path


def _cores() -> int:
    import os

    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
