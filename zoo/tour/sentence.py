"""The tour's chapter on sentences of one topic: the topics in words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from zoo import catalogue, topics
from zoo.backends import installed
from zoo.models.sentence.data import words
from zoo.report.page import Block, Columns, Figures, Prose, Section, Tabled
from zoo.report.tables import Column, Table, number
from zoo.tour import common
from zoo.tour.common import TITLES, Chapter
from zoo.tour.fits import Fit, Task, pick

if TYPE_CHECKING:
    from zoo.run import Run

NAME = "sentence"
LEARNT_FROM = 300  # stories; the others are held out
CURVES = "The ELBO of the topics' guide, the stories' own topics summed out."


def tasks(quick: bool) -> list[Task]:
    """Return the chapter's fits: one in each backend."""
    words = {"num_steps": 300 if quick else 1500, "restarts": 1 if quick else 3, "num_draws": 200}
    return [Task(NAME, NAME, {"backend": b, **words}, {"K": 5}, rows=LEARNT_FROM, ask=learnt) for b in installed()]


def learnt(run: Run) -> dict[str, Any]:
    """Return a run's topics in words with their shares, and how well both foretell the held-out stories."""
    x = catalogue.model(run.model.name).data()["x"]
    found = run.relabelled["topics"].mean((0, 1))
    held_out = x[LEARNT_FROM:]
    return {
        "words": topics.top_words(found, words()),
        "shares": run.represent().mean(0),
        "coherence": topics.coherence(found, held_out),
        "perplexity": topics.completion(run, {"x": held_out}),
    }


def alone() -> float:
    """Return the perplexity of the held-out halves by the words' frequencies alone, whatever the story."""
    x = catalogue.model(NAME).data()["x"]
    _, second = topics.halves(x[LEARNT_FROM:])
    # One of each word more: none that is in a held-out story alone is impossible.
    counts = x[:LEARNT_FROM].sum(0, keepdims=True) + 1
    return topics.perplexity(second, np.ones((len(second), 1)), counts / counts.sum())


def chapter(fits: Sequence[Fit]) -> Chapter:
    """Return the chapter of its fits."""
    model = catalogue.model(NAME, K=5)
    data = model.data()
    bound, good = model.bind(data), sorted(pick(fits), key=common.order)
    blocks: list[Block | Columns] = [
        *common.introduction(bound, data),
        Columns(
            [Figures(common.curves(good, None, "", "ELBO", CURVES))],
            [Prose(_reading(good), "What was learnt")],
            "Learning",
        ),
        *(in_words(f) for f in good),
        *common.failures(fits),
        common.references(bound),
    ]
    section = Section(NAME, model.card.title, model.card.lecture, common.kept(blocks), "What a story is about")
    each = common.by_backend(good, lambda f: number(f.found["perplexity"], digits=3))
    return Chapter(
        section, [{"what": f"perplexity of {len(data['x']) - LEARNT_FROM} stories, by one topic each"} | each]
    )


def _reading(fits: Sequence[Fit]) -> str:
    each = " and ".join(f"{number(f.found['perplexity'], digits=3)} in {TITLES[f.task.backend]}" for f in fits)
    return (
        f"Learnt from {LEARNT_FROM} stories, judged by the others: half of a story's words tell its topic, and the "
        f"topic the other half. Its perplexity, among how many words one would as well guess, is {each or '—'}; "
        f"by the words' frequencies alone it is {number(alone(), digits=3)}. With dozens of words a story's topic is "
        "all but certain, and a story of two topics is told by neither."
    )


def in_words(fit: Fit) -> Tabled:
    """Return a table of a fit's topics: their likeliest words, their share, how well the words go together."""
    found = fit.found
    rows = [
        {"topic": str(k + 1), "words": ", ".join(some), "share": found["shares"][k], "coherence": found["coherence"][k]}
        for k, some in enumerate(found["words"])
    ]
    columns = [
        Column("topic", "topic", "left", head=True),
        Column("words", "likeliest words", "left"),
        Column("share", "share", show=lambda v: number(v, digits=2)),
        Column("coherence", "NPMI", show=lambda v: number(v, digits=2)),
    ]
    lead = (
        "A topic's likeliest words, its share of the stories, and how often its words are in one held-out story: 0 as "
        "if by chance, 1 only ever together, −1 never."
    )
    return Tabled(Table(columns, rows), f"The topics in {TITLES[fit.task.backend]}", lead)
