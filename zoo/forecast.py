"""What comes next in a series, as a model with a hidden chain of states foretells it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from zoo.errors import UserError
from zoo.rows import means_by_value, smoothed

if TYPE_CHECKING:
    from zoo.run import Run


@dataclass(frozen=True)
class Forecast:
    """The steps that follow each series' last one.

    Args:
        states: probability of each state (n, steps, K).
        mean: of what will be observed (n, steps, …).
    """

    states: np.ndarray
    mean: np.ndarray


def forecast(run: Run, steps: int, data: Any = None) -> Forecast:
    """Return what each series' next steps hold, averaged over the draws of the global latents.

    From p(state at the last step | x), which smoothing gives, the transition matrix leads on step by step.

    Args:
        run: of a model whose local latent is a path of states, with a site "transition".
        steps: how many to foretell.
        data: other series, as `zoo.fit` takes them; the training ones by default.

    Raises:
        UserError: the model has no path of states, or there is no step to foretell.
    """
    if steps < 1:
        raise UserError(f"forecast: steps={steps} must be at least 1")
    site = next((s for s in run.program.guide.sites if s.chain and s.kind == "latent"), None)
    if site is None or "transition" not in {**run.params, **run.draws}:
        raise UserError(f"model {run.model.name!r} has no chain of states that leads on; take 'hmm' or 'hmm_bayes'")
    rows, some = run.checked_rows(data), run.aligned()
    probs = smoothed(run, rows, some)
    last = (probs[0].sum(-1) > 0).sum(-1) - 1
    now = probs[:, np.arange(len(last)), last]
    move = some["transition"] if "transition" in some else run.params["transition"][None]
    states = []
    for _ in range(steps):
        now = np.einsum("snk,skl->snl", now, move)
        states.append(now)
    ahead = np.stack(states, 2)
    # The mean of what is observed at a step, in each state and at each draw (K, S, …).
    emitted = means_by_value(run, site.name, (site.shape[1], ahead.shape[-1]))[next(iter(run.observed))][:, :, 0]
    return Forecast(ahead.mean(0), np.einsum("snhk,ks...->nh...", ahead, emitted) / len(ahead))
