"""A progress bar on a terminal, and nothing anywhere else."""

from __future__ import annotations

from types import TracebackType
from typing import Any

from zoo.learnt import Progressed


class Progress:
    """Show how far a fit has come.

    Args:
        label: what is fitted.
        shown: whether to show anything; a bar also needs a terminal.
    """

    def __init__(self, label: str, *, shown: bool) -> None:
        self.label, self.shown = label, shown
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
                    TextColumn("{task.fields[said]}"),
                    TimeRemainingColumn(),
                )
                self._bar = Bar(*columns, console=console, transient=True)
                self._bar.start()
                self._task = self._bar.add_task(self.label, total=None, said="starting …")
        return self

    def update(self, progressed: Progressed) -> None:
        """Say how many steps are done of those planned, the ELBO with its error, and the rate."""
        if self._bar is not None:
            p = progressed
            error = f" ± {p.error:.2g}" if p.error else ""
            words = f"ELBO {p.elbo:,.2f}{error} nats, " + (f"rate {p.rate:.1e}" if p.rate else p.phase)
            self._bar.update(self._task, completed=p.step, total=p.steps or None, said=words)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()
