"""The tour's chapter on documents of many topics: three ways to infer a document's shares."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from zoo import catalogue, topics
from zoo.backends import installed
from zoo.models.lda.data import words
from zoo.report.page import Block, Columns, Figures, Prose, Section, Tabled
from zoo.report.tables import Column, Table, number
from zoo.tour import common
from zoo.tour.common import TITLES, Chapter
from zoo.tour.fits import Fit, Task, pick
from zoo.tour.sentence import LEARNT_FROM, alone, in_words

if TYPE_CHECKING:
    from zoo.run import Run

NAME = "lda"
TOPICS = 10
DRAWS = 50
WAYS: dict[str, dict[str, Any]] = {
    "coordinate": {"num_steps": 600, "learning_rate": 0.1},
    "amortized": {"num_steps": 3000, "learning_rate": 0.01},
    "per_datapoint": {"num_steps": 2000, "learning_rate": 0.1},
}
CURVES = "The bound of `coordinate`, which does not sum the words' topics out, on batches of 64 stories."
WAYS_LEAD = (
    "The same model by three treatments of a story's shares θ. The ELBO is a story's, in nats, of the stories learnt "
    "from; perplexity and coherence are of the held-out stories, whose shares are told by half of their words."
)


def tasks(quick: bool) -> list[Task]:
    """Return the chapter's fits: every way in every backend, or the classic one alone."""
    ways = {"coordinate": {**WAYS["coordinate"], "num_steps": 300}} if quick else WAYS
    return [
        Task(
            NAME,
            NAME,
            {"backend": b, "local": way, "num_draws": DRAWS, **how},
            {"K": TOPICS},
            rows=LEARNT_FROM,
            ask=learnt,
        )
        for way, how in ways.items()
        for b in installed()
    ]


def learnt(run: Run) -> dict[str, Any]:
    """Return a run's topics in words, and what it is worth on the stories that it knows and on the others."""
    x = catalogue.model(run.model.name).data()["x"]
    found, held_out = run.relabelled["topics"].mean((0, 1)), x[LEARNT_FROM:]
    bound = run.elbo(num_draws=DRAWS)
    assert bound is not None
    return {
        "words": topics.top_words(found, words()),
        "shares": run.posterior().draw(DRAWS).mean((0, 1)),
        "coherence": topics.coherence(found, held_out),
        "perplexity": topics.completion(run, {"x": held_out}),
        "elbo": (bound.value / LEARNT_FROM, bound.error / LEARNT_FROM),
        "seconds": run.seconds.get("learn"),
    }


def chapter(fits: Sequence[Fit]) -> Chapter:
    """Return the chapter of its fits."""
    model = catalogue.model(NAME, K=TOPICS)
    data = model.data()
    bound, good = model.bind(data), sorted(pick(fits), key=_order)
    classic = [f for f in good if f.task.words["local"] == "coordinate"]
    blocks: list[Block | Columns] = [
        *common.introduction(bound, data),
        Columns(
            [Figures(common.curves(classic, None, "", "ELBO", CURVES))],
            [Prose(_reading(), "What to look at")],
            "Learning",
        ),
        _ways(good),
        *(in_words(f) for f in classic),
        *common.failures(fits),
        common.references(bound),
    ]
    section = Section(NAME, model.card.title, model.card.lecture, common.kept(blocks), "Stories of several topics")
    each = common.by_backend(classic, lambda f: number(f.found["perplexity"], digits=3))
    return Chapter(section, [{"what": f"perplexity of {len(data['x']) - LEARNT_FROM} stories, by shares"} | each])


def _order(fit: Fit) -> tuple[int, str]:
    return list(WAYS).index(fit.task.words["local"]), fit.task.backend


def _ways(fits: Sequence[Fit]) -> Tabled:
    rows = [
        {
            "local": f.task.words["local"],
            "backend": TITLES[f.task.backend],
            "elbo": number(*f.found["elbo"]),
            "perplexity": f.found["perplexity"],
            "coherence": f.found["coherence"].mean(),
            "seconds": f.found["seconds"],
        }
        for f in fits
    ]
    columns = [
        Column("local", "treatment of θ", "left", head=True),
        Column("backend", "backend", "left", head=True),
        Column("elbo", "ELBO"),
        Column("perplexity", "perplexity", show=partial(number, digits=3)),
        Column("coherence", "NPMI", show=partial(number, digits=2)),
        Column("seconds", "seconds", show=partial(number, digits=2)),
    ]
    return Tabled(Table(columns, rows), "Three ways", WAYS_LEAD)


def _reading() -> str:
    return (
        "`coordinate` has nothing to learn of a story: every step climbs to the top of each story's own bound, by "
        "updates in closed form. Its bound is lower than the others' could be, for the words' topics are in q with "
        "the shares; so its ELBO is no measure of its topics, and the held-out words are. `amortized` reads the shares "
        "off the counts, and must learn to read while the topics still move. `per_datapoint` has numbers for every "
        f"story. By the words' frequencies alone the perplexity is {number(alone(), digits=3)}; with one topic a story "
        "it is that of the chapter before."
    )
