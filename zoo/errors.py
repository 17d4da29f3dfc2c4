"""The one kind of error that a user's mistake raises: one line that says what, where, and the remedy."""

from collections.abc import Iterable
from difflib import get_close_matches


class UserError(ValueError):
    """A mistake in what was asked. The command line prints it as one line and exits with code 2."""


def unknown(kind: str, name: object, known: Iterable[str], where: str = "") -> UserError:
    """Say that a name is unknown, and which known ones are nearest.

    >>> print(unknown("guide", "flw", ["flow", "delta"]))
    guide 'flw' is unknown; did you mean 'flow'? Known: delta, flow
    """
    names = sorted(known)
    folded = {n.casefold(): n for n in names}
    near = [folded[n] for n in get_close_matches(str(name).casefold(), folded, n=2, cutoff=0.5)]
    hint = f"; did you mean {' or '.join(repr(n) for n in near)}?" if near else "."
    place = f" in {where}" if where else ""
    return UserError(f"{kind} {str(name)!r} is unknown{place}{hint} Known: {', '.join(names) or 'none'}")


class FitError(RuntimeError):
    """Learning went wrong: the loss is not finite.

    Args:
        message: one line that names the step and the site.
        step: the first step whose loss or gradient is not finite, from 1.
        site: the site at which it is not.
        run: the `Run` with the last good state.
    """

    def __init__(self, message: str, step: int, site: str, run: object) -> None:
        super().__init__(message)
        self.step, self.site, self.run = step, site, run
