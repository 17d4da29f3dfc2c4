"""What the chapters of local latents ask of a run, of small fits in each backend."""

from functools import partial
from typing import Any

import numpy as np
import pytest

import zoo.tour
from zoo.tour import amortization, crf, lda, ppca, sentence, vae, vqvae
from zoo.tour.fits import Fit, Task, run

# What a chapter asks of a run knows no backend; the one that compiles takes longer.
BACKENDS = (pytest.param("numpyro", marks=pytest.mark.long), "pyro")


def small(task: Task, **changes: Any) -> Fit:
    """Return what a short fit of a task leaves."""
    words = {**task.words, "num_steps": 20}
    return run(
        Task(task.chapter, task.model, words, task.options, task.data, rows=task.rows, **({"ask": task.ask} | changes))
    )


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_autoencoder_leaves_what_its_chapter_shows(backend: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vae, "SAMPLES", 30)
    task = next(t for t in vae.tasks(quick=True) if t.backend == backend)
    fit = small(task, ask=partial(vae.story, rows=3))
    assert fit.error is None
    assert fit.found["codes"].shape == (vae.ROWS, 2)
    assert fit.found["walk"].shape == (81, 64)
    numbers = fit.found["numbers"]["held out"]
    assert numbers["reconstruction"] - numbers["kl"] == pytest.approx(numbers["elbo"][0], rel=1e-4)
    assert numbers["log_likelihood"] > numbers["elbo"][0] - 5 * numbers["elbo"][1]
    other, there, here = fit.found["opened"]
    assert other in ("numpyro", "pyro")
    assert other != backend
    assert there == pytest.approx(here, rel=1e-5)
    assert len(vae.chapter([fit]).section.blocks) > 10


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_turned_code_loses_what_the_closed_form_says(backend: str) -> None:
    task = next(t for t in ppca.tasks(quick=True) if t.backend == backend and t.ask is not ppca.learnt)
    fit = small(task, ask=partial(ppca.turned, angles=(30,)))
    assert fit.error is None
    best = ppca.exact.fit(ppca.catalogue.model("ppca").data())
    assert best is not None
    gap, error = fit.found["gaps"][30]
    assert gap == pytest.approx(ppca.exact.mean_field_gap(ppca.turn(best, 30)), abs=0.02 + 4 * error)


def test_turning_changes_no_density() -> None:
    values = ppca.exact.fit(ppca.catalogue.model("ppca").data())
    assert values is not None
    assert ppca.exact.covariance(ppca.turn(values, 33)) == pytest.approx(ppca.exact.covariance(values))


@pytest.mark.parametrize("backend", BACKENDS)
def test_estimators_of_a_gradient_differ_in_variance(backend: str) -> None:
    task = next(t for t in amortization.tasks(quick=False) if t.model == "binary_latent" and t.backend == backend)
    fit = small(task, ask=partial(amortization.variances, draws=20))
    assert fit.error is None
    v = fit.found["variance"]
    assert 0 < v["disarm"] < v["score"] < v["score_plain"]


@pytest.mark.long
@pytest.mark.parametrize("backend", BACKENDS)
def test_a_mixture_served_by_its_posterior_loses_nothing(backend: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(amortization, "SOME", 12)
    task = next(t for t in amortization.tasks(quick=False) if t.model == "gmm")
    fit = small(task, ask=partial(amortization.mixture, backend=backend))
    assert fit.error is None
    gaps = {r["local"]: r["held out"]["gap"] for r in fit.found["rows"]}
    assert gaps["exact"] == pytest.approx(0, abs=1e-5)
    assert gaps["per_datapoint"] == pytest.approx(0, abs=5e-3)
    assert gaps["constant"] > 0.01


@pytest.mark.long
@pytest.mark.parametrize("backend", BACKENDS)
def test_a_guide_for_every_row_loses_least(backend: str) -> None:
    task = next(t for t in amortization.tasks(quick=True) if t.model == "vae")
    fit = run(Task(task.chapter, "vae", task.words, task.options, rows=task.rows,
                   ask=partial(amortization.treatments, backend=backend, rows=8, families=False)))  # fmt: skip
    assert fit.error is None
    for kind in amortization.KINDS:
        gaps = {r["local"]: r[kind]["gap"] for r in fit.found["rows"]}
        assert gaps["constant"] > gaps["amortized"] > gaps["per_datapoint"] > -0.05
        assert np.isfinite(list(gaps.values())).all()


def test_every_chapter_has_tasks() -> None:
    for name, chapter in zoo.tour.CHAPTERS.items():
        assert {t.chapter for t in chapter.tasks(quick=True)} == {name}


@pytest.mark.parametrize("backend", BACKENDS)
def test_topics_are_told_in_words(backend: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("zoo.posterior.SOME", 8)
    monkeypatch.setattr(lda, "DRAWS", 4)
    for chapter, topics in ((sentence, 5), (lda, 10)):
        task = next(t for t in chapter.tasks(quick=True) if t.backend == backend)
        fit = small(task)
        assert fit.error is None
        assert [len(words) for words in fit.found["words"]] == [8] * topics
        assert fit.found["shares"].sum() == pytest.approx(1, rel=1e-4)
        # Even topics that have hardly been learnt tell more than the words' frequencies.
        assert 1 < fit.found["perplexity"] < sentence.alone()
        assert len(chapter.chapter([fit]).section.blocks) > 5


@pytest.mark.parametrize("backend", BACKENDS)
def test_codes_leave_what_their_chapter_shows(backend: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vqvae, "SAMPLES", 30)
    task = next(t for t in vqvae.tasks(quick=True) if t.backend == backend)
    fit = small(task)
    assert fit.error is None
    assert fit.found["counts"].sum() == vqvae.ROWS * 8
    assert fit.found["own"].shape == fit.found["even"].shape == (30, 64)
    assert not np.array_equal(fit.found["own"], fit.found["even"])
    numbers = fit.found["numbers"]["held out"]
    assert numbers["reconstruction"] - numbers["price"] == pytest.approx(numbers["elbo"], rel=1e-4)
    assert numbers["bits"] == pytest.approx(-numbers["elbo"] / 64 / np.log(2))
    assert len(vqvae.chapter([fit]).section.blocks) > 8


@pytest.mark.long
@pytest.mark.parametrize("backend", ["numpyro", "pyro"])
def test_strings_are_read_together_better_than_alone(backend: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crf, "maximum", lambda: -656.555)
    monkeypatch.setattr("zoo.tagging.SOME", 10)
    for task in crf.tasks(quick=True):
        if task.backend == backend:
            fit = small(task)
            assert fit.error is None
            assert fit.found["accuracy"][crf.STEP] > crf.alone()["accuracy"] + 0.05
            assert fit.found["log score"] > crf.alone()["log score"]
            assert fit.found["read"][crf.PATH].shape == (crf.SHOWN, 12)
            assert len(crf.chapter([fit]).section.blocks) > 4
