"""The arms: pairs of treatment and family, the run's own as it is and the others fitted to its frozen model."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import product
from typing import TYPE_CHECKING, Any

from guides import families, local_names
from guides.families import family
from guides.local import treatment
from zoo.errors import UserError, unknown

if TYPE_CHECKING:
    from zoo.run import Run


def arms_of(
    run: Run,
    local: str | Sequence[str],
    local_guide: str | Sequence[str],
    words: Mapping[str, Any],
    on_arm: Callable[[str], None] | None,
) -> list[Run]:
    """Return a run for each arm, each pair once; see `zoo.gaps.gaps`.

    Raises:
        UserError: a word is unknown to every arm, or an arm cannot serve the model.
    """
    for word in ("local", "local_guide", "method", "guide", "out", "backend", "dtype"):
        if word in words:
            raise UserError(f"{word}={words[word]!r} cannot be given to an arm: all arms share the run's")
    treatments = _listed(local) or [run.local]
    chosen = _listed(local_guide)
    for name in treatments:
        if isinstance(name, str) and name not in local_names():
            raise unknown("local treatment", name, local_names())
    every = [*families.names(), *families.names(discrete=True)]
    for name in chosen:
        if name not in every:
            raise unknown("local guide", name, every)
    pairs: list[tuple[Any, str | None]] = []
    for how, name in product(treatments, chosen or [None]):
        # Treatments by the true posterior have no family.
        by_row = any(treatment(h).by_row for h in (how.values() if isinstance(how, Mapping) else [how]))
        pair = how, (name or run.request.local_guide) if by_row else None
        if pair not in pairs:
            pairs.append(pair)
    options = dict(words.get("local_options") or {})
    listed = sorted({option for how, guide in pairs for option in _options(how, guide)})
    for name in options:
        if name not in listed:
            raise unknown("local option", name, listed, "these arms")
    # An arm takes the run's own options as far as it knows them, such as an encoder's depth.
    options = {**run.request.local_options, **options}
    known = [{name: v for name, v in options.items() if name in _options(how, guide)} for how, guide in pairs]
    others = {name: value for name, value in words.items() if name != "local_options"}
    found = []
    for (how, guide), some in zip(pairs, known, strict=True):
        # The run's own arm is taken as it is: the words, such as num_steps, are for the refits.
        own_pair = how == run.local and guide in {None, run.request.local_guide}
        if own_pair and some == dict(run.request.local_options):
            found.append(run)
            continue
        if on_arm:
            on_arm(f"{how}, {guide}" if guide else str(how))
        said = {"local": how, **({"local_guide": guide} if guide else {}), **({"local_options": some} if some else {})}
        found.append(run.refit(**said, **others))
    return found


def _listed(words: str | Sequence[str]) -> list[Any]:
    return [words] if isinstance(words, str) else list(words)


def _options(how: Any, guide: str | None) -> set[str]:
    names = how.values() if isinstance(how, Mapping) else [how]
    own = set(family(guide).options) if guide else set()
    return {option for name in names for option in treatment(name).options} | own
