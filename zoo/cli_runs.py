"""What `zoo fit`, `sample`, `diagnose`, `compare` and `crosscheck` print and write."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from zoo.cli_options import model_options, new_path, next_folder
from zoo.cli_output import columns, console, counter, csv_text, emit, estimate, head, number, table
from zoo.errors import UserError
from zoo.estimators import k_hat_note
from zoo.labels import elbo_note

if TYPE_CHECKING:
    from zoo.run import Run


LONG = 60  # numbers of an array that are not printed one by one


def facts(run: Run) -> dict[str, str]:
    """Return what a fit found, in words."""
    how = f"{run.method} in {run.backend}, seed {run.seed}"
    found = {"learnt by": how if run.method == "nuts" else f"{how}, {steps(run)}"}
    if run.method == "svi":
        found["status"] = run.status
    if run.latents and run.method == "svi":
        found["guide"] = f"{run.guide}, {run.num_parameters} parameters in all"
    if run.method == "nuts":
        chains, draws = next(iter(run.draws.values())).shape[:2]
        diverging = int(np.sum(run.sample_stats["diverging"]))
        found["chains"] = f"{chains} of {draws} draws, {diverging} divergences; zoo diagnose has R-hat"
    if run.frozen:
        found["frozen model"] = f"its parameters are held, hash {run.model_hash}"
    drawn = run.method == "svi" and run.program.guide.rows is not None
    if run.local:
        family = f", {run.request.local_guide}" if run.request.local_guide and drawn else ""
        found["local"] = f"{run.local}{family}"
        found["local"] += f", {run.num_parameters} parameters in all" if drawn and not run.latents else ""
    found |= bounds(run) if run.method == "svi" and (run.latents or drawn) else {}
    if not run.latents and run.has_elbo:
        likelihood = run.log_likelihood()
        each, exact = np.asarray(likelihood.value), likelihood.method == "exact"
        words = f"{number(each.sum())} nats, {number(each.mean())} a row of {len(each)}"
        found["log-likelihood"] = words if exact else f"at least about {words}; {likelihood.method}, a lower bound"
    found |= new_rows(run)
    found["seconds"] = ", ".join(f"{name} {value:.1f}" for name, value in run.seconds.items() if value >= 0.05)
    return found


def new_rows(run: Run) -> dict[str, str]:
    """Return how rows that were held out fare, or that it would be good to know; nothing if there is no cause."""
    rows = len(next(iter(run.data.values())))
    if run.held_out:
        try:
            return {"held-out rows": str(run.new_rows())}
        except UserError as error:
            return {"held-out rows": str(error)}
    if run.num_learnt > rows:
        return {"new rows": "more parameters than rows: give held_out=0.1 to see how new rows fare"}
    return {}


def steps(run: Run) -> str:
    """Return what learning consisted of, in words."""
    words = {"svi": "steps", "finish": "iterations of the finish"}
    taken = (f"{p.steps:,} {words[p.name]}" if p.name in words else p.ended for p in run.phases)
    return ", ".join(taken) or f"{len(run.losses):,} steps"


def bounds(run: Run) -> dict[str, str]:
    """Return what is to be said of a guide: its ELBO, the gap to the evidence, its k̂."""
    rows = len(next(iter(run.data.values())))
    elbo, evidence, gap, k_hat = run.elbo(), run.evidence(), run.gap(), run.k_hat()
    if elbo is None:
        return {"log joint": f"{number(run.log_joint())} nats; a guide of points has no ELBO"}
    found = {"ELBO": f"{estimate(elbo.value, elbo.error)} nats, {number(elbo.value / rows)} a row of {rows}"}
    if evidence is not None:
        found["evidence"] = f"{number(float(evidence.value))} nats, {evidence.method}"
    if gap is not None:
        found["gap"] = f"{estimate(float(gap.value), float(gap.error))} nats"
    if run.gap_note():
        card = run.model.card
        size = card.dims(run.data, run.model.options)[card.exchangeable]
        found["note"] = f"the gap {run.gap_note()}" if gap is not None else elbo_note(size)
    if k_hat is not None:
        found["k-hat"] = f"{k_hat:.2f}: {k_hat_note(k_hat)}"
    return found


def learnt(run: Run) -> dict[str, str]:
    """Return the model's parameters, and the mean ± sd of its global latents, labels aligned."""
    found = {name: array(value) for name, value in run.model_params.items()}
    for name in (site.name for site in run.latents):
        draws = run.relabelled[name]
        pooled = np.asarray(draws, dtype=np.float64).reshape(-1, *draws.shape[2:])
        found[name] = f"{array(pooled.mean(0))} ± {array(pooled.std(0))}"
    return found


def array(value: Any) -> str:
    """Write an array on one line; of a network's layer, its shape and range."""
    if np.ndim(value) and np.size(value) > LONG:
        return f"{' × '.join(map(str, np.shape(value)))}, from {np.min(value):.3g} to {np.max(value):.3g}"
    text = np.array2string(np.asarray(value), precision=5, separator=", ", suppress_small=True)
    return " ".join(text.split())


def print_facts(found: Mapping[str, str]) -> None:
    """Print words beside their names."""
    width = max(map(len, found))
    emit(*(f"{name.ljust(width)}  {words}" for name, words in found.items()))


def print_fit(run: Run, folder: Path, source: str = "") -> None:
    """Print what a fit found and where its run is.

    Args:
        run: the fit.
        folder: of the run.
        source: folder of the run of which this is a refit; empty for a fit of its own.
    """
    found = facts(run)
    if source:
        # A model without parameters holds none, so that nothing else would tell the refit from a fit.
        held = found.pop("frozen model", "it has no parameters to hold")
        found = {"refit of": f"{source}, model frozen: {held}", **found}
    print_facts({"model": run.model.name, **found, **learnt(run)})
    emit(f"\n{folder}")


def write_file(path: Path, write: Callable[[Path], object]) -> None:
    """Write a file beside its final name and rename it, so that no half of it is ever seen."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part{path.suffix}")
    write(part)
    os.replace(part, path)


def write_json(path: Path, content: Any) -> None:
    """Write numbers as JSON; what JSON has no word for, such as an infinite k̂, is null."""

    def plain(value: Any) -> Any:
        if isinstance(value, Mapping):
            return {str(k): plain(v) for k, v in value.items()}
        if isinstance(value, list | tuple):
            return [plain(v) for v in value]
        if isinstance(value, np.ndarray | np.generic):
            return plain(value.tolist())
        return None if isinstance(value, float) and not math.isfinite(value) else value

    text = json.dumps(plain(content), indent=1, ensure_ascii=False, allow_nan=False)
    write_file(path, lambda part: part.write_text(text + "\n", encoding="utf-8"))


def write_sample(run: Run, size: int, seed: int, path: Path | None) -> None:
    """Write novel data to a file, or print them as CSV."""
    drawn: dict[str, Any] = run.sample(size, seed=seed)
    if path is not None and path.suffix == ".npz":
        write_file(path, lambda part: np.savez(part, **drawn))
    else:
        flat = columns(drawn, run.model.columns)
        rows = [dict(zip(flat, values, strict=True)) for values in zip(*flat.values(), strict=True)]
        text = csv_text(rows)
        if path is None:
            emit(text.rstrip("\n"))
        else:
            write_file(path, lambda part: part.write_text(text, encoding="utf-8"))
    if path is not None:
        emit(str(path))


def print_diagnosis(run: Run, folder: Path) -> None:
    """Print a run's diagnosis, and write its numbers and plots into a folder."""
    from zoo.diagnose import diagnose, most_unlike
    from zoo.report.diagnosis import plots

    found = diagnose(run)
    said = {name: words for name, words in facts(run).items() if name != "k-hat"}  # a verdict says it
    print_facts({"model": run.model.name, **said, **found.verdicts})
    if found.summary:
        rows = [{k: v for k, v in row.items() if k not in ("site", "index")} for row in found.summary]
        shown = [name for name in rows[0] if any(row[name] is not None for row in rows)]
        emit(
            head("Posterior (interval: 94 %, equal tails)"),
            table([{k: row[k] for k in shown} for row in rows], 5, spare=("mcse", "ess_tail", "ess_bulk")),
        )
    checks = most_unlike(found.checks)
    few = f"; the {len(checks)} of {len(found.checks)} least like the data" if len(checks) < len(found.checks) else ""
    emit(head(f"Replicated data (p: share of replicates above the observed value{few})"), table(checks, 5))
    write_json(folder / "diagnosis.json", asdict(found))
    plots(run, found, folder)
    emit(f"\n{folder}")


def read_npz(path: Path) -> dict[str, np.ndarray]:
    """Read the arguments of a user's model function.

    Raises:
        UserError: the file is not there, or not an npz file of plain arrays.
    """
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return dict(arrays)
    except (OSError, ValueError, AttributeError, TypeError):
        raise UserError(f"--data {path} is no npz file of arrays by argument name; write one by np.savez") from None


def print_crosschecks(targets: Sequence[str], pairs: Sequence[str], data: str | None, path: Path | None) -> bool:
    """Compare implementations, print what was found, and return whether all agree.

    Raises:
        UserError: a target is neither a model nor one of exactly two files, or the options have no one model.
    """
    from zoo.catalogue import load_data, model, names
    from zoo.crosscheck import crosscheck

    checks = []
    if any(":" in target for target in targets):
        if len(targets) != 2 or pairs:
            raise UserError("comparing files takes exactly two, A.py:model B.py:model, and no -o")
        left, right = targets
        checks.append(crosscheck(left, right, data=read_npz(Path(data)) if data else None))
    else:
        if pairs and len(targets) != 1:
            raise UserError("-o is for one model; name one, and no --all")
        for name in targets or names():
            options = model_options(model(name).card, pairs)
            chosen = model(name, **options)
            arrays = load_data(chosen, data) if data else None
            checks.append(crosscheck(chosen if options else name, data=arrays))
    for check in checks:
        emit(check.text())
    if path is not None:
        write_json(path, [check.as_dict() for check in checks])
    return all(check.ok for check in checks)


def print_comparison(
    name: str,
    pairs: Sequence[str],
    guides: Sequence[str],
    locals_: Sequence[str],
    out: Path | None,
    **words: Any,
) -> None:
    """Compare guides, treatments and backends; print the table, and write figure, JSON and CSV."""
    from zoo.catalogue import model
    from zoo.compare import compare
    from zoo.report.comparison import figure
    from zoo.report.style import save

    chosen = model(name, **model_options(model(name).card, pairs))
    folder = new_path(out or next_folder(f"compare-{name}"))
    given = {word: value for word, value in words.items() if value is not None}
    with counter("fits") as count:
        found = compare(chosen, guides=guides, local=locals_ or None, on_row=lambda row: count(), **given)
    emit(found.text(console().width))
    found.save(folder)
    drawn = figure(found)
    if drawn is not None:
        save(drawn, folder / "comparison.png")
    emit(f"\n{folder}")
