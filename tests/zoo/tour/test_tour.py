"""The tour's page: every chapter is there, whatever became of its fits, and the page is whole."""

import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import zoo.tour
from zoo import catalogue
from zoo.backends import installed
from zoo.errors import UserError
from zoo.tour import (
    amortization,
    common,
    crf,
    dp_mixture,
    fits,
    gmm,
    gmm_bayes,
    height,
    height_bayes,
    hmm,
    ppca,
    vae,
    vqvae,
)
from zoo.tour.fits import Fit, Task, pick, run

STEPS = np.arange(400)


def pretend(task: Task) -> Fit:
    """Return what a perfect fit would leave, from exact answers and a seed."""
    if task.ask is not None:
        return asked(task)
    model = catalogue.model(task.model, **task.options)
    data = catalogue.load_data(model, task.data)
    model = model.bind(data)
    rng = np.random.default_rng(len(str(task)))
    if task.model == "height":
        return _learnt(task, model.exact.fit(data), model, data)
    if task.model == "gmm":
        best = gmm.best_of_many(data["x"], task.options["K"], 1e-6)
        tril = np.linalg.cholesky(best.covariances_)
        return _learnt(task, {"weights": best.weights_, "loc": best.means_, "scale_tril": tril}, model, data)
    size = 300
    if task.model == "height_bayes":
        draws = {"variance": rng.gamma(7, 4e-4, size), "loc": rng.normal(1.68, 0.017, size)}
    else:
        loc = np.array([[2.0, 54.0], [4.3, 80.0]]) + 0.1 * rng.normal(size=(size, 2, 2))
        draws = {"weights": rng.dirichlet([97, 175], size), "loc": loc}
        square = np.broadcast_to(np.array([[0.3, 6.0], [0.4, 6.0]]), (size, 2, 2))
        tril = np.broadcast_to(np.linalg.cholesky([[1, 0.4], [0.4, 1]]), (size, 2, 2, 2))
        draws |= {"scale": square, "corr": tril} if task.options else {"variance": square**2}
    row: dict[str, Any] = dict.fromkeys(("elbo", "elbo_error", "gap", "gap_error", "gap_note", "k_hat"))
    if task.method not in ("nuts", "delta"):
        row |= {"elbo": 13.0, "elbo_error": 0.002, "k_hat": 0.9 if task.method == "laplace" else 0.2}
        if model.exact.evidence(data, **model.options) is not None:
            row |= {"gap": 0.0713, "gap_error": 0.002, "gap_note": "includes <log K!>"}
    summary = [{"name": "loc", "mean": 1.7, "sd": 0.1, "ess_bulk": 300.4, "r_hat": 1.0}] if task.summarised else ()
    return Fit(task, row=row, values=13 - 50 * np.exp(-STEPS / 30), draws=draws, summary=summary)


def _learnt(task: Task, params: dict[str, np.ndarray], model: Any, data: dict[str, np.ndarray]) -> Fit:
    total = float(model.exact.log_likelihood(data["x"], params, **model.options).sum())
    return Fit(task, row={}, values=total - 50 * np.exp(-STEPS / 30), params=params, log_likelihood=total)


def asked(task: Task) -> Fit:
    """Return what a fit would leave that was asked for more, from a seed."""
    rng, backend = np.random.default_rng(0), getattr(task.ask, "keywords", {}).get("backend", task.backend)
    values, params = 13 - 50 * np.exp(-STEPS / 30), {}
    found: dict[str, Any]
    if task.chapter == "ppca":
        params = ppca.exact.fit(catalogue.model("ppca").data()) or {}
        found = {"log_likelihood": -404.963, "elbo": (-405.0, 0.01), "codes": rng.normal(size=(150, 2))}
        found["gaps"] = {a: (0.01 * a, 0.001) for a in ppca.ANGLES}
    elif task.chapter == "vae":
        worth = {"log_likelihood": 45.6, "elbo": (44.1, 0.01), "reconstruction": 48.0, "kl": 3.9}
        pixels = {"means": vae.SAMPLES, "draws": vae.SAMPLES, "rows": vae.SHOWN, "reconstructions": vae.SHOWN}
        pixels |= {"all reconstructions": 30, "walk": 81}
        found = {"codes": rng.normal(size=(vae.ROWS, 2)), "count": vae.SOME}
        found |= {name: rng.random((n, 64)) for name, n in pixels.items()}
        found |= {"numbers": dict.fromkeys(amortization.KINDS, worth), "opened": ("pyro", 61234.5, 61234.25)}
    elif task.chapter in {"sentence", "lda"}:
        K = task.options["K"]
        found = {"words": [["pope", "king"]] * K, "shares": np.full(K, 1 / K), "coherence": rng.normal(0, 0.1, K)}
        found |= {"perplexity": 75.3, "elbo": (-176.3, 0.05), "seconds": 2.4}
    elif task.chapter == "vqvae":
        worth = {"elbo": -22.5, "reconstruction": -9.0, "price": 13.5, "uniform": 27.7, "bits": 0.507}
        found = {"numbers": dict.fromkeys(("training", "held out"), worth), "perplexity": 25.4, "dead": 0}
        pixels = {"rows": vqvae.SHOWN, "reconstructions": vqvae.SHOWN, "own": vqvae.SAMPLES, "even": vqvae.SAMPLES}
        found |= {"counts": np.arange(16), **{name: rng.random((n, 64)) for name, n in pixels.items()}}
    elif task.chapter == "hmm":
        rates = np.array([13.0, 20.0, 30.0])
        found = {"log_likelihood": -328.54, "rates": rates, "transition": np.full((3, 3), 1 / 3), "mean_field": -332.4}
        found |= {"path": rng.integers(3, size=107), "probs": rng.dirichlet(np.ones(3), 107)}
        found |= {"ahead": rng.dirichlet(np.ones(3), hmm.AHEAD), "seconds": 1.0}
    elif task.chapter == "dp_mixture":
        found = {"occupied": rng.dirichlet(np.ones(11)), "density": rng.random(len(dp_mixture.GRID)), "seconds": 1.0}
        found |= {"elbo": (-233.0, 0.1), "gap": (6.5, 0.1) if task.data else None}
    elif task.chapter == "crf":
        read = rng.integers(0, 10, (2, crf.SHOWN, 12))
        found = {"read": {crf.PATH: read[0], crf.STEP: read[1]}, "accuracy": {crf.PATH: 0.8415, crf.STEP: 0.8477}}
        found |= {"log score": -0.44, "seconds": 1.5, "transition": rng.normal(size=(10, 10))}
        found |= {"log_likelihood": -656.7} if task.model == "crf" else {}
    elif task.model == "binary_latent":
        variance = {"disarm": 0.3, "score": 1.1, "score_plain": 1650.0}
        found = {"backend": backend, "variance": variance, "square": 0.02, "draws": 300}
    else:
        gap = {"elbo": 44.5, "error": 0.01, "gap": 1.234}
        names = ("constant", "amortized", "per_datapoint")
        rows = [{"local": n, "num_parameters": 4} | dict.fromkeys(amortization.KINDS, gap) for n in names]
        found = {"backend": backend, "hash": "0123", "count": 64, "rows": rows}
    return Fit(task, values=values, params=params, found=found)


_introduced: dict[Any, Any] = {}
_introduction = common.introduction


def introduced(model: Any, data: Any) -> Any:
    """Return a chapter's introduction, drawn once for all of these tests: it knows nothing of the fits."""
    key = model.name, *installed()
    if key not in _introduced:
        _introduced[key] = _introduction(model, data)
    return _introduced[key]


@pytest.fixture(autouse=True)
def _few_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(common, "introduction", introduced)
    monkeypatch.setattr(gmm, "STARTS", 1)
    monkeypatch.setattr(gmm, "SIZES", (1, 2))
    monkeypatch.setattr(crf, "maximum", lambda: -656.555)


def page(monkeypatch: pytest.MonkeyPatch, folder: Path, failing: Sequence[str] = ()) -> str:
    """Return the tour's page made of pretended fits; those whose words are among `failing` have failed."""

    def learn(tasks: Sequence[Task], *_: Any) -> list[Fit]:
        return [Fit(t, "no <luck>") if str(t) in failing or "all" in failing else pretend(t) for t in tasks]

    monkeypatch.setattr(zoo.tour, "learn", learn)
    path = zoo.tour.tour(folder, jobs=1)
    assert [p.name for p in folder.iterdir()] == ["index.html"]
    return path.read_text(encoding="utf-8")


def test_page_has_every_chapter_and_number(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    html = page(monkeypatch, tmp_path / "new" / "tour")
    for name in zoo.tour.CHAPTERS:
        assert f'<section id="{name}">' in html
        assert f'href="#{name}"' in html
    for words in (
        "0.00292100",
        "1.68300",
        "13.0713",
        "−40.3096",
        "not to be trusted",
        "log 2! = 0.693",
        "no ELBO",
        "−404.963",
        "Learnt in NumPyro and opened in Pyro",
        "1650 (5500)",
        "pope, king",
        "−656.555",
    ):
        assert words in html
    assert html.count('class="plates"') == 12
    assert html.count('class="figure"') >= 35
    assert html.count("ArviZ&#39;s summary") == 2
    assert "nan" not in re.sub(r"<[^>]*>", " ", html).lower().split()
    assert len(html) < 5_000_000
    assert not re.search(r'(?:src|href)="(?!#|data:image/png;base64,)', html)


def test_what_was_shortened_is_said_beside_it(monkeypatch: pytest.MonkeyPatch) -> None:
    fewer = "instead of the model's own 3,000, to keep the tour short"
    # Pairs of curves (one on the quick tour), a table for each set of rows, and figures.
    for quick, steps, places in ((False, "1,000", 6), (True, "500", 5)):
        chapter = gmm_bayes.chapter([pretend(t) for t in gmm_bayes.tasks(quick)])
        beside = [words for block in chapter.section.blocks for words in said(block) if fewer in words]
        assert len(beside) == places
        assert all(f"takes {steps} steps here" in words for words in beside)

    monkeypatch.setattr(gmm, "SIZES", (1, 2, 3, 4))
    monkeypatch.setattr(gmm, "installed", lambda: ["numpyro", "pyro"])
    for quick, most in ((False, 3), (True, 2)):
        chapter = gmm.chapter([pretend(t) for t in gmm.tasks(quick)])
        words = f"Pyro learns K ≤ {most} only"
        assert sum(words in line for block in chapter.section.blocks for line in said(block)) == 2
    every = dict.fromkeys(gmm.SIZES, -4.0)
    assert gmm.footnote({"numpyro": every, "pyro": every}) == ""
    monkeypatch.setattr(gmm, "installed", lambda: ["numpyro"])
    assert gmm.footnote({"numpyro": every}) == ""


def said(block: Any) -> list[str]:
    """Return the captions and notes of a block."""
    inner = [*getattr(block, "left", ()), *getattr(block, "right", ())]
    panels = [panel.caption for panel in getattr(block, "panels", ())]
    notes = [block.table.note] if hasattr(block, "table") else []
    return [*panels, *notes, *(words for b in inner for words in said(b))]


def test_failed_fits_are_said_and_escaped(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    here = installed()[0]
    html = page(monkeypatch, tmp_path, [f"height_bayes, flow, {here}", f"gmm_bayes, nuts, {here}"])
    assert f"flow in {common.TITLES[here]} failed: no &lt;luck&gt;" in html
    assert "of which 2 failed" in html
    assert "includes &lt;log K!&gt;" in html


def test_page_survives_that_every_fit_failed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    html = page(monkeypatch, tmp_path, ["all"])
    assert html.count("no &lt;luck&gt;") > 10
    assert html.count("<section id=") == len(zoo.tour.CHAPTERS)


@pytest.mark.parametrize("alone", ["pyro", pytest.param("numpyro", marks=pytest.mark.long)])
def test_one_backend_is_enough(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, alone: str) -> None:
    here = [alone]
    for module in (zoo.tour, fits, common, *zoo.tour.CHAPTERS.values()):
        if hasattr(module, "installed"):
            monkeypatch.setattr(module, "installed", lambda: here)
    html = page(monkeypatch, tmp_path)
    words = re.sub(r"<[^>]*>", "\n", html[html.index("<main") : html.index("<footer")])
    assert [bool(re.search(rf"^{t}$", words, re.MULTILINE)) for t in common.TITLES.values()] == [
        name == alone for name in common.TITLES
    ]


def test_no_backend(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(zoo.tour, "installed", list)
    with pytest.raises(UserError, match="ppl-zoo"):
        zoo.tour.tour(tmp_path / "tour")
    assert not list(tmp_path.iterdir())


def test_a_file_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "tour").write_text("mine")
    with pytest.raises(UserError, match="is a file"):
        zoo.tour.tour(tmp_path / "tour")


def test_progress_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fits, "run", lambda task: Fit(task))
    tasks = height.tasks(quick=True)
    told: list[tuple[int, int, str]] = []
    left = fits.learn(tasks, 1, lambda *words: told.append(words))
    assert [f.task for f in left] == tasks
    assert [(done, total) for done, total, _ in told] == [(i + 1, len(tasks)) for i in range(len(tasks))]


def test_results_of_other_processes_keep_their_places() -> None:
    assert dict(fits.at_once(math.sqrt, [4.0, 9.0, 16.0], 2)) == {0: 2.0, 1: 3.0, 2: 4.0}


def test_a_failing_task_says_why() -> None:
    lost = run(Task("height", "height", {"backend": installed()[0], "num_steps": 0}))
    assert lost.error
    assert "num_steps" in lost.error
    assert pick([lost]) == []


@pytest.mark.parametrize("backend", ["pyro", "numpyro"])
def test_a_fit_has_what_the_page_needs(backend: str) -> None:
    words = {"backend": backend, "guide": "mean_field", "num_steps": 30}
    fit = run(Task("height_bayes", "height_bayes", words, summarised=True))
    assert fit.error is None
    assert fit.values.shape == (30,)
    assert set(fit.draws) == {"variance", "loc"}
    assert {v.shape for v in fit.draws.values()} == {(1000,)}
    assert [row["name"] for row in fit.summary] == ["variance", "loc"]
    assert np.isfinite(fit.row["gap"])
    assert fit.values[-1] > fit.values[0] - 50


def test_a_chapter_of_real_fits() -> None:
    words = {"backend": installed()[0], "num_steps": 20}
    tasks = [Task("height_bayes", "height_bayes", words | {"guide": g}) for g in ("delta", "mean_field", "laplace")]
    left = [run(task) for task in tasks]
    assert [f.error for f in left] == [None] * 3
    chapter = height_bayes.chapter(left)
    assert chapter.section.key == "height_bayes"
    assert len(chapter.section.blocks) > 8


@pytest.mark.parametrize("backend", ["pyro", "numpyro"])
def test_maximum_likelihood_to_four_digits(backend: str) -> None:
    fit = run(Task("height", "height", {"backend": backend}, data="lecture"))
    assert fit.error is None
    assert float(fit.params["loc"]) == pytest.approx(1.683, rel=5e-5)
    assert float(fit.params["scale"]) ** 2 == pytest.approx(0.002921, rel=5e-5)
    assert fit.log_likelihood == pytest.approx(14.989761, abs=1e-4)
