"""The tour's chapter on local treatments: what an encoder costs and saves, and gradients through discrete codes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from zoo.backends import installed
from zoo.bounds import exact_rows
from zoo.report import images, plots, style
from zoo.report.page import Block, Columns, Figures, Formula, Panel, Prose, Section, Tabled
from zoo.report.tables import Column, Table, number
from zoo.tour import common, vae
from zoo.tour.common import TITLES, Chapter
from zoo.tour.fits import Fit, Task, pick

if TYPE_CHECKING:
    from zoo.run import Run

NAME = "amortization"
KINDS = ("training", "held out")
SOME = 64  # rows of each kind
ESTIMATORS = ("disarm", "score", "score_plain")
BATCH = 128
TILTED = "per_datapoint, full_rank"
REFINE = {"steps": 10, "step_size": 0.03}
CAUSES = {"latent": 12}
STORY = (
    "The model is learnt once and then held; what changes is where each row's φᵢ comes from. `constant` has one φ for "
    "all rows; `amortized` computes φᵢ = f(xᵢ) by an encoder; `semi_amortized` takes the same encoder and goes on by "
    "ten gradient steps for each row; `per_datapoint` climbs each row's own ELBO until nothing is gained, at a cost "
    "for every new row.\n\n"
    "What is lost, log p(x) − ELBO, has two parts. The approximation gap is what the best member of the family loses; "
    "`per_datapoint` comes near to it, but for rows whose climb from the prior ends on a lower peak. The amortization "
    "gap is what the treatment loses beside it. With `full_rank` the family may be tilted, and its approximation gap "
    "is smaller.\n\n"
    "In a mixture of Gaussians the family holds the posterior itself, since z is one of two categories: the "
    "approximation gap is 0, and all that is lost is amortization."
)
GRADIENTS = (
    "A code of bits cannot be reparameterised: there the gradient is a score function's, whose variance decides how "
    "fast a model learns. Twelve binary causes of black and white digits, their guide frozen after a short fit; the "
    "gradient of the ELBO by the encoder's weights on the same 128 rows, drawn again and again. `score_plain` is the "
    "log-derivative alone, `score` takes a second draw as baseline, and `disarm` couples two draws."
)


def tasks(quick: bool) -> list[Task]:
    """Return the chapter's fits; the frozen models are learnt in the first backend whichever they are served in.

    The quick tour serves the autoencoder in that one alone, and leaves the mixture out.
    """
    first, steps = installed()[0], 600 if quick else 1500
    words = {"backend": first, "num_steps": steps, **vae.WORDS}
    found = []
    for b in reversed(installed()):
        if b == first or not quick:
            ask = partial(treatments, backend=b, rows=SOME // 4 if quick else SOME, families=not quick)
            found.append(Task(NAME, "vae", words, vae.OPTIONS, rows=vae.ROWS, ask=ask))
            if not quick:
                rest = {"backend": first, "num_steps": 400}
                found.append(Task(NAME, "gmm", rest, {"K": 2}, rows=200, ask=partial(mixture, backend=b)))
            drawn = {"backend": b, "num_steps": 100 if quick else 300}
            ask = partial(variances, draws=60 if quick else 300)
            found.append(Task(NAME, "binary_latent", drawn, CAUSES, ask=ask))
    return found


def treatments(run: Run, backend: str, rows: int = SOME, families: bool = True) -> dict[str, Any]:
    """Return what each treatment is worth on a frozen autoencoder, on rows that it learnt from and on others.

    Args:
        run: with an encoder.
        backend: where the treatments are served.
        rows: of each kind.
        families: whether a larger family than mean field is tried too.
    """
    here = run if backend == run.backend else vae.moved(run, backend)
    data = {"training": run.data["x"][:rows], "held out": vae.held_out(run)["x"][:rows]}
    net = vae.WORDS["local_options"]
    each: dict[str, dict[str, Any] | None] = {
        "constant": {"local": "constant", "num_steps": 300, "learning_rate": 0.03},
        "amortized": None,
        "semi_amortized": {"local": "semi_amortized", "num_steps": 1, "local_options": {**net, **REFINE}},
        "per_datapoint": {"local": "per_datapoint", "num_steps": 1},
    }
    if families:
        each[TILTED] = {"local": "per_datapoint", "local_guide": "full_rank", "num_steps": 1}
    return {"backend": backend, "hash": here.model_hash, "count": rows, "rows": _measured(here, each, data)}


def mixture(run: Run, backend: str) -> dict[str, Any]:
    """Return what each treatment is worth on a frozen mixture of Gaussians; arguments as for `treatments`."""
    here = run if backend == run.backend else vae.moved(run, backend)
    data = {"training": run.data["x"][:SOME], "held out": run.model.data()["x"][len(run.data["x"]) :][:SOME]}
    each = {
        "constant": {"local": "constant", "num_steps": 300, "learning_rate": 0.03},
        "amortized": {"local": "amortized", "num_steps": 300, "local_options": {"width": 16}},
        "per_datapoint": {"local": "per_datapoint", "num_steps": 1},
        "exact": {"local": "exact", "num_steps": 1},
    }
    return {"backend": backend, "hash": here.model_hash, "count": SOME, "rows": _measured(here, each, data)}


def _measured(
    run: Run, each: Mapping[str, Mapping[str, Any] | None], data: Mapping[str, np.ndarray]
) -> list[dict[str, Any]]:
    """Return a row a treatment: gap, its error and ELBO in nats a row, by kind of rows; and its size."""
    # `Run.log_likelihood` would replace a quadrature that takes seconds by a bound.
    known = {kind: float(np.mean(np.asarray(exact_rows(run, {"x": x})))) for kind, x in data.items()}
    rows = []
    for name, words in each.items():
        one = run if words is None else run.refit(**words)
        if name == "semi_amortized":
            # The very same encoder, so that nothing but the refinement is compared.
            one.params = {**one.params, **run.params}
        row: dict[str, Any] = {"local": name, "num_parameters": _size(one)}
        for kind, x in data.items():
            # Given as new rows, so that a guide with numbers for each row climbs to the end.
            bound = one.elbo({"x": x.copy()}, num_draws=400)
            assert bound is not None
            elbo, error = bound.value / len(x), bound.error / len(x)
            row[kind] = {"elbo": elbo, "error": error, "gap": known[kind] - elbo}
        rows.append(row)
    return rows


def _size(run: Run) -> int:
    """Return how many numbers the guide has: for each row, where it has a table."""
    program = run.program
    own = sum(int(np.size(p.value)) for p in program.guide.parameters)
    return own + (program.guide.table.size if program.guide.table else 0)


def variances(run: Run, draws: int) -> dict[str, Any]:
    """Return the variance of one gradient by each estimator, summed over the weights, and the gradient squared.

    A gradient is read off a step of rate 0: Adam's running mean is then a tenth of it, whatever the backend.

    Args:
        run: of binary causes, with an encoder.
        draws: of the gradient.
    """
    from guides.optim.adam import BETA1
    from zoo.backends.state import State

    rows, still = np.arange(BATCH, dtype=np.int32)[None], np.zeros(1)
    found: dict[str, float] = {}
    mean = np.zeros(0)
    for estimator in ESTIMATORS:
        options = {**run.request.local_options, "gradient": estimator}
        program = run.refit(local_options=options, num_steps=1).program
        v = program.coordinates.vector({name: run.params[name] for name in program.coordinates.names})
        each = np.stack([program.learn(State.at(v), still, rows, seed)[0].mean for seed in range(draws)])
        # Of the mean of the 128 rows' bounds: a step's loss is that of all rows.
        each = each.astype(float) / (1 - BETA1) / program.size
        found[estimator] = float(each.var(0, ddof=1).sum())
        if estimator == "disarm":
            mean = each.mean(0)
    # Less its own noise, which would otherwise count as signal.
    square = float((mean**2).sum()) - found["disarm"] / draws
    return {"backend": run.backend, "variance": found, "square": max(square, 0.0), "draws": draws}


def chapter(fits: Sequence[Fit]) -> Chapter:
    """Return the chapter of its fits."""
    good = pick(fits)
    coder, mixed, causes = (_of(good, name) for name in ("vae", "gmm", "binary_latent"))
    blocks: list[Block | Columns] = [
        Prose(STORY),
        Formula(r"\log p(x) - \mathrm{ELBO} = [\log p(x) - \mathcal{L}(q^*)] + [\mathcal{L}(q^*) - \mathcal{L}(q)]"),
        Figures(_gaps(coder, "the autoencoder"), "The autoencoder, frozen"),
        *_table(coder),
        Figures(_gaps(mixed, "the mixture of two Gaussians"), "A mixture, frozen"),
        *_table(mixed),
        Prose(GRADIENTS, "Gradients through bits"),
        Columns([Figures(_variances(causes))], [*_variance_table(causes)]),
        *common.failures(fits),
    ]
    section = Section(
        NAME,
        "Amortized inference and its gaps",
        "Deep latent variable models: φᵢ free for every row, or φᵢ = f(xᵢ)",
        common.kept(blocks),
        "One frozen model, five treatments: what an encoder loses",
    )
    row: dict[str, Any] = {"what": "nats a held-out digit that the encoder loses, and those of a guide for every row"}
    for f in coder:
        held = {r["local"]: r["held out"]["gap"] for r in f.found["rows"]}
        both = (held["amortized"], held["per_datapoint"])
        row[f.found["backend"]] = " and ".join(number(v, digits=3) for v in both)
    return Chapter(section, [row])


def _of(fits: Sequence[Fit], model: str) -> list[Fit]:
    """Return the fits of a model, by the backend in which the treatments are served."""
    return sorted((f for f in fits if f.task.model == model), key=lambda f: str(f.found["backend"]))


def _gaps(fits: Sequence[Fit], what: str) -> list[Panel]:
    panels = []
    for kind in KINDS if fits else ():
        scores = [
            plots.Score(r["local"].replace(", ", ",\n"), f.found["backend"], r[kind]["gap"], r[kind]["error"])
            for f in fits
            for r in f.found["rows"]
        ]
        near = [s for s in scores if s.guide != "constant"]
        left = [number(s.value, digits=3) for s in scores if s.guide == "constant"]
        count = fits[0].found["count"]
        caption = (
            f"{what[0].upper()}{what[1:]}, {count} {kind} rows: nats a row below the exact log p(x); bars "
            f"are two standard errors. `constant` lies beyond the right edge, at {' and '.join(left)}."
        )
        figure = plots.guide_gaps(near, "log p(x) − ELBO (nats a row)", {"exact": 0.0})
        panels.append(Panel(style.svg(figure, caption), caption))
    return panels


def _table(fits: Sequence[Fit]) -> list[Block]:
    if not fits:
        return []
    rows: list[dict[str, Any]] = []
    for i, first in enumerate(fits[0].found["rows"]):
        for f in fits:
            r = f.found["rows"][i]
            row: dict[str, Any] = {"local": first["local"], "backend": TITLES[f.found["backend"]]}
            for kind in KINDS:
                row |= {
                    f"{kind} elbo": (r[kind]["elbo"], r[kind]["error"]),
                    f"{kind} gap": (r[kind]["gap"], r[kind]["error"]),
                }
            rows.append(row | {"num_parameters": r["num_parameters"]})
    columns = [
        Column("local", "treatment", "left", head=True),
        Column("backend", "backend", "left", head=True),
        *(
            Column(f"{kind} {key}", f"{words}, {kind}")
            for kind in KINDS
            for key, words in (("elbo", "ELBO"), ("gap", "gap"))
        ),
        Column("num_parameters", "numbers in the guide"),
    ]
    hashes = sorted({f.found["hash"] for f in fits})
    frozen = (
        f"The frozen model's hash is {hashes[0]}, the same in both backends."
        if len(hashes) == 1
        else f"The frozen models' hashes are {' and '.join(hashes)}: two runs of the same fit, equal up to rounding."
    )
    note = f"Nats a row, on {fits[0].found['count']} rows of each kind. {frozen}"
    return [Tabled(Table(columns, rows, note=note))]


def _variances(fits: Sequence[Fit]) -> list[Panel]:
    if not fits:
        return []
    values = {f.found["backend"]: [f.found["variance"][e] for e in ESTIMATORS] for f in fits}
    square = float(np.mean([f.found["square"] for f in fits]))
    caption = (
        f"Variance of one draw of the gradient, summed over the encoder's weights, on a logarithmic axis; the line is "
        f"the squared length of the gradient itself. {fits[0].found['draws']} draws each."
    )
    mark = (square, "squared gradient") if square > 0 else None
    figure = images.bars(ESTIMATORS, values, "variance (nats² a row)", log=True, mark=mark)
    return [Panel(style.svg(figure, caption), caption)]


def _variance_table(fits: Sequence[Fit]) -> list[Block]:
    if not fits:
        return []
    rows: list[dict[str, Any]] = []
    for e in ESTIMATORS:
        row: dict[str, Any] = {"what": e}
        for f in fits:
            v = f.found["variance"]
            row[f.found["backend"]] = f"{number(v[e], digits=3)} ({number(v[e] / v['disarm'], digits=3)})"
        rows.append(row)
    columns = [Column("what", "estimator", "left", head=True)]
    columns += [Column(f.found["backend"], TITLES[f.found["backend"]]) for f in fits]
    lead = "The same numbers, and in brackets how often disarm's."
    lead += " The two backends have learnt different models." if len(fits) > 1 else ""
    return [Tabled(Table(columns, rows), "Variance of a gradient", lead)]
