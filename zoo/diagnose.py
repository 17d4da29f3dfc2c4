"""Judge a run: what its chains or its guide are worth, and whether its data look like the observed ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from zoo.checks import STEPS_NDIM
from zoo.estimators import TRUSTED_K_HAT, k_hat_note
from zoo.inference_data import Loo, loo, summary
from zoo.learnt import CONVERGED

if TYPE_CHECKING:
    from zoo.run import Run

# Vehtari, Gelman, Simpson, Carpenter & Bürkner (2021), Rank-normalization, folding, and localization,
# section 4: R̂ below 1.01, and an effective sample size above 100 a chain.
TRUSTED_R_HAT = 1.01
TRUSTED_ESS_A_CHAIN = 100

NUM_REPLICATES = 200
MOST_SHOWN = 16  # statistics of the data that a reader takes in; images have hundreds
STATISTICS: dict[str, Callable[..., Any]] = {"mean": np.mean, "sd": np.std, "min": np.min, "max": np.max}


@dataclass(frozen=True)
class Diagnosis:
    """What is to be said of a run.

    Args:
        summary: a row a scalar of the posterior, as `zoo.inference_data.summary` has them; empty without one.
        verdicts: what was looked at, to what was found, in words.
        loo: leave-one-out cross-validation; None for a model without global latents, or without known densities.
        checks: a row a statistic of the data, against its distribution in replicated data sets.
        k_hat: of the guide; None where there is none.
    """

    summary: list[dict[str, Any]]
    verdicts: dict[str, str]
    loo: Loo | None
    checks: list[dict[str, Any]]
    k_hat: float | None

    @property
    def trusted(self) -> bool:
        """Whether nothing was found that forbids to trust the run's posterior."""
        return not any("not to be trusted" in words for words in self.verdicts.values())


def diagnose(run: Run, num_replicates: int = NUM_REPLICATES) -> Diagnosis:
    """Judge a run by its draws.

    Args:
        run: what a fit left.
        num_replicates: data sets drawn for the predictive checks.
    """
    rows = summary(run)
    left_out = loo(run) if rows else None
    k_hat = run.k_hat()
    verdicts: dict[str, str] = {}
    if run.method == "svi":
        verdicts["learning"] = learning_verdict(run)
    if run.method == "nuts":
        verdicts |= chain_verdicts(rows, run.sample_stats)
    if k_hat is not None:
        verdicts["k-hat of the guide"] = f"{k_hat:.2f}: {k_hat_note(k_hat)} (above {TRUSTED_K_HAT} is not)"
    if left_out:
        verdicts["leave-one-out"] = (
            f"elpd {left_out.elpd:.2f} (standard error over rows {left_out.se:.2f}), "
            f"{left_out.p_loo:.2f} effective parameters: {left_out.note}"
        )
    checks = list(predictive_checks(run.observed, run.posterior_predictive(num_replicates)))
    odd = [c for c in checks if _outside(c) < 0.025]
    named = [f"{c['statistic']} of {c['quantity']}" for c in (odd if len(odd) <= MOST_SHOWN else most_unlike(odd, 3))]
    more = f" and {len(odd) - len(named)} more of {len(checks)} statistics" if len(named) < len(odd) else ""
    words = f"unlike the data in {', '.join(named)}{more}" if odd else "like the data in every statistic below"
    verdicts["replicated data"] = words
    return Diagnosis(rows, verdicts, left_out, checks, k_hat)


def learning_verdict(run: Run) -> str:
    """Say whether learning has arrived, and how far the exact optimum is, if the model knows it."""
    if run.status == "complete":
        return "fitted by an earlier version, which did not look whether it had arrived"
    words = run.status if run.status == CONVERGED else f"{run.status}: not to be trusted"
    best = None if run.latents else run.model.exact.fit(run.data, **run.model.options)
    known = None if best is None else run.model.log_likelihood(run.data, best)
    if known is None:
        return words
    rows = np.asarray(known)
    short = (rows.sum() - float(np.sum(run.log_likelihood().value))) / len(rows)
    return f"{words}; {short:.2g} nats per row below the exact maximum of the likelihood"


def chain_verdicts(rows: list[dict[str, Any]], stats: Mapping[str, np.ndarray]) -> dict[str, str]:
    """Say of chains what R̂, the effective sample sizes and the divergences mean.

    Args:
        rows: of `zoo.inference_data.summary`.
        stats: sample statistics, (chain, draw) each.
    """
    found = {}
    moving = [row for row in rows if row["r_hat"] is not None]
    if moving:
        chains = len(next(iter(stats.values()))) if stats else 1
        worst = max(moving, key=lambda row: row["r_hat"])
        least = min(moving, key=lambda row: min(row["ess_bulk"], row["ess_tail"]))
        ess = min(least["ess_bulk"], least["ess_tail"])
        good = worst["r_hat"] < TRUSTED_R_HAT
        found["R-hat"] = f"{worst['r_hat']:.4f} at most, of {worst['name']}: {_trust(good)} (below {TRUSTED_R_HAT} is)"
        enough = TRUSTED_ESS_A_CHAIN * chains
        found["effective draws"] = (
            f"{ess:.0f} at least, of {least['name']}: {_trust(ess >= enough)} (from {enough} on is)"
        )
    if "diverging" in stats:
        count = int(np.sum(stats["diverging"]))
        found["divergences"] = f"{count} of {stats['diverging'].size} draws: {_trust(count == 0)}"
    return found


def predictive_checks(data: Mapping[str, np.ndarray], drawn: Mapping[str, np.ndarray]) -> Iterator[dict[str, Any]]:
    """Compare statistics of the data with those of replicated data sets.

    Steps of series (n, T, D) count as rows do, and what was not seen, NaN, does not.

    Args:
        data: observed values by site, (n, …).
        drawn: replicates of the same sites, (draw, n, …).

    Yields:
        Rows with quantity, statistic, observed, the replicates' mean and sd, and p, the share of replicates
        above the observed value (ties count half).

    >>> rows = list(predictive_checks({"x": np.arange(4.0)}, {"x": np.tile(np.arange(4.0), (10, 1))}))
    >>> rows[0]["quantity"], rows[0]["statistic"], rows[0]["observed"], rows[0]["p"]
    ('x', 'mean', 1.5, 0.5)
    """
    for name, values in drawn.items():
        if name not in data:
            continue
        x: np.ndarray = data[name]
        if x.ndim == STEPS_NDIM:
            lines = (-1, x.shape[-1])
            x, values = x.reshape(lines), values.reshape((len(values), *lines))
        for index in np.ndindex(x.shape[1:]):
            quantity = name + (f"[{', '.join(map(str, index))}]" if index else "")
            seen, made = x[(slice(None), *index)], values[(slice(None), slice(None), *index)]
            there = ~np.isnan(seen)
            seen, made = seen[there], made[:, there]
            for word, statistic in STATISTICS.items():
                observed, replicated = float(statistic(seen)), statistic(made, axis=1)
                above = np.mean(replicated > observed) + 0.5 * np.mean(replicated == observed)
                yield {
                    "quantity": quantity,
                    "statistic": word,
                    "observed": observed,
                    "replicated": float(replicated.mean()),
                    "sd": float(replicated.std()),
                    "p": float(above),
                }


def most_unlike(checks: list[dict[str, Any]], most: int = MOST_SHOWN) -> list[dict[str, Any]]:
    """Return the checks whose observed value lies furthest out among the replicates; all where they are few.

    >>> [c["p"] for c in most_unlike([{"p": p} for p in (0.5, 0.99, 0.4, 0.0)], 2)]
    [0.0, 0.99]
    """
    return checks if len(checks) <= most else sorted(checks, key=_outside)[:most]


def _outside(check: Mapping[str, Any]) -> float:
    """Return the share of replicates that lie further out, on the observed value's side."""
    return min(float(check["p"]), 1 - float(check["p"]))


def _trust(good: bool) -> str:
    return "good" if good else "not to be trusted"
