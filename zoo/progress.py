"""A progress bar on a terminal, and nothing anywhere else."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING

import numpy as np

from zoo.backends.state import Drawn
from zoo.learnt import Progressed

if TYPE_CHECKING:
    from rich.progress import Progress as Bar
    from rich.progress import TaskID


class Progress:
    """Show how far a fit has come.

    Args:
        label: what is fitted.
        shown: whether to show anything; a bar also needs a terminal.
    """

    def __init__(self, label: str, *, shown: bool) -> None:
        self.label, self.shown = label, shown
        self._bar: Bar | None = None
        self._task: TaskID | None = None

    def __enter__(self) -> Progress:
        if self.shown:
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
            from rich.progress import Progress as Bar

            console = Console(stderr=True)
            if console.is_terminal:
                columns = (
                    TextColumn("{task.description}"),
                    BarColumn(bar_width=20),
                    MofNCompleteColumn(),
                    TextColumn("{task.fields[said]}"),
                    TimeRemainingColumn(),
                )
                self._bar = Bar(*columns, console=console, transient=True)
                self._bar.start()
                self._task = self._bar.add_task(self.label, total=None, said="starting …")
        return self

    @property
    def visible(self) -> bool:
        """Whether anybody sees it."""
        return self._bar is not None

    def update(self, progressed: Progressed) -> None:
        """Say how many steps are done of those planned so far, the ELBO with its error, and the rate."""
        p = progressed
        error = f" ± {p.error:.2g}" if p.error else ""
        rate = f"rate {p.rate:.1e}" if p.rate else p.phase
        self._say(p.step, p.steps, f"ELBO {p.elbo:,.2f}{error} nats, {rate}")

    def update_chains(self, drawn: Drawn) -> None:
        """Say how many draws the chains have of those planned, each one's step size and its divergences."""
        d = drawn
        began = ~np.isnan(d.step_sizes)
        stage = "warm-up" if d.draws[began][-1] <= d.warmup else "drawing"
        sizes = " ".join(f"{size:.2g}" if known else "–" for size, known in zip(d.step_sizes, began, strict=True))
        words = f"{stage}, step sizes {sizes}, divergences {' '.join(map(str, d.divergences))}"
        self._say(int(d.draws.sum()), d.planned * len(d.draws), words)

    def _say(self, done: int, planned: int, words: str) -> None:
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, completed=done, total=planned or None, said=words)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()
