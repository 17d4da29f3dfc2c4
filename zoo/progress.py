"""A progress bar on a terminal, and nothing anywhere else."""

from __future__ import annotations

from types import TracebackType
from typing import Any

import numpy as np


class Progress:
    """Show how far a fit has come.

    Args:
        total: number of steps; 0 where nothing tells how far it is.
        label: what is fitted.
        shown: whether to show anything; a bar also needs a terminal.
    """

    def __init__(self, total: int, label: str, *, shown: bool) -> None:
        self.total, self.label, self.shown = total, label, shown
        self._bar: Any = None
        self._task: Any = None

    def __enter__(self) -> Progress:
        if self.shown:
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
            from rich.progress import Progress as Bar

            console = Console(stderr=True)
            if console.is_terminal:
                columns = (
                    TextColumn("{task.description}"),
                    BarColumn(),
                    MofNCompleteColumn(),
                    TextColumn("{task.fields[loss]}"),
                    TimeRemainingColumn(),
                )
                self._bar = Bar(*columns, console=console, transient=True)
                self._bar.start()
                self._task = self._bar.add_task(
                    self.label, total=self.total or None, loss="compiling …" if self.total else "sampling …"
                )
        return self

    def update(self, done: int, loss: float) -> None:
        """Say how many steps are done, and the last one's loss in nats."""
        if self._bar is not None:
            words = f"loss {loss:.3f}" if np.isfinite(loss) else ""
            self._bar.update(self._task, completed=done, loss=words)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()
