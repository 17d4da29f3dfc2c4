"""The main job: learn the first models in both backends, and set them beside the exact answers on a page."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from zoo import backends
from zoo.backends import installed
from zoo.errors import UserError
from zoo.report.page import Block, Page, Tabled, write
from zoo.report.tables import Column, Table
from zoo.tour import (
    amortization,
    crf,
    dp_mixture,
    gmm,
    gmm_bayes,
    height,
    height_bayes,
    hmm,
    lda,
    ppca,
    sentence,
    vae,
    vqvae,
)
from zoo.tour.common import TITLES, Chapter
from zoo.tour.fits import Fit, at_once, learn

CHAPTERS = {
    "height": height,
    "height_bayes": height_bayes,
    "gmm": gmm,
    "gmm_bayes": gmm_bayes,
    "dp_mixture": dp_mixture,
    "ppca": ppca,
    "vae": vae,
    "amortization": amortization,
    "sentence": sentence,
    "lda": lda,
    "hmm": hmm,
    "crf": crf,
    "vqvae": vqvae,
}
LEAD = (
    "Models of a course on generative models, each written twice, in Pyro and in NumPyro, with the same sites and the "
    "same log density. Here both are learnt on real data. Where the exact answer is known it stands beside what was "
    "learnt; where it is not, the guides stand beside each other.\n\n"
    "Every number was computed when this page was made. Densities and objectives are in nats, errors are one Monte "
    "Carlo standard error."
)
QUICK = (
    "This is the quick tour: fewer guides, starts, steps and draws, so that its numbers are rougher than those of the "
    "whole one, and the local treatments and some other fits in one backend alone."
)


def tour(
    out: Path,
    quick: bool = False,
    jobs: int | None = None,
    progress: Callable[[int, int, str], None] | None = None,
) -> Path:
    """Learn every model of the tour and write its page.

    Args:
        out: folder of the page; made where it is missing. A page that is there is replaced.
        quick: fewer steps and draws, for a first look.
        jobs: fits at once; default: one a core.
        progress: called with (done, all, words) after each fit; default: a bar on a terminal, else nothing.

    Returns:
        The page's path.

    Raises:
        UserError: no backend is installed, or `out` is a file.
    """
    if out.exists() and not out.is_dir():
        raise UserError(f"{out} is a file; name a folder for the page")
    if not installed():
        raise UserError('the tour needs a backend: pip install "ppl-zoo[all]"')
    began = time.monotonic()
    tasks = [task for chapter in CHAPTERS.values() for task in chapter.tasks(quick)]
    fits = learn(tasks, jobs, progress)
    by_chapter = [(name, [fit for fit in fits if fit.task.chapter == name]) for name in CHAPTERS]
    chapters = [chapter for _, chapter in sorted(at_once(_told, by_chapter, jobs))]
    page = Page(
        "A zoo of generative models",
        f"{LEAD}\n\n{QUICK}" if quick else LEAD,
        [c.section for c in chapters],
        _glance([row for c in chapters for row in c.glance]),
        _made_by(fits, quick, time.monotonic() - began),
    )
    return write(page, out / "index.html")


def _told(chapter: tuple[str, list[Fit]]) -> Chapter:
    name, fits = chapter
    return CHAPTERS[name].chapter(fits)


def _glance(rows: list[Mapping[str, Any]]) -> list[Block]:
    columns = [
        Column("what", "", "left", head=True),
        Column("exact", "exact"),
        *(Column(name, TITLES[name]) for name in installed()),
    ]
    return [Tabled(Table(columns, rows), "At a glance")]


def _made_by(fits: list[Fit], quick: bool, seconds: float) -> dict[str, str]:
    versions = {k: v for name in installed() for k, v in backends.versions(name).items()}
    failed = sum(fit.error is not None for fit in fits)
    return {
        "command": "zoo tour" + (" --quick" if quick else ""),
        "versions": ", ".join([f"Python {platform.python_version()}", *(f"{k} {v}" for k, v in versions.items())]),
        "seed": "0",
        "device": f"cpu, {os.cpu_count()} cores",
        "time": f"{seconds:.0f} s for {len(fits)} fits" + (f", of which {failed} failed" if failed else ""),
    }
